import { describe, expect, it } from 'vitest';
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
