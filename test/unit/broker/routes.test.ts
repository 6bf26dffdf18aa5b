import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../../src/kubernetes/secrets.ts';
import { at, type JsonObject, type KubeObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { authority, issue, tlsSecret } from '../../support/certificates.ts';
import { condition } from '../../support/invariants.ts';
import { brokerParent, clusterWith, hookOf, STRATEGIES, settle } from '../../support/scenarios.ts';

const ca = await authority();
const pair = await issue(ca, '*.meshery-nats-headless.meshery.svc');
const certificates = ['routes', 'others'].map((name) => tlsSecret(name, pair, ca));
const own: KubeObject = {
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'own', namespace: 'meshery' } },
  data: { password: encode('a password') },
};

const plain = { size: 3, jetstream: { domain: 'a', memoryStore: { maxSize: '1Mi' } } };
const withTls = { ...plain, tls: { routes: { secretName: 'routes' } } };
const withHub = {
  ...plain,
  leafNodes: {
    remotes: [{ url: 'tls://hub', user: 'a', passwordSecretRef: { name: 'own' }, tls: { secretName: 'routes' } }],
  },
};
const listener = { enabled: true, authorization: { users: [{ user: 'a', passwordSecretRef: { name: 'own' } }] } };
const { jetstream: _streams, ...withoutStreams } = plain;

describe.each(STRATEGIES)('under %s, how the servers of a cluster find each other', (how) => {
  async function start(spec: JsonObject) {
    const parent = brokerParent(spec);
    const cluster = clusterWith(parent, own, ...certificates);
    const hook = hookOf(testApp());
    const settled = async () => (await settle(cluster, [parent], hook, how))[0]?.status;
    const change = async (make: (object: KubeObject) => unknown) => {
      cluster.edit(parent, 'kubectl', (object) => {
        make(object);
      });
      return condition(await settled(), 'SpecApplied');
    };
    await settled();
    return {
      edit: (next: JsonObject) => change((object) => Object.assign(object, { spec: next })),
      hibernate: (on: boolean) =>
        change(({ metadata }) =>
          Object.assign(metadata, { annotations: on ? { 'meshery.io/hibernation': 'on' } : {} }),
        ),
      state: () => {
        const server = cluster.get('Secret.v1', 'meshery', 'meshery-nats-server');
        const statefulSet = cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats');
        const conf = decode(String(at(server, 'data', 'credentials.conf')));
        return {
          template: JSON.stringify(at(statefulSet, 'spec', 'template')),
          name: /name: "([^"]+)"/.exec(conf)?.[1],
          hasTls: conf.includes('tls-routes') || conf.includes('nats-certs-routes'),
          hasHub:
            conf.includes('hub') || Object.keys(server?.data as JsonObject).some((key) => key.startsWith('leaf-')),
        };
      },
    };
  }

  it.each([
    ['TLS is added', plain, withTls, 'spec.tls.routes'],
    ['TLS is removed', withTls, plain, 'spec.tls.routes'],
    ['the first hub is added', plain, withHub, 'spec.leafNodes.remotes'],
    ['JetStream and TLS are added', withoutStreams, withTls, 'spec.tls.routes'],
  ])('stays while servers with JetStream run: %s', async (_what, before, after, field) => {
    const { edit, state, hibernate } = await start(before);
    const { template: _template, ...old } = state();
    expect(await edit(after)).toMatchObject({
      status: 'False',
      reason: 'ImmutableField',
      message: expect.stringContaining(`${field} can't change while servers with JetStream run`),
    });
    const { template: _other, ...kept } = state();
    expect(kept).toEqual(old);
    // As the message says.
    expect(await hibernate(true)).toMatchObject({ status: 'True' });
    expect(await hibernate(false)).toMatchObject({ status: 'True' });
    const { template: _last, ...applied } = state();
    expect(applied).toEqual(withoutTemplate((await start(after)).state()));
    expect(applied).not.toEqual(old);
  });

  it('changes by a roll without JetStream', async () => {
    for (const after of [withTls, withHub]) {
      const { jetstream: _jetStream, ...spec } = after;
      const { edit, state } = await start(withoutStreams);
      const before = state().template;
      expect(await edit(spec)).toMatchObject({ status: 'True' });
      expect(state().template).not.toBe(before);
    }
  });

  it('keeps the name of the cluster when its hubs are removed, and the rest of the leaf nodes when one is deferred', async () => {
    const { edit, state } = await start(withHub);
    const { name } = state();
    expect(name).toMatch(/^meshery-nats-[0-9a-f]{8}$/);
    expect(await edit(plain)).toMatchObject({ status: 'True' });
    expect(state()).toMatchObject({ name, hasHub: false });
    expect(await edit(withHub)).toMatchObject({ status: 'True' });
    const other = await start({ ...plain, leafNodes: listener });
    expect(await other.edit({ ...plain, leafNodes: { ...listener, ...withHub.leafNodes } })).toMatchObject({
      reason: 'ImmutableField',
    });
    expect(other.state()).toMatchObject({ name: 'meshery-nats', hasHub: false });
  });

  it('takes another Secret of certificates at once', async () => {
    const { edit, state } = await start(withTls);
    const before = state().template;
    expect(await edit({ ...plain, tls: { routes: { secretName: 'others' } } })).toMatchObject({ status: 'True' });
    expect(state().template).not.toBe(before);
  });
});

function withoutTemplate({ template: _template, ...state }: { template: string; [field: string]: unknown }) {
  return state;
}
