import { beforeAll, describe, expect, it } from 'vitest';
import { encode } from '../../src/kubernetes/secrets.ts';
import { runControllers } from '../stand-in/controllers.ts';
import { at, groupKey, type JsonObject, type KubeObject } from '../stand-in/json.ts';
import { START, testApp } from '../support/app.ts';
import { example, type Health, healthOf, page } from '../support/health.ts';
import { condition } from '../support/invariants.ts';
import {
  brokerParent,
  clusterWith,
  hookOf,
  meshSyncParent,
  type ParentObject,
  READY,
  settle,
  sync,
} from '../support/scenarios.ts';

const HOW = 'server-side-apply';
const NOT_READY = { ready: false, addresses: false };

/** A resource in a cluster with other objects. */
function scene(parent: ParentObject, ...others: KubeObject[]) {
  const cluster = clusterWith(...others, parent);
  const service = testApp();
  const parents = [...others.filter(({ kind }) => kind === 'Broker' || kind === 'MeshSync'), parent];
  const { namespace, name } = parent.metadata;
  return {
    cluster,
    parent,
    /** A sync of the resource alone, some seconds after the first. */
    sync: (seconds = 0) => {
      service.clock.time = new Date(Date.parse(START) + seconds * 1_000).toISOString();
      return sync(cluster, parent, hookOf(service), HOW);
    },
    settle: (progress = READY) => settle(cluster, parents, hookOf(service), HOW, progress),
    read: () => cluster.get(groupKey(parent), namespace, name) as KubeObject,
  };
}
type Scene = ReturnType<typeof scene>;
type Step = (of: Scene) => unknown;

const of =
  (parent: (spec: JsonObject) => ParentObject) =>
  (spec: JsonObject, ...others: KubeObject[]) =>
  () =>
    scene(parent(spec), ...others);
const broker = of(brokerParent);
const meshSync = of(meshSyncParent);

const synced: Step = (of) => of.sync();
const settled: Step = (of) => of.settle();
const withoutReadyPods: Step = (of) => of.settle(NOT_READY);
const withoutAddresses: Step = (of) => of.settle({ ready: true, addresses: false });
const podsReady: Step = ({ cluster }) => runControllers(cluster, READY);
const edited =
  (spec: JsonObject): Step =>
  ({ cluster, parent }) =>
    cluster.edit(parent, 'kubectl', (object) => Object.assign(object, { spec }));
const annotated =
  (annotations: JsonObject): Step =>
  ({ cluster, parent }) =>
    cluster.edit(parent, 'kubectl', ({ metadata }) => Object.assign(metadata, { annotations }));
const changed =
  (spec: JsonObject): Step =>
  async (of) => {
    await edited(spec)(of);
    await of.sync();
  };
const paused: Step = async (of) => {
  await annotated({ 'meshery.io/pause-reconciliation': 'true' })(of);
  await of.sync();
};
const asleep: Step = async (of) => {
  await annotated({ 'meshery.io/hibernation': 'on' })(of);
  await of.sync();
};
/** Deleted in the foreground: the API server waits for the children. */
const deleted: Step = ({ cluster, read }) =>
  cluster.restore({ ...read(), metadata: { ...read().metadata, deletionTimestamp: START } });
const refused: Step = async ({ cluster, parent, sync }) => {
  const [group, name] =
    parent.kind === 'Broker' ? ['StatefulSet.apps/v1', 'meshery-nats'] : ['Deployment.apps/v1', 'meshery-meshsync'];
  for (const seconds of [0, 11, 22, 33]) {
    await sync(seconds);
    cluster.delete(cluster.get(group, 'meshery', name) as KubeObject);
  }
};
const failed =
  (condition: JsonObject): Step =>
  async ({ cluster, settle, sync }) => {
    await settle(NOT_READY);
    const deployment = cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync') as KubeObject;
    cluster.setStatus(deployment, { ...(deployment.status as JsonObject), conditions: [condition] });
    await sync();
  };
