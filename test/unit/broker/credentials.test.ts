import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { credentialsChecksum, resolveCredentials } from '../../../src/broker/credentials.ts';
import { decode, encode } from '../../../src/kubernetes/secrets.ts';
import { generateToken } from '../../../src/server/generate-token.ts';
import type { Cluster } from '../../stand-in/cluster.ts';
import { at, type JsonObject, type KubeObject } from '../../stand-in/json.ts';
import { type TestApp, testApp } from '../../support/app.ts';
import { condition } from '../../support/invariants.ts';
import {
  brokerParent,
  clusterWith,
  type Hook,
  hookOf,
  meshSyncParent,
  STRATEGIES,
  settle,
  sync,
} from '../../support/scenarios.ts';

const secret = (data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'a', namespace: 'b' },
  data,
});

/** Resolves the credentials in the data of the two Secrets. */
const resolve = (auth?: Record<string, string>, server?: Record<string, string>) =>
  resolveCredentials({ auth: auth && secret(auth), server: server && secret(server) }, undefined, () => 'new');

describe('resolveCredentials', () => {
  const [mine, other, old] = [encode('mine'), encode('other'), encode('old')];

  it('generates only the credentials that are missing', () => {
    const both = { token: 'new', routePassword: 'new', generated: ['token', 'routePassword'] };
    expect(resolve()).toEqual(both);
    expect(resolve({}, {})).toEqual(both);
    expect(resolve({ token: mine }, { 'route-password': '' })).toEqual({
      ...both,
      token: 'mine',
      generated: ['routePassword'],
    });
    expect(resolve({ token: mine }, { 'route-password': other })).toEqual({
      token: 'mine',
      routePassword: 'other',
      generated: [],
    });
  });

  it('takes the route password of release 2.0 over, unless the servers have one already', () => {
    const former = { token: mine, 'route-password': old };
    expect(resolve(former)).toEqual({ token: 'mine', routePassword: 'old', generated: [] });
    expect(resolve(former, { 'route-password': other })).toMatchObject({ routePassword: 'other' });
  });

  it.each(['a b', 'a"b', 'a@b', 'a:b', 'a/b', 'ä', 'a\n', '%41', '$A'])('does not use %j as a credential', (value) => {
    const bad = { 'route-password': encode(value) };
    expect(resolve({ token: encode(value) })).toEqual({ unusable: { secret: 'auth', key: 'token' } });
    expect(resolve({ token: mine }, bad)).toEqual({ unusable: { secret: 'server', key: 'route-password' } });
    expect(resolve({ token: mine, ...bad })).toEqual({ unusable: { secret: 'auth', key: 'route-password' } });
  });

  it.each(['a', '123', '1e5', 'true', 'A-Z_a.z~0'])('uses %j as a credential', (value) => {
    expect(resolve({ token: encode(value) })).toMatchObject({ token: value });
  });
});

it('generateToken returns a letter and 256 random bits, different at each call', () => {
  const tokens = Array.from({ length: 100 }, generateToken);
  expect(new Set(tokens).size).toBe(100);
  for (const token of tokens) expect(token).toMatch(/^t[0-9a-f]{64}$/);
});

const broker = brokerParent({ size: 3 });
const hook = hookOf(testApp());

function edit(cluster: Cluster, value: string): void {
  const found = cluster.get('Secret.v1', 'meshery', 'meshery-nats-auth');
  if (!found) throw new Error('no Secret');
  cluster.edit(found, 'kubectl', ({ data }) => Object.assign(data as JsonObject, { token: encode(value) }));
}

const secretValue = (cluster: Cluster, name: string, key: string) =>
  decode(String(at(cluster.get('Secret.v1', 'meshery', name), 'data', key)));

const credentialsOf = (cluster: Cluster) => ({
  token: secretValue(cluster, 'meshery-nats-auth', 'token'),
  routePassword: secretValue(cluster, 'meshery-nats-server', 'route-password'),
});

const token = (cluster: Cluster) => secretValue(cluster, 'meshery-nats-auth', 'token');

function checksum(cluster: Cluster, group: string, name: string) {
  const object = cluster.get(group, 'meshery', name);
  return at(object, 'spec', 'template', 'metadata', 'annotations', 'meshery.io/credentials-checksum');
}

