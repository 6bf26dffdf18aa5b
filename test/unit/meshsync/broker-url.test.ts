import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encode } from '../../../src/kubernetes/secrets.ts';
import { parseBrokerUrl, withCredentials } from '../../../src/meshsync/broker-url.ts';
import { at, type JsonObject, type KubeObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { condition } from '../../support/invariants.ts';
import { clusterWith, hookOf, meshSyncParent, STRATEGIES, settle } from '../../support/scenarios.ts';

describe('the URL of a broker', () => {
  it.each([
    ['nats://a:4222', 'nats://a:4222', false],
    ['a', 'nats://a', false],
    ['a:4333', 'nats://a:4333', false],
    ['tls://a/', 'tls://a', false],
    ['wss://a:443', 'wss://a', true], // redacts more than it must, in case of doubt
    ['nats://[2001:db8::1]:4222', 'nats://[2001:db8::1]:4222', false],
    ['nats://t@a', 'nats://a', true],
    ['t@a', 'nats://a', true],
    ['nats://u:p@a:4222', 'nats://a:4222', true],
    ['nats://a?token=t', 'nats://a', true],
    ['nats://a/path', 'nats://a', true],
    ['nats://a:4222,nats://b:4222', 'nats://a:4222/,nats://b:4222', false],
    ['a,b,c', 'nats://a/,nats://b/,nats://c', false],
    ['nats://a/,nats://b', 'nats://a/,nats://b', false],
    ['a,t@b', 'nats://a/,nats://b', true],
  ])('%s is redacted as %s', (text, redacted, hasCredentials) => {
    expect(parseBrokerUrl(text)).toMatchObject({ redacted, hasCredentials });
  });

  it.each(['', ',', 'a,', ',a', 'a,,b', 'nats://', 'nats://@', 'nats://:4222', 'nats://a:x', 'http://[1'])(
    '%j is no URL',
    (text) => {
      expect(parseBrokerUrl(text)).toBeUndefined();
    },
  );

  it.each([
    ['nats://[2001:db8::1]:4222', true],
    ['[::1]', true],
    ['tls://t@[::1]:4222,a', true],
    ['a,nats://[::1]:4222', false],
    ['192.0.2.1:4222', false],
    ['nats://a:4222', false],
  ])('%s begins with an IPv6 address: %s', (text, expected) => {
    expect(parseBrokerUrl(text)?.isIPv6Address).toBe(expected);
  });

  it('is passed to MeshSync unchanged, and redacted everywhere else without its credentials', () => {
    const word = fc.stringMatching(/^Q[a-zA-Z0-9]{5,20}$/);
    const url = fc.record({
      host: fc.domain(),
      user: fc.option(word),
      password: fc.option(word),
      port: fc.nat(65_535),
    });
    fc.assert(
      fc.property(fc.array(url, { minLength: 1, maxLength: 4 }), (urls) => {
        const text = urls
          .map(
            ({ host, user, password, port }) => `${[user, password].flatMap((w) => w ?? []).join(':')}@${host}:${port}`,
          )
          .map((one) => one.replace(/^@/, ''))
          .join(',');
        const parsed = parseBrokerUrl(text);
        expect(parsed?.full.replaceAll('nats://', '').replaceAll('/', '')).toBe(text);
        for (const { user, password } of urls) {
          for (const credential of [user, password]) if (credential) expect(parsed?.redacted).not.toContain(credential);
        }
        expect(parsed?.hasCredentials).toBe(urls.some(({ user, password }) => user !== null || password !== null));
      }),
    );
  });

  it('may have a variable as its user, for each of several servers', () => {
    expect(withCredentials('nats://a:4222', 'X')).toBe('nats://$(X)@a:4222');
    expect(withCredentials('nats://a/,tls://b', 'X')).toBe('nats://$(X)@a/,tls://$(X)@b');
  });
});

const hook = hookOf(testApp());

const secret = (name: string, data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'meshery' },
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, encode(value)])),
});

const custom = (fields: JsonObject) => meshSyncParent({ broker: { custom: { url: 'nats://a,b', ...fields } } });

const REF = 'spec.broker.custom.credentialsSecretRef';

