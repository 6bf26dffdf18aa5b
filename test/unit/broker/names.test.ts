import { describe, expect, it } from 'vitest';
import { brokerNames } from '../../../src/broker/contract.ts';
import { nameProblem } from '../../../src/broker/names.ts';
import { at, type JsonObject, type KubeObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { condition } from '../../support/invariants.ts';
import {
  brokerParent,
  clusterWith,
  hookOf,
  meshSyncParent,
  STRATEGIES,
  settle,
  sync,
} from '../../support/scenarios.ts';

describe('names of the children of a Broker', () => {
  it.each([
    ['meshery-broker', 'meshery-nats'],
    ['x-broker', 'x-nats'],
    ['x', 'x-nats'],
    ['broker', 'broker-nats'],
    ['a-broker-broker', 'a-broker-nats'],
    ['brokers', 'brokers-nats'],
  ])('of %s begin with %s', (name, nats) => {
    expect(brokerNames(name)).toEqual({
      nats,
      headless: `${nats}-headless`,
      external: `${nats}-external`,
      config: `${nats}-config`,
      auth: `${nats}-auth`,
      server: `${nats}-server`,
    });
  });

  it.each(['a', 'a1', `${'x'.repeat(47)}`, `${'x'.repeat(47)}-broker`])('are valid for a Broker called %s', (name) => {
    expect(nameProblem(name)).toBeUndefined();
  });

  it.each([
    ['x'.repeat(48), 'longer than 52'],
    [`${'x'.repeat(48)}-broker`, 'longer than 52'],
    ['my.broker', 'must start with a letter'],
    ['1st-broker', 'must start with a letter'],
    ['9', 'must start with a letter'],
  ])('are invalid for a Broker called %s', (name, problem) => {
    expect(nameProblem(name)?.message).toContain(problem);
  });
});

describe('an invalid name', () => {
  it.each(['x'.repeat(60), 'my.broker', '1st'])('of a Broker, %s, is reported in a condition', async (name) => {
    const response = await testApp().post('/broker/sync', { parent: brokerParent({}, name), children: {} });
    expect(response.statusCode).toBe(200);
    expect(response.json().children).toEqual([]);
    const [ready] = at(response.json(), 'status', 'conditions') as JsonObject[];
    expect(ready).toMatchObject({ type: 'Ready', status: 'False', reason: 'InvalidSpec' });
    expect(ready?.message).toMatch(/^metadata\.name gives the (StatefulSet|Service) /);
    expect((await testApp().post('/broker/customize', { parent: brokerParent({}, name) })).statusCode).toBe(200);
  });

  it('of a budget of somebody else conflicts only with a Broker that needs one, which may be more than its spec says', async () => {
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'meshery-nats', namespace: 'meshery' },
    };
    const related = { 'PodDisruptionBudget.policy/v1': { 'meshery/meshery-nats': budget } };
    for (const [size, status] of [
      [1, 'True'],
      [3, 'False'],
    ] as const) {
      const response = await testApp().post('/broker/sync', { parent: brokerParent({ size }), children: {}, related });
      const conditions = at(response.json(), 'status', 'conditions');
      expect(conditions).toContainEqual(expect.objectContaining({ type: 'NamesAvailable', status }));
      expect(response.text.includes('maxUnavailable')).toBe(false);
    }
    const { relatedResources } = (await testApp().post('/broker/customize', { parent: brokerParent({}) })).json();
    expect(relatedResources).toContainEqual(expect.objectContaining({ resource: 'poddisruptionbudgets' }));
  });

  it('of a MeshSync with 64 characters is reported in a condition, while one with 63 is valid', async () => {
    const spec = { broker: { custom: { url: 'nats://a' } } };
    const responses = [64, 63].map((length) =>
      testApp().post('/meshsync/sync', { parent: meshSyncParent(spec, 'm'.repeat(length)), children: {} }),
    );
    const [rejected, accepted] = (await Promise.all(responses)).map((response) => response.json());
    expect(rejected?.children).toEqual([]);
    expect(at(rejected, 'status', 'conditions', 0, 'message')).toMatch(/^metadata\.name is longer than 63 characters/);
    expect(accepted?.children).toHaveLength(2);
  });

  it('is not a name of a MeshSync with dots and digits', async () => {
    const parent = meshSyncParent({ broker: { custom: { url: 'nats://a' } } }, '1.meshsync');
    const response = await testApp().post('/meshsync/sync', { parent, children: {} });
    expect(condition(response.json().status, 'SpecApplied')).toMatchObject({ status: 'True' });
  });
});