const podsRefused = failed({ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'over quota' });
const late = failed({ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' });
const tokenEdited: Step = ({ cluster }) => {
  const secret = cluster.get('Secret.v1', 'meshery', 'meshery-nats-auth') as KubeObject;
  cluster.edit(secret, 'kubectl', ({ data }) => Object.assign(data as JsonObject, { token: encode('a b') }));
};
/** The resource is deleted and created anew, and the garbage collector has not seen it yet. */
const recreated: Step = ({ cluster, parent }) => {
  cluster.delete(parent);
  parent.metadata.uid = 'another-uid';
  cluster.create(parent, 'kubectl');
};

const url = 'nats://nats.example.com:4222';
const custom = { broker: { custom: { url } } };
const native = { broker: { native: { name: 'meshery-broker' } } };
const streams = { jetstream: { fileStore: { size: '1Gi' } } };
const clustered = { ...streams, size: 3 };
const ipv6 = { broker: { custom: { url: 'nats://[2001:db8::1]' } } };
const unreadable = { ...custom, 'watch-list': { data: { whitelist: '[{' } } };
const balanced = (suffix: string) => ({
  service: { type: 'LoadBalancer', loadBalancerClass: `example.com/${suffix}` },
});
const ownToken = { auth: { tokenSecretRef: { name: 'own' } } };
const ownCredentials = { broker: { custom: { url, credentialsSecretRef: { name: 'own' } } } };
const named = (kind: string, name: string, data: Record<string, string> = {}): KubeObject => ({
  ...{ apiVersion: 'v1', kind },
  metadata: { name, namespace: 'meshery' },
  ...(kind === 'Secret' && {
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, encode(value)])),
  }),
});
const own = (data: Record<string, string>) => named('Secret', 'own', data);
const invalidBroker = brokerParent({ size: 99 });
const verifyingBroker = brokerParent({ tls: { secretName: 'a', verify: true } });
const encryptedBroker = brokerParent({ tls: { secretName: 'a', monitor: true } });
const encrypted = { jetstream: { ...streams.jetstream, encryptionKeySecretRef: { name: 'own' } } };
const keyEdited: Step = ({ cluster }) =>
  cluster.edit(own({}), 'kubectl', ({ data }) =>
    Object.assign(data as JsonObject, { key: encode('another-key-of-mine') }),
  );
const terminating: KubeObject = {
  ...brokerParent(),
  metadata: { ...brokerParent().metadata, deletionTimestamp: START },
};
const another = of((spec) => meshSyncParent(spec, 'another'));
const active = meshSyncParent(unreadable);
const account = named('ServiceAccount', 'meshery-meshsync');

/** What happened to a resource, the reason of its Ready, and where the page has it. */
type State = [what: string, reason: string | undefined, row: string, make: () => Scene, ...steps: Step[]];