describe.each(STRATEGIES)('under %s, a token', (how) => {
  it('is rotated when the Secret is deleted, and the pods of the Broker and of MeshSync roll', async () => {
    const meshSync = meshSyncParent({ broker: { native: { name: 'meshery-broker' } } });
    const cluster = clusterWith(broker, meshSync);
    await settle(cluster, [broker, meshSync], hook, how);
    const old = token(cluster);
    const sums = () => [
      checksum(cluster, 'StatefulSet.apps/v1', 'meshery-nats'),
      checksum(cluster, 'Deployment.apps/v1', 'meshery-meshsync'),
    ];
    const [ofBroker, ofMeshSync] = sums();
    const lost = cluster.get('Secret.v1', 'meshery', 'meshery-nats-auth');
    if (lost) cluster.delete(lost);
    const waiting = await sync(cluster, meshSync, hook, how);
    expect(waiting.writes).toEqual([]);
    expect(condition(waiting.status, 'BrokerResolved')).toMatchObject({
      status: 'False',
      reason: 'CredentialsPending',
    });
    await settle(cluster, [broker, meshSync], hook, how);
    expect(token(cluster)).not.toBe(old);
    expect(sums()[0]).not.toBe(ofBroker);
    expect(sums()[1]).not.toBe(ofMeshSync);
  });

  it('reaches the pods when it is edited by hand', async () => {
    const cluster = clusterWith(broker);
    await settle(cluster, [broker], hook, how);
    const before = checksum(cluster, 'StatefulSet.apps/v1', 'meshery-nats');
    edit(cluster, 'chosen-by-hand');
    const [settled] = await settle(cluster, [broker], hook, how);
    expect(token(cluster)).toBe('chosen-by-hand');
    expect(checksum(cluster, 'StatefulSet.apps/v1', 'meshery-nats')).not.toBe(before);
    expect(condition(settled?.status, 'Ready')).toMatchObject({ status: 'True' });
  });

  it('changes no pod when it is edited by hand and invalid, which is reported in a condition', async () => {
    const cluster = clusterWith(broker);
    await settle(cluster, [broker], hook, how);
    const before = cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats');
    edit(cluster, 'not "usable"');
    const { status, errors } = await sync(cluster, broker, hook, how);
    expect(errors).toEqual([]);
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'UnusableCredential' });
    expect(JSON.stringify(status)).not.toContain('usable\\"');
    await settle(cluster, [broker], hook, how);
    expect(cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats')?.spec).toEqual(before?.spec);
    expect(token(cluster)).toBe('not "usable"');
  });

  it('is not to be deleted while it has the key of streams', async () => {
    const encrypted = brokerParent({
      jetstream: { fileStore: { size: '1Gi' }, encryptionKeySecretRef: { name: 'streams', key: 'key' } },
    });
    const adviceFor = async (parent: KubeObject) => {
      const cluster = clusterWith(parent, {
        ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'streams', namespace: 'meshery' } },
        data: { key: encode('a-key-of-16-letters') },
      });
      await settle(cluster, [parent], hook, how);
      const server = cluster.get('Secret.v1', 'meshery', 'meshery-nats-server');
      if (!server) throw new Error('no Secret');
      cluster.edit(server, 'kubectl', ({ data }) =>
        Object.assign(data as JsonObject, { 'route-password': encode('"') }),
      );
      const { status } = await sync(cluster, parent, hook, how);
      return condition(status, 'Ready');
    };
    expect(await adviceFor(broker)).toMatchObject({ message: expect.stringMatching(/delete the Secret to have/) });
    const advice = await adviceFor(encrypted);
    expect(advice).toMatchObject({ reason: 'UnusableCredential', message: expect.stringMatching(/Correct it\.$/) });
  });

  it('leaves a second Secret that the Broker owns unchanged while it is invalid', async () => {
    const cluster = clusterWith(broker);
    await settle(cluster, [broker], hook, how);
    const auth = cluster.get('Secret.v1', 'meshery', 'meshery-nats-auth');
    if (!auth) throw new Error('no Secret');
    const { ownerReferences = [], labels = {} } = auth.metadata;
    const metadata = { name: 'adopted', namespace: 'meshery', ownerReferences, labels };
    cluster.create({ apiVersion: 'v1', kind: 'Secret', metadata, data: { theirs: encode('own') } }, 'kubectl');
    edit(cluster, 'not "usable"');
    const { children } = await sync(cluster, broker, hook, how);
    expect(
      children
        .filter(({ kind }) => kind === 'Secret')
        .map(({ metadata: { name } }) => name)
        .sort(),
    ).toEqual(['adopted', 'meshery-nats-auth', 'meshery-nats-server']);
    expect(cluster.get('Secret.v1', 'meshery', 'adopted')?.data).toEqual({ theirs: encode('own') });
    expect(token(cluster)).toBe('not "usable"');
  });

  it('rolls the pods once when the Secret is deleted, however late the cache shows the new one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { maxLength: 5 }),
        fc.constantFrom('meshery-nats-auth', 'its token', 'meshery-nats-server'),
        async (lags, lost) => {
          const service = testApp();
          const cluster = clusterWith(broker);
          await settle(cluster, [broker], hookOf(service), how);
          const sums = [checksum(cluster, 'StatefulSet.apps/v1', 'meshery-nats')];
          const name = lost === 'its token' ? 'meshery-nats-auth' : lost;
          const found = cluster.get('Secret.v1', 'meshery', name);
          if (!found) throw new Error('no Secret');
          if (lost === 'its token') edit(cluster, '');
          else cluster.delete(found);
          const before = cluster.get('Secret.v1', 'meshery', name);
          // A cache that lags shows the state before the first of these syncs.
          let hasCaughtUp = false;
          for (const lag of [...lags, false, false, false]) {
            hasCaughtUp ||= !lag;
            await sync(cluster, broker, hasCaughtUp ? hookOf(service) : showing(name, before, service), how);
            sums.push(checksum(cluster, 'StatefulSet.apps/v1', 'meshery-nats'));
          }
          expect(new Set(sums).size).toBe(2);
          expect(sums.at(-1)).toBe(credentialsChecksum(credentialsOf(cluster)));
        },
      ),
      { numRuns: 15 },
    );
  });

  it('is the same everywhere after it was generated twice because the cache did not show the first Secret yet', async () => {
    const service = testApp();
    const cluster = clusterWith(broker);
    await sync(cluster, broker, blindTo('Secret.v1', service), how);
    await sync(cluster, broker, blindTo('Secret.v1', service), how);
    expect(service.generated).toHaveLength(4);
    await settle(cluster, [broker], hookOf(service), how);
    const expected = testApp();
    const other = clusterWith(broker);
    const { token: kept, routePassword } = credentialsOf(cluster);
    other.create(secretOf('meshery-nats-auth', { token: encode(kept) }), 'kubectl');
    other.create(secretOf('meshery-nats-server', { 'route-password': encode(routePassword) }), 'kubectl');
    await settle(other, [broker], hookOf(expected), how);
    expect(expected.generated).toEqual([]);
    expect(checksum(cluster, 'StatefulSet.apps/v1', 'meshery-nats')).toBe(
      checksum(other, 'StatefulSet.apps/v1', 'meshery-nats'),
    );
    const file = (each: Cluster) => secretValue(each, 'meshery-nats-server', 'credentials.conf');
    expect(file(cluster)).toContain(kept);
    expect(file(cluster)).toBe(file(other));
  });

  it('is not generated again when its new Secret is seen only as a related object', async () => {
    const service = testApp();
    const cluster = clusterWith(broker);
    await sync(cluster, broker, hookOf(service), how);
    const { children } = await sync(cluster, broker, withoutChildren(service), how);
    expect(service.generated).toHaveLength(2);
    expect(children).toHaveLength(7);
  });
});