describe.each(STRATEGIES)('under %s, a name conflict', (how) => {
  it('with Broker X keeps X-broker from creating children, and its condition names the owner', async () => {
    const first = brokerParent({}, 'x-broker');
    const second = brokerParent({}, 'x');
    const cluster = clusterWith(first, second);
    const hook = hookOf(testApp());
    await settle(cluster, [first], hook, how);
    const before = cluster.all('Secret.v1');
    const { children, status, writes } = await sync(cluster, second, hook, how);
    expect([children, writes]).toEqual([[], []]);
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'NameConflict' });
    const message = at(condition(status, 'NamesAvailable'), 'message');
    for (const child of ['Secret x-nats-auth', 'ConfigMap x-nats-config', 'Service x-nats', 'StatefulSet x-nats']) {
      expect(message).toContain(`${child} is controlled by Broker x-broker; rename or delete one of the two.`);
    }
    expect(cluster.all('Secret.v1')).toEqual(before);
    expect(condition((await sync(cluster, first, hook, how)).status, 'Ready')).toMatchObject({ status: 'True' });
  });

  it('with an object without an owner leaves that object unchanged until the user hands it over by its label', async () => {
    const broker = brokerParent();
    const metadata = { name: 'meshery-nats-auth', namespace: 'meshery' };
    const secret: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata, data: { token: 'bWluZQ==' } };
    const cluster = clusterWith(broker, secret);
    const hook = hookOf(testApp());
    const conflicting = await sync(cluster, broker, hook, how);
    expect(conflicting.children.map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'Service', 'Service']);
    expect(at(condition(conflicting.status, 'NamesAvailable'), 'message')).toBe(
      `Secret meshery-nats-auth was not created by this Broker; delete or rename it, or label it controller-uid=${broker.metadata.uid} to have it adopted.`,
    );
    cluster.edit(secret, 'kubectl', ({ metadata }) => {
      metadata.labels = { 'controller-uid': broker.metadata.uid };
    });
    const [settled] = await settle(cluster, [broker], hook, how);
    expect(condition(settled?.status, 'Ready')).toMatchObject({ status: 'True' });
    expect(at(cluster.get('Secret.v1', 'meshery', 'meshery-nats-auth'), 'data', 'token')).toBe('bWluZQ==');
  });

  it.each(['meshery-nats-auth', 'meshery-nats-server'])(
    'for Secret %s starts no servers, and settles',
    async (name) => {
      const broker = brokerParent({ size: 3 });
      const secret: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'meshery' } };
      const cluster = clusterWith(broker, secret);
      const hook = hookOf(testApp());
      const [settled] = await settle(cluster, [broker], hook, how);
      expect(at(condition(settled?.status, 'NamesAvailable'), 'message')).toContain(
        `Secret ${name} was not created by`,
      );
      expect(cluster.all('StatefulSet.apps/v1')).toEqual([]);
      cluster.delete(secret);
      const [ready] = await settle(cluster, [broker], hook, how);
      expect(condition(ready?.status, 'Ready')).toMatchObject({ status: 'True' });
    },
  );

  it.each([
    ['ServiceAccount.v1', { apiVersion: 'v1', kind: 'ServiceAccount' }],
    ['Deployment.apps/v1', { apiVersion: 'apps/v1', kind: 'Deployment' }],
  ])('of a MeshSync for its %s starts no pods', async (group, identity) => {
    const meshSync = meshSyncParent({ broker: { custom: { url: 'nats://a' } } });
    const metadata = { name: 'meshery-meshsync', namespace: 'meshery' };
    const spec = { replicas: 1, selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } } } };
    const cluster = clusterWith(meshSync, { ...identity, metadata, ...(group !== 'ServiceAccount.v1' && { spec }) });
    const before = cluster.get(group, 'meshery', 'meshery-meshsync');
    const { children, status } = await sync(cluster, meshSync, hookOf(testApp()), how);
    expect(children.filter(({ kind }) => kind === 'Deployment')).toEqual([]);
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'NameConflict' });
    expect(cluster.get(group, 'meshery', 'meshery-meshsync')).toEqual(before);
  });

  it('with a child of a deleted Broker of the same name is reported until the garbage collector has deleted that child', async () => {
    const former = brokerParent();
    const cluster = clusterWith(former);
    const hook = hookOf(testApp());
    await settle(cluster, [former], hook, how);
    const broker = brokerParent();
    broker.metadata.uid = 'another-uid';
    cluster.delete(former);
    cluster.create(broker, 'kubectl');
    const { children, status } = await sync(cluster, broker, hook, how);
    expect(children).toEqual([]);
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'NamePending' });
    expect(at(condition(status, 'NamesAvailable'), 'message')).toContain(
      'Secret meshery-nats-auth belongs to a deleted Broker meshery-broker; it is re-created once Kubernetes has garbage-collected it.',
    );
  });
});