/** The states of both kinds. */
const common = (make: () => Scene, valid: JsonObject): State[] => {
  const invalid = { ...valid, version: 'not a tag' };
  const newer = { ...valid, version: '1.0.0' };
  return [
    ['just created', undefined, 'not synced', make],
    ['edited a moment ago', 'Ready', 'not synced', make, settled, edited(newer)],
    ['corrected a moment ago', 'InvalidSpec', 'not synced', make, changed(invalid), edited(valid)],

    ['synced once', 'Starting', 'in progress', make, synced],
    ['without ready pods', 'Starting', 'in progress', make, withoutReadyPods],
    ['with a new version', 'Updating', 'in progress', make, settled, changed(newer)],
    ['with a child that Kubernetes refuses', 'ChildNotCreated', 'in progress', make, refused],
    ['that was deleted and created anew', 'NamePending', 'in progress', make, settled, recreated, synced],

    ['with ready pods', 'Ready', 'ready', make, settled],
    ['with an error corrected', 'Ready', 'ready', make, settled, changed(invalid), edited(valid), settled],
    ['awake again', 'Ready', 'ready', make, asleep, settled, annotated({}), settled],
    ['not paused any more', 'Ready', 'ready', make, settled, paused, annotated({}), settled],

    ['created with an error', 'InvalidSpec', 'stalled', make, changed(invalid)],
    ['with an error since it was ready', 'InvalidSpec', 'stalled', make, settled, changed(invalid)],
    ['with an error, then paused', 'InvalidSpec', 'stalled', make, changed(invalid), paused],
    ['with an error, then hibernating', 'InvalidSpec', 'stalled', make, changed(invalid), asleep],

    ['told to hibernate', 'Hibernated', 'hibernating', make, settled, asleep],
    ['without pods', 'Hibernated', 'hibernating', make, settled, asleep, settled],

    ['paused', 'Ready', 'paused while ready', make, settled, paused],
    ['paused, then edited', 'Ready', 'paused while not', make, settled, paused, changed(newer)],
    ['paused, then corrected', 'InvalidSpec', 'paused while not', make, changed(invalid), paused, changed(valid)],
    ['paused while it started', 'Starting', 'paused while not', make, synced, paused, podsReady, synced],
    ['created paused', undefined, 'paused while not', make, paused],

    ['deleted when it was ready', 'Ready', 'being deleted', make, settled, deleted, synced],
    ['deleted with an error', 'InvalidSpec', 'being deleted', make, changed(invalid), deleted, synced],
    ['deleted before its first sync', undefined, 'being deleted', make, deleted, synced],
  ];
};

const states: Record<string, State[]> = {
  Broker: [
    ...common(broker({}), {}),
    ['without an address', 'LoadBalancerPending', 'in progress', broker(balanced('a')), withoutAddresses],
    ['whose Secret does not exist', 'SecretNotFound', 'in progress', broker(ownToken), settled],
    ['whose Secret lacks the key', 'SecretKeyMissing', 'in progress', broker(ownToken, own({})), settled],
    ['whose Secret has a bad token', 'SecretInvalid', 'stalled', broker(ownToken, own({ token: 'a b' })), settled],
    ['whose name is taken', 'NameConflict', 'stalled', broker({}, named('Secret', 'meshery-nats-auth')), settled],
    ['whose token was edited', 'UnusableCredential', 'stalled', broker({}), settled, tokenEdited, synced],
    [
      ...(['with a new key before it runs with the last', 'KeyPending', 'in progress'] as const),
      ...([broker(encrypted, own({ key: 'a-key-of-mine-only' })), withoutReadyPods, keyEdited, synced] as const),
    ],
    ['that gets volumes too late', 'ImmutableField', 'stalled', broker({}), settled, edited(streams), settled],
    ['of another class', 'ImmutableField', 'stalled', broker(balanced('a')), settled, edited(balanced('b')), settled],
    ['that would lose streams', 'StreamsWouldBeLost', 'stalled', broker(streams), settled, edited(clustered), settled],
  ],
  MeshSync: [
    ...common(meshSync(custom), custom),
    ['with a Broker', 'Ready', 'ready', meshSync(native, brokerParent()), settled],
    ['whose Broker does not exist', 'BrokerNotFound', 'in progress', meshSync(native), settled],
    ['whose Broker is being deleted', 'BrokerTerminating', 'in progress', meshSync(native, terminating), synced],
    ['whose Broker has no token', 'CredentialsPending', 'in progress', meshSync(native, invalidBroker), settled],
    ['whose Secret does not exist', 'SecretNotFound', 'in progress', meshSync(ownCredentials), settled],
    ['whose Secret lacks the key', 'SecretKeyMissing', 'in progress', meshSync(ownCredentials, own({})), settled],
    ['whose pods are refused', 'PodsNotCreated', 'in progress', meshSync(custom), podsRefused],
    ['whose pods take long', 'ProgressDeadlineExceeded', 'in progress', meshSync(custom), late],
    ['of a Broker that verifies', 'ClientCertificateRequired', 'stalled', meshSync(native, verifyingBroker), settled],
    ['of a Broker with HTTPS', 'MonitorEncrypted', 'stalled', meshSync(native, encryptedBroker), settled],
    ['without a broker', 'BrokerNotSpecified', 'stalled', meshSync({}), settled],
    ['whose broker has an IPv6 address', 'AddressNotSupported', 'stalled', meshSync(ipv6), settled],
    ['whose Secret is bad', 'SecretInvalid', 'stalled', meshSync(ownCredentials, own({ credentials: 'a b' })), settled],
    ['whose watch-list is unreadable', 'InvalidWatchList', 'stalled', meshSync(unreadable), settled],
    ['whose active list is unreadable', 'OtherListInvalid', 'stalled', another(custom, active), settled],
    ['whose name is taken', 'NameConflict', 'stalled', meshSync(custom, account), settled],
  ],
};

