import { describe, expect, it } from 'vitest';
import { resolveBroker } from '../../../src/broker/spec.ts';
import { encode } from '../../../src/kubernetes/secrets.ts';
import { at, type JsonObject, type KubeObject } from '../../stand-in/json.ts';
import { START, testApp } from '../../support/app.ts';
import { authority, issue, issueUntil, tlsData } from '../../support/certificates.ts';
import { condition } from '../../support/invariants.ts';
import { brokerParent, clusterWith, hookOf, settle } from '../../support/scenarios.ts';

const ca = await authority();
const pair = await issue(ca, 'meshery-nats.meshery.svc');
const sound = tlsData(pair, ca);
const other = tlsData(await issue(ca, 'other.example.com'), ca);

const secret = (name: string, data: Record<string, string>, namespace = 'meshery'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace },
  data,
});

async function sync(spec: JsonObject, secrets: KubeObject[]) {
  const byName = Object.fromEntries(secrets.map((each) => [`${each.metadata.namespace}/${each.metadata.name}`, each]));
  const body = { parent: brokerParent(spec), children: {}, related: { 'Secret.v1': byName } };
  const { status, children } = (await testApp().post('/broker/sync', body)).json();
  return { status, children: children as unknown as KubeObject[] };
}

const forRoutes = await issue(ca, '*.meshery-nats-headless.meshery.svc');
const routes = { size: 3, tls: { routes: { secretName: 'routes' } } };
const reader = (reference: JsonObject) => ({ auth: { users: [{ user: 'reader', ...reference }] } });
const byPassword = reader({ passwordSecretRef: { name: 'own' } });
const byKey = reader({ nkeySecretRef: { name: 'own' } });
const hub = (reference: JsonObject) => ({ leafNodes: { remotes: [{ url: 'tls://hub', ...reference }] } });
const listener = (more: JsonObject) => ({
  leafNodes: { enabled: true, authorization: { users: [{ user: 'a', passwordSecretRef: { name: 'own' } }] }, ...more },
});
const PASSWORD = { password: encode('a password') };
const NKEY = 'UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4';

const tls = { tls: { secretName: 'nats-tls' } };
const own = { auth: { tokenSecretRef: { name: 'own' } } };