function secretOf(name: string, data: Record<string, string>) {
  const labels = { 'controller-uid': broker.metadata.uid };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'meshery', labels }, data };
}

interface Sent {
  children?: JsonObject;
  related?: JsonObject;
}

/** The hooks behind a cache that shows an earlier state of a Secret. */
function showing(secretName: string, secret: KubeObject | undefined, service: TestApp): Hook {
  const name = `meshery/${secretName}`;
  return (path, body) => {
    const { children, related } = body as Sent;
    const stale = (objects: JsonObject = {}) => {
      const { [name]: _now, ...others } = objects['Secret.v1'] as JsonObject;
      return { ...objects, 'Secret.v1': { ...others, ...(secret && { [name]: secret }) } };
    };
    const isSync = path.endsWith('/sync');
    return hookOf(service)(path, isSync ? { ...body, children: stale(children), related: stale(related) } : body);
  };
}

/** The hooks behind a stale cache: requests have no objects of a kind. */
function blindTo(group: string, service: TestApp): Hook {
  return (path, body) => {
    const { children, related } = body as Sent;
    const without = { ...body, children: { ...children, [group]: {} }, related: { ...related, [group]: {} } };
    return hookOf(service)(path, path.endsWith('/sync') ? without : body);
  };
}

/** The hooks with requests whose children were read before the related objects. */
function withoutChildren(service: TestApp): Hook {
  return (path, body) => hookOf(service)(path, path.endsWith('/sync') ? { ...body, children: {} } : body);
}