const all = Object.entries(states).flatMap(([kind, list]) => list.map((state) => ({ kind, state })));

/** The rows of the page: what each tool shows in a state. */
const rows = [...page.matchAll(/^\| ([a-z][^|]*) \| (\w+) \| (\w+) \| (\w+) \|$/gm)].map(
  ([, name = '', kstatus = '', flux = '', argoCD = '']) => ({ name, shown: { kstatus, flux, argoCD } }),
);
const rowOf = (start: string) => rows.filter(({ name }) => name.startsWith(start));

const seen = new Map<string, { object: KubeObject; health: Health }>();

beforeAll(async () => {
  const objects: KubeObject[] = [];
  for (const { state } of all) {
    const [, , , make, ...steps] = state;
    const made = make();
    for (const step of steps) await step(made);
    objects.push(made.read());
  }
  const healths = await healthOf(objects);
  for (const [index, { kind, state }] of all.entries()) {
    const [object, health] = [objects[index], healths[index]];
    if (object && health) seen.set(`${kind} ${state[0]}`, { object, health });
  }
});

describe('the page about GitOps', () => {
  it('has one row for each state, and a state for each row', () => {
    expect(new Set(all.flatMap(({ state: [, , row] }) => rowOf(row).map(({ name }) => name)))).toEqual(
      new Set(rows.map(({ name }) => name)),
    );
    expect(all.filter(({ state: [, , row] }) => rowOf(row).length !== 1)).toEqual([]);
  });

  it('has the same script for both kinds', () => {
    const { data } = example('argocd-cm');
    const keys = ['Broker', 'MeshSync'].map((kind) => `resource.customizations.health.meshery.io_${kind}`);
    expect(Object.keys(data)).toEqual(keys);
    expect(new Set(Object.values(data)).size).toBe(1);
  });

  it('waits for resources by the names of the samples', () => {
    expect(example('healthChecks').healthChecks).toMatchObject(
      [brokerParent(), meshSyncParent()].map(({ apiVersion, kind, metadata: { name, namespace } }) => ({
        apiVersion,
        kind,
        name,
        namespace,
      })),
    );
  });
});

describe.each(Object.entries(states))('GitOps tools show that a %s', (kind, list) => {
  it.each(list)('%s (%s) is %s', (what, reason, row) => {
    const { object, health } = seen.get(`${kind} ${what}`) ?? {};
    const { kstatus, flux, argoCD } = health as Health;
    const ready = condition(object?.status, 'Ready');
    expect(ready?.reason).toBe(reason);
    const shown = { kstatus: kstatus.status, flux: flux.status, argoCD: argoCD.status };
    expect(shown, JSON.stringify(object?.status)).toEqual(rowOf(row)[0]?.shown);
    if (row !== 'stalled') return;
    expect([kstatus.message, argoCD.message]).toEqual([ready?.message, ready?.message]);
    expect(at(object?.status, 'observedGeneration')).toBe(object?.metadata.generation);
  });
});