describe.each(STRATEGIES)('under %s, a custom broker with Secrets of the user', (how) => {
  it('gets its credentials and certificates from them, and rolls once when they change', async () => {
    const parent = custom({ credentialsSecretRef: { name: 'mine' }, caSecretRef: { name: 'ca', key: 'bundle' } });
    const cluster = clusterWith(parent, secret('mine', { credentials: 'u:p' }), secret('ca', { bundle: 'PEM' }));
    const [outcome] = await settle(cluster, [parent], hook, how);
    expect(condition(outcome?.status, 'Ready')).toMatchObject({ status: 'True' });
    expect(outcome?.status['publishing-to']).toBe('nats://a/,nats://b');
    const deployment = () => cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync');
    const pod = at(deployment(), 'spec', 'template', 'spec');
    expect(at(pod, 'containers', 0, 'env')).toEqual([
      { name: 'BROKER_CREDENTIALS', valueFrom: { secretKeyRef: { key: 'credentials', name: 'mine' } } },
      { name: 'BROKER_URL', value: 'nats://$(BROKER_CREDENTIALS)@a/,nats://$(BROKER_CREDENTIALS)@b' },
      { name: 'SSL_CERT_DIR', value: '/etc/meshery/broker-ca' },
    ]);
    expect(at(pod, 'volumes')).toContainEqual({
      name: 'broker-ca',
      secret: { defaultMode: 0o644, items: [{ key: 'bundle', path: 'ca.crt' }], secretName: 'ca' },
    });
    expect(cluster.get('Secret.v1', 'meshery', 'meshery-meshsync-broker-auth')).toBeUndefined();
    const templates = new Set([JSON.stringify(at(deployment(), 'spec', 'template'))]);
    for (const change of [secret('mine', { credentials: 'u:q' }), secret('ca', { bundle: 'PEM2' })]) {
      cluster.edit(change, 'somebody', (object) => {
        object.data = change.data as JsonObject;
      });
      await settle(cluster, [parent], hook, how);
      templates.add(JSON.stringify(at(deployment(), 'spec', 'template')));
    }
    expect(templates.size).toBe(3);
  });

  it.each([
    ['no Secret', [], 'SecretNotFound', `${REF}: Secret mine does not exist`],
    [
      'a Secret without the key',
      [secret('mine', { other: 'x' })],
      'SecretKeyMissing',
      `${REF}: Secret mine has no key credentials`,
    ],
    [
      'an empty key',
      [secret('mine', { credentials: '' })],
      'SecretKeyMissing',
      `${REF}: Secret mine has no key credentials`,
    ],
    [
      'a line break',
      [secret('mine', { credentials: 'u:p\n' })],
      'SecretInvalid',
      `${REF}: key credentials of Secret mine must be`,
    ],
    [
      'an @',
      [secret('mine', { credentials: 'u:p@evil' })],
      'SecretInvalid',
      `${REF}: key credentials of Secret mine must be`,
    ],
    [
      'a comma',
      [secret('mine', { credentials: 'a,b' })],
      'SecretInvalid',
      `${REF}: key credentials of Secret mine must be`,
    ],
    [
      'a variable that Kubernetes would expand',
      [secret('mine', { credentials: '$(NATS_TOKEN)' })],
      'SecretInvalid',
      `${REF}: key credentials of Secret mine must be`,
    ],
  ])(
    'waits while there is %s, reports it, and starts when it is corrected',
    async (_what, secrets, reason, message) => {
      const parent = custom({ credentialsSecretRef: { name: 'mine' } });
      const cluster = clusterWith(parent, ...secrets);
      const [waiting] = await settle(cluster, [parent], hook, how);
      expect(waiting?.children.map(({ kind }) => kind)).toEqual(['ServiceAccount']);
      const expected = { status: 'False', reason, message: expect.stringContaining(message) };
      expect(condition(waiting?.status, 'Ready')).toMatchObject(expected);
      expect(condition(waiting?.status, 'BrokerResolved')).toMatchObject(expected);
      const corrected = secret('mine', { credentials: 't0ken' });
      if (secrets.length > 0) cluster.delete(corrected);
      cluster.create(corrected, 'somebody');
      const [ready] = await settle(cluster, [parent], hook, how);
      expect(condition(ready?.status, 'Ready')).toMatchObject({ status: 'True' });
    },
  );

  it('keeps its children when the Secret is deleted', async () => {
    const parent = custom({ credentialsSecretRef: { name: 'mine' } });
    const own = secret('mine', { credentials: 't0ken' });
    const cluster = clusterWith(parent, own);
    await settle(cluster, [parent], hook, how);
    const before = cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync')?.spec;
    cluster.delete(own);
    const [notFound] = await settle(cluster, [parent], hook, how);
    expect(condition(notFound?.status, 'Ready')).toMatchObject({ status: 'False', reason: 'SecretNotFound' });
    expect(cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync')?.spec).toEqual(before);
  });

  it('keeps a URL with credentials, and its certificates, out of the pod spec', async () => {
    const parent = meshSyncParent({
      broker: { custom: { url: 'tls://hidden@a,tls://b', caSecretRef: { name: 'ca' } } },
    });
    const cluster = clusterWith(parent, secret('ca', { 'ca.crt': 'PEM' }));
    await settle(cluster, [parent], hook, how);
    expect(cluster.get('Secret.v1', 'meshery', 'meshery-meshsync-broker-auth')?.data).toEqual({
      url: encode('tls://hidden@a/,tls://b'),
    });
    const deployment = cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync');
    expect(JSON.stringify({ ...deployment, metadata: {} })).not.toContain('hidden');
    expect(at(deployment, 'spec', 'template', 'spec', 'volumes', 1, 'secret', 'secretName')).toBe('ca');
  });

  it('rejects credentials in its URL together with those of a Secret', async () => {
    const parent = custom({ url: 'nats://a@b', credentialsSecretRef: { name: 'mine' } });
    const [rejected] = await settle(clusterWith(parent), [parent], hook, how);
    expect(condition(rejected?.status, 'SpecApplied')).toMatchObject({
      reason: 'InvalidSpec',
      message: expect.stringContaining('spec.broker.custom.url must not contain credentials'),
    });
  });

  it('is not an IPv6 address, with which no MeshSync can start: a running one is left unchanged', async () => {
    const parent = custom({});
    const cluster = clusterWith(parent);
    const [before] = await settle(cluster, [parent], hook, how);
    cluster.edit(parent, 'kubectl', (object) => {
      object.spec = { broker: { custom: { url: 'nats://[2001:db8::1]:4222' } } };
    });
    const [after] = await settle(cluster, [parent], hook, how);
    expect(condition(after?.status, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'AddressNotSupported',
      message: expect.stringContaining('a DNS name'),
    });
    const deployment = (outcome: typeof after) => outcome?.children.find(({ kind }) => kind === 'Deployment');
    expect(at(deployment(after), 'spec')).toEqual(at(deployment(before), 'spec'));
  });
});