describe('a Broker that refers to Secrets', () => {
  it.each<[string, JsonObject, KubeObject[], string, string]>([
    ['does not exist', own, [], 'SecretNotFound', 'spec.auth.tokenSecretRef: Secret own does not exist'],
    ['is in another namespace', own, [secret('own', { token: encode('a') }, 'other')], 'SecretNotFound', 'own'],
    ['lacks the key', own, [secret('own', { password: encode('a') })], 'SecretKeyMissing', 'has no key token'],
    [
      'lacks a key of a name that JavaScript knows',
      { auth: { tokenSecretRef: { name: 'own', key: 'constructor' } } },
      [secret('own', { password: encode('a') })],
      'SecretKeyMissing',
      'has no key constructor',
    ],
    ['has an empty key', own, [secret('own', { token: '' })], 'SecretKeyMissing', 'has no key token'],
    ['has a line break', own, [secret('own', { token: encode('a\n') })], 'SecretInvalid', 'without a line break'],
    ['does not exist', tls, [], 'SecretNotFound', 'spec.tls.secretName: Secret nats-tls does not exist'],
    ['has no certificate', tls, [secret('nats-tls', { ...sound, 'tls.crt': '' })], 'SecretKeyMissing', 'tls.crt'],
    ['has no key', tls, [secret('nats-tls', { ...sound, 'tls.key': '' })], 'SecretKeyMissing', 'tls.key'],
    [
      'has no authority to verify clients',
      { tls: { secretName: 'nats-tls', verify: true } },
      [secret('nats-tls', tlsData(pair, undefined))],
      'SecretKeyMissing',
      'ca.crt',
    ],
    ['has no PEM', tls, [secret('nats-tls', { ...sound, 'tls.crt': encode('x') })], 'SecretInvalid', 'tls.crt is not'],
    [
      'has the key of another certificate',
      tls,
      [secret('nats-tls', { ...sound, 'tls.key': other['tls.key'] ?? '' })],
      'SecretInvalid',
      'tls.key is not the key of tls.crt',
    ],
    ['has a broken key', tls, [secret('nats-tls', { ...sound, 'tls.key': encode('x') })], 'SecretInvalid', 'tls.key'],
    [
      'has a broken authority',
      tls,
      [secret('nats-tls', { ...sound, 'ca.crt': encode('x') })],
      'SecretInvalid',
      'ca.crt',
    ],
    ['has no password', byPassword, [secret('own', {})], 'SecretKeyMissing', 'spec.auth.users[0].passwordSecretRef: '],
    [
      'has a password with a line break',
      byPassword,
      [secret('own', { password: encode('a\n') })],
      'SecretInvalid',
      'spec.auth.users[0].passwordSecretRef: in Secret own, key password must have at most 256 ASCII characters',
    ],
    ['has no NKey', byKey, [secret('own', { nkey: encode(`${NKEY}\n`) })], 'SecretInvalid', 'public NKey of a user'],
    ['has a seed', byKey, [secret('own', { nkey: encode(`S${NKEY}AA`) })], 'SecretInvalid', 'a seed'],
    [
      'has the NKey of another user',
      { auth: { users: ['a', 'b'].map((user) => ({ user, nkeySecretRef: { name: 'own' } })) } },
      [secret('own', { nkey: encode(NKEY) })],
      'SecretInvalid',
      'spec.auth.users[1].nkeySecretRef: in Secret own, key nkey is the NKey of another user',
    ],
    [
      'has an NKey with a typing error',
      byKey,
      [secret('own', { nkey: encode(NKEY.replace('X', 'Y')) })],
      'SecretInvalid',
      'spec.auth.users[0].nkeySecretRef',
    ],
    [
      'has an NKey of an account',
      byKey,
      [secret('own', { nkey: encode(NKEY.replace('U', 'A')) })],
      'SecretInvalid',
      'which begins with U',
    ],
    [
      'has no password for leaf nodes',
      listener({}),
      [secret('own', {})],
      'SecretKeyMissing',
      'spec.leafNodes.authorization.users[0].passwordSecretRef: ',
    ],
    [
      'has no key for leaf nodes',
      listener({ tls: { secretName: 'nats-tls' } }),
      [secret('own', PASSWORD), secret('nats-tls', { ...sound, 'tls.key': encode('x') })],
      'SecretInvalid',
      'spec.leafNodes.tls.secretName: in Secret nats-tls, tls.key is not a private key',
    ],
    [
      'does not exist, for WebSocket',
      { websocket: { enabled: true, tls: { secretName: 'nats-tls' } } },
      [],
      'SecretNotFound',
      'spec.websocket.tls.secretName: ',
    ],
    [
      'has no credentials file',
      hub({ credentialsSecretRef: { name: 'own' } }),
      [secret('own', { 'nats.creds': encode('-----BEGIN NATS USER JWT-----') })],
      'SecretInvalid',
      'spec.leafNodes.remotes[0].credentialsSecretRef: in Secret own, key nats.creds must be a credentials file',
    ],
    [
      'has no authority of a hub',
      hub({ tls: { secretName: 'own' } }),
      [secret('own', {})],
      'SecretKeyMissing',
      'spec.leafNodes.remotes[0].tls.secretName: Secret own has no key ca.crt',
    ],
    [
      'has the key of another certificate, for a hub',
      hub({ tls: { secretName: 'own' } }),
      [secret('own', { ...sound, 'tls.key': other['tls.key'] ?? '' })],
      'SecretInvalid',
      'tls.key is not the key of tls.crt',
    ],
    [
      'has no authority for routes',
      routes,
      [secret('routes', tlsData(forRoutes, undefined))],
      'SecretKeyMissing',
      'ca.crt',
    ],
    [
      'has a certificate that is not for routes',
      routes,
      [secret('routes', sound)],
      'SecretInvalid',
      'spec.tls.routes.secretName: in Secret routes, the certificate is refused by the other servers: it is not valid for the name by which they connect. Add meshery-nats-0.meshery-nats-headless.meshery.svc to its DNS names',
    ],
  ])('reports a Secret that %s', async (_what, spec, secrets, reason, text) => {
    const { status, children } = await sync(spec, secrets);
    expect(children).toEqual([]);
    for (const type of ['Ready', 'SpecApplied']) {
      expect(condition(status, type)).toMatchObject({ status: 'False', reason });
      expect(at(condition(status, type) as unknown as JsonObject, 'message')).toContain(text);
    }
  });

  it('uses a certificate without an authority, which clients then verify by public authorities', async () => {
    const { children } = await sync(tls, [secret('nats-tls', tlsData(pair, undefined))]);
    const auth = children.find(({ kind }) => kind === 'Secret');
    expect(at(auth, 'data', 'ca.crt')).toBeUndefined();
    expect(at(auth, 'data', 'url')).toBe(encode('tls://meshery-nats.meshery.svc:4222'));
  });

  it('reports whether the certificate is valid in the cluster, and is Ready either way', async () => {
    const cluster = clusterWith(brokerParent(tls), secret('nats-tls', other));
    const [outcome] = await settle(cluster, [brokerParent(tls)], hookOf(testApp()), 'server-side-apply');
    expect(condition(outcome?.status, 'CertificateCoversService')).toMatchObject({
      status: 'False',
      reason: 'NameMissing',
      message:
        'MeshSync and other clients in the cluster refuse the certificate of Secret nats-tls: it is not valid for the name by which they connect. Add meshery-nats.meshery.svc to its DNS names (subject alternative names).',
    });
    expect(condition(outcome?.status, 'Ready')).toMatchObject({ status: 'True' });
  });

  it.each([
    ['in 31 days', 31, 'True', 'Covered', 'The certificate is valid for meshery-nats.meshery.svc.'],
    [
      'in 29 days',
      29,
      'True',
      'ExpiresSoon',
      'Clients accept the certificate of Secret nats-tls now, but it expires at 2026-03-04T04:05:06Z. Renew it.',
    ],
    [
      'yesterday',
      -1,
      'False',
      'Expired',
      'MeshSync and other clients in the cluster refuse the certificate of Secret nats-tls: it expired at 2026-02-02T04:05:06Z. Renew it.',
    ],
  ])('reports a certificate that expires %s, and is Ready', async (_when, days, status, reason, message) => {
    const until = new Date(Date.parse(START) + days * 86_400_000);
    const data = tlsData(await issueUntil(until, ca, 'meshery-nats.meshery.svc'), ca);
    const cluster = clusterWith(brokerParent(tls), secret('nats-tls', data));
    const [outcome] = await settle(cluster, [brokerParent(tls)], hookOf(testApp()), 'server-side-apply');
    expect(condition(outcome?.status, 'CertificateCoversService')).toMatchObject({ status, reason, message });
    expect(condition(outcome?.status, 'Ready')).toMatchObject({ status: 'True' });
  });

  it.each([
    ['in 31 days', 31, 'True', 'Valid', 'The servers accept the certificate of Secret routes.'],
    [
      'in 29 days',
      29,
      'True',
      'ExpiresSoon',
      'The servers accept the certificate of Secret routes now, but it expires at 2026-03-04T04:05:06Z. Renew it.',
    ],
    [
      'yesterday',
      -1,
      'False',
      'Expired',
      'The servers refuse the certificate of Secret routes: it expired at 2026-02-02T04:05:06Z. Renew it.',
    ],
  ])('reports a certificate of routes that expires %s, and is Ready', async (_when, days, status, reason, message) => {
    const until = new Date(Date.parse(START) + days * 86_400_000);
    const data = tlsData(await issueUntil(until, ca, '*.meshery-nats-headless.meshery.svc'), ca);
    const cluster = clusterWith(brokerParent(routes), secret('routes', data));
    const [outcome] = await settle(cluster, [brokerParent(routes)], hookOf(testApp()), 'server-side-apply');
    expect(condition(outcome?.status, 'RouteCertificateValid')).toMatchObject({ status, reason, message });
    expect(condition(outcome?.status, 'Ready')).toMatchObject({ status: 'True' });
  });

  it('needs no certificate of routes with one server', async () => {
    const { status, children } = await sync({ ...routes, size: 1 }, []);
    expect(children.map(({ kind }) => kind)).toContain('StatefulSet');
    expect(condition(status, 'RouteCertificateValid')).toBeUndefined();
  });

  it('keeps its children while a Secret is missing, and keeps the last token when the reference is removed', async () => {
    const service = testApp();
    const parent = brokerParent({ ...own, ...tls });
    const cluster = clusterWith(parent, secret('nats-tls', sound), secret('own', { token: encode('mine') }));
    await settle(cluster, [parent], hookOf(service), 'dynamic-apply');
    const before = cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats');
    cluster.delete(secret('own', {}));
    const [away] = await settle(cluster, [parent], hookOf(service), 'dynamic-apply');
    expect(condition(away?.status, 'Ready')).toMatchObject({ status: 'False', reason: 'SecretNotFound' });
    expect(cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats')?.spec).toEqual(before?.spec);
    cluster.edit(parent, 'kubectl', (object) => {
      object.spec = tls;
    });
    await settle(cluster, [parent], hookOf(service), 'dynamic-apply');
    expect(at(cluster.get('Secret.v1', 'meshery', 'meshery-nats-auth'), 'data', 'token')).toBe(encode('mine'));
    expect(cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats')?.spec).toEqual(before?.spec);
  });

  it('requests those of users, leaf nodes, hubs, listeners, routes and streams too', async () => {
    const named = (name: string) => ({ name });
    const spec = {
      auth: {
        users: [
          { user: 'a', passwordSecretRef: named('a') },
          { user: 'b', nkeySecretRef: named('b') },
        ],
      },
      tls: { routes: { secretName: 'c' } },
      leafNodes: {
        ...{ enabled: true, tls: { secretName: 'd' } },
        authorization: { users: [{ user: 'a', passwordSecretRef: named('e') }] },
        remotes: [
          { url: 'tls://a', user: 'a', passwordSecretRef: named('f'), tls: { secretName: 'g' } },
          { url: 'tls://b', credentialsSecretRef: named('h') },
        ],
      },
      websocket: { enabled: true, tls: { secretName: 'i' } },
      jetstream: { domain: 'a', fileStore: { size: '1Gi' }, encryptionKeySecretRef: named('j') },
    };
    const response = await testApp().post('/broker/customize', { parent: brokerParent(spec) });
    const [{ names } = {}] = response.json().relatedResources as { names?: string[] }[];
    expect(names?.toSorted()).toEqual([
      ...['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'meshery-nats-auth', 'meshery-nats-server'],
    ]);
    // None of them may be one that the operator makes.
    const given = JSON.stringify(spec);
    for (const letter of 'abcdefghij') {
      const own = JSON.parse(
        given.replace(new RegExp(`"(name|secretName)":"${letter}"`), '"$1":"meshery-nats-server"'),
      ) as JsonObject;
      expect(resolveBroker(brokerParent(own)), letter).toMatchObject({
        message: 'must name a Secret of yours, not meshery-nats-server, which the operator creates',
      });
    }
  });

  it('requests them by name as related objects, each once', async () => {
    const spec = { auth: { tokenSecretRef: { name: 'shared' } }, tls: { secretName: 'shared' } };
    const response = await testApp().post('/broker/customize', { parent: brokerParent(spec) });
    expect(response.json().relatedResources).toContainEqual({
      apiVersion: 'v1',
      resource: 'secrets',
      namespace: 'meshery',
      names: ['meshery-nats-auth', 'meshery-nats-server', 'shared'],
    });
  });
});

it('a MeshSync of a Broker that requires client certificates keeps its children, and reports why', async () => {
  const service = testApp();
  const parent = {
    apiVersion: 'meshery.io/v1alpha2',
    kind: 'MeshSync',
    metadata: { name: 'm', namespace: 'meshery', uid: 'u', generation: 1 },
    spec: { broker: { native: { name: 'meshery-broker' } } },
  };
  const broker = brokerParent({ tls: { secretName: 'nats-tls', verify: true } });
  const related = { 'Broker.meshery.io/v1alpha2': { 'meshery/meshery-broker': broker } };
  const { status, children } = (await service.post('/meshsync/sync', { parent, children: {}, related })).json();
  expect(condition(status, 'BrokerResolved')).toMatchObject({ status: 'False', reason: 'ClientCertificateRequired' });
  expect((children as unknown as KubeObject[]).map(({ kind }) => kind)).toEqual(['ServiceAccount']);
});

it('a MeshSync of a Broker with an HTTPS monitoring port keeps its children, and reports why', async () => {
  const parent = {
    ...{ apiVersion: 'meshery.io/v1alpha2', kind: 'MeshSync' },
    metadata: { name: 'm', namespace: 'meshery', uid: 'u', generation: 1 },
    spec: { broker: { native: { name: 'meshery-broker' } } },
  };
  const broker = brokerParent({ tls: { secretName: 'nats-tls', monitor: true } });
  const related = { 'Broker.meshery.io/v1alpha2': { 'meshery/meshery-broker': broker } };
  const { status } = (await testApp().post('/meshsync/sync', { parent, children: {}, related })).json();
  expect(condition(status, 'BrokerResolved')).toMatchObject({ status: 'False', reason: 'MonitorEncrypted' });
});

describe('a password that NATS takes for a bcrypt hash', () => {
  const HASH = '$2b$04$abcdefghijklmnopqrstuuQCzP7jzWZS/E3GL4oF3LWbHm3pfKHH.';
  const applied = async (spec: JsonObject, password: string) =>
    condition((await sync(spec, [secret('own', { password: encode(password) })])).status, 'SpecApplied');

  it.each([HASH.slice(0, -1), `${HASH}a`, '$2a$11$', HASH.replace('$04$', '$31$'), HASH.replace('$04$', '$03$')])(
    '%s is refused where it is none, or takes too long',
    async (password) => {
      for (const spec of [byPassword, listener({})]) {
        const message = expect.stringContaining('begins like a bcrypt hash, but is none that NATS can compare in time');
        expect(await applied(spec, password)).toMatchObject({ reason: 'SecretInvalid', message });
      }
      // It is a password like any other where this Broker is the client.
      const remote = hub({ user: 'a', passwordSecretRef: { name: 'own' } });
      expect(await applied(remote, password)).toMatchObject({ status: 'True' });
    },
  );

  it.each([HASH, HASH.replace('$2b$', '$2y$'), '$2', '$2z$11$'])('%s is used', async (password) => {
    for (const spec of [byPassword, listener({})])
      expect(await applied(spec, password)).toMatchObject({ status: 'True' });
  });
});
