import { describe, expect, it } from 'vitest';
import { encode } from '../../../src/kubernetes/secrets.ts';
import { at, type JsonObject, type KubeObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { authority, issue, tlsData } from '../../support/certificates.ts';
import { brokerParent, clusterWith, hookOf, settle } from '../../support/scenarios.ts';

const ca = await authority();
const other = await authority('another');
const names = ['meshery-nats.meshery.svc', '*.meshery-nats-headless.meshery.svc'];
const [pair, renewed] = [await issue(ca, ...names), await issue(ca, ...names)];

const secret = (name: string, data: JsonObject): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'meshery' },
  data,
});
const tls = secret('tls', tlsData(pair, ca));
const own = secret('own', { password: encode('a password'), key: encode('a-key-of-the-user') });

const password = { passwordSecretRef: { name: 'own' } };
const users = (...list: JsonObject[]): JsonObject => ({ auth: { users: list } });
const reader = { user: 'reader', ...password };
const listener = { enabled: true, authorization: { users: [{ user: 'east', ...password }] } };
const remotes = (...list: JsonObject[]): JsonObject => ({ leafNodes: { remotes: list } });
const hub = { url: 'tls://hub' };
const streams = (more: JsonObject): JsonObject => ({ jetstream: { memoryStore: { maxSize: '1Mi' }, ...more } });
const files = (more: JsonObject, store: JsonObject = {}): JsonObject => ({
  jetstream: { fileStore: { size: '100Mi', ...store }, ...more },
});
const key = { encryptionKeySecretRef: { name: 'own' } };
const merge = (settings: JsonObject): JsonObject => ({ config: { merge: settings } });
const websocket = (more: JsonObject = {}): JsonObject => ({ websocket: { enabled: true, ...more } });
const routes = { tls: { routes: { secretName: 'tls' } } };

/** A change of the spec, or of a Secret. */
type Change = JsonObject | KubeObject;

const cases: [what: string, rolls: boolean, spec: JsonObject, change: Change][] = [
  ['the first user', true, {}, users(reader)],
  ['another user', false, users(reader), users(reader, { user: 'b', ...password })],
  ['permissions', false, users(reader), users({ ...reader, permissions: { publish: { deny: ['>'] } } })],
  ['the password of a user', false, users(reader), secret('own', { password: encode('another') })],
  ['leaf nodes', true, {}, { leafNodes: listener }],
  ['the port of leaf nodes', true, { leafNodes: listener }, { leafNodes: { ...listener, port: 7500 } }],
  ['the password of leaf nodes', true, { leafNodes: listener }, secret('own', { password: encode('another') })],
  ['a hub', true, {}, remotes(hub)],
  ['another hub', true, remotes(hub), remotes(hub, { url: 'tls://b' })],
  [
    'the password at a hub',
    true,
    remotes({ ...hub, user: 'a', ...password }),
    secret('own', { password: encode('b') }),
  ],
  [
    'the authorities of a hub',
    false,
    remotes({ ...hub, tls: { secretName: 'tls' } }),
    secret('tls', tlsData(renewed, other)),
  ],
  ['a WebSocket', true, {}, websocket()],
  ['compression of WebSocket', true, websocket(), websocket({ compression: true })],
  ['TLS on routes', true, {}, routes],
  ['renewed certificates of routes', false, routes, secret('tls', tlsData(renewed, ca))],
  [
    'renewed certificates of all listeners',
    false,
    { ...websocket({ tls: { secretName: 'tls' } }), leafNodes: { ...listener, tls: { secretName: 'tls' } } },
    secret('tls', tlsData(renewed, ca)),
  ],
  ['an HTTPS monitor', true, { tls: { secretName: 'tls' } }, { tls: { secretName: 'tls', monitor: true } }],
  ['a domain', true, streams({}), streams({ domain: 'a' })],
  ['an empty domain', false, streams({}), streams({ domain: '' })],
  ['the catch-up', true, streams({}), streams({ maxOutstandingCatchup: '32Mi' })],
  ['the same catch-up', false, streams({ maxOutstandingCatchup: '1024Ki' }), streams({ maxOutstandingCatchup: '1Mi' })],
  ['encryption', true, files({}), files(key)],
  ['another cipher', true, files(key), files({ ...key, cipher: 'aes' })],
  ['a cipher without encryption', false, files({}), files({ cipher: 'aes' })],
  ['a larger share of the volume', false, files({}, { maxSize: '50%' }), files({}, { maxSize: '60%' })],
  ['a smaller share of the volume', true, files({}, { maxSize: '60%' }), files({}, { maxSize: '50%' })],
  ['a setting that NATS reloads', false, {}, merge({ max_control_line: 8192 })],
  ['a setting that NATS does not reload', true, {}, merge({ max_subscriptions: 1000 })],
  ['another value of it', true, merge({ max_subscriptions: 1 }), merge({ max_subscriptions: 2 })],
  ['its removal', true, merge({ max_subscriptions: 1 }), {}],
  ['the removal of WebSocket', true, websocket(), {}],
];

describe('a change of a running Broker with three servers', () => {
  it.each(cases)('%s rolls its pods: %j', async (what, rolls, spec, change) => {
    const parent = brokerParent({ size: 3, ...spec });
    const cluster = clusterWith(parent, tls, own);
    const hook = hookOf(testApp());
    const state = async () => {
      await settle(cluster, [parent], hook, 'server-side-apply');
      const object = (group: string, name: string) => cluster.get(group, 'meshery', name);
      return {
        template: JSON.stringify(at(object('StatefulSet.apps/v1', 'meshery-nats'), 'spec', 'template')),
        files: JSON.stringify([
          object('ConfigMap.v1', 'meshery-nats-config')?.data,
          object('Secret.v1', 'meshery-nats-server')?.data,
        ]),
      };
    };
    const before = await state();
    if ('kind' in change) {
      cluster.edit(change as KubeObject, 'kubectl', (object) => Object.assign(object.data as JsonObject, change.data));
    } else {
      cluster.edit(parent, 'kubectl', (object) => {
        object.spec = { size: 3, ...change };
      });
    }
    const after = await state();
    expect(after.template !== before.template).toBe(rolls);
    // Otherwise the change would not be one. A renewed certificate is mounted from its own Secret.
    const isSame = /^(renewed|an empty|the same|a cipher without)/.test(what);
    expect(after.files === before.files).toBe(isSame);
  });

  it('without such settings has pods without the annotation', async () => {
    const parent = brokerParent({
      size: 3,
      config: { merge: { logtime: true } },
      jetstream: { memoryStore: { maxSize: '1Mi' } },
    });
    const cluster = clusterWith(parent);
    await settle(cluster, [parent], hookOf(testApp()), 'server-side-apply');
    const statefulSet = cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats');
    expect(JSON.stringify(statefulSet)).not.toContain('config-checksum');
  });
});
