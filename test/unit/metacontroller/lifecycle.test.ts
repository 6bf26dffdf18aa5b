import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../stand-in/cluster.ts';
import { at, clone, type JsonObject, type KubeObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { condition, conditionsOf } from '../../support/invariants.ts';
import {
  brokerParent,
  clusterWith,
  hookOf,
  meshSyncParent,
  type ParentObject,
  STRATEGIES,
  settle,
  sync,
} from '../../support/scenarios.ts';

const native = { broker: { native: { name: 'meshery-broker' } } };

/** Sets or removes an annotation of a parent in the cluster. */
function annotate(cluster: Cluster, parent: ParentObject, annotations: JsonObject): void {
  const found = cluster.get(`${parent.kind}.meshery.io/v1alpha2`, 'meshery', parent.metadata.name);
  if (!found) throw new Error(`no ${parent.kind}`);
  cluster.edit(found, 'kubectl', ({ metadata }) => Object.assign(metadata, { annotations }));
}

const children = (cluster: Cluster): KubeObject[] =>
  [
    cluster.get('Secret.v1', 'meshery', 'meshery-nats-auth'),
    cluster.get('ConfigMap.v1', 'meshery', 'meshery-nats-config'),
    cluster.get('Service.v1', 'meshery', 'meshery-nats'),
    cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats'),
    cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync'),
  ].flatMap((child) => (child ? [clone(child)] : []));

const content = ({ data, spec }: KubeObject) => ({ data, spec });
const replicas = (cluster: Cluster, group: string, name: string) =>
  at(cluster.get(group, 'meshery', name), 'spec', 'replicas');

describe.each(STRATEGIES)('under %s', (how) => {
  const broker = brokerParent({ size: 3 });
  const meshSync = meshSyncParent(native);
  const parents = [broker, meshSync];

  async function running() {
    const hook = hookOf(testApp());
    const cluster = clusterWith(broker, meshSync);
    await settle(cluster, parents, hook, how);
    return { hook, cluster };
  }

  it('a paused resource keeps its children unchanged, edited or deleted ones included', async () => {
    const { hook, cluster } = await running();
    for (const parent of parents) annotate(cluster, parent, { 'meshery.io/pause-reconciliation': 'true' });
    const config = cluster.get('ConfigMap.v1', 'meshery', 'meshery-nats-config');
    if (config) cluster.delete(config);
    const edit = (group: string, name: string, change: (object: KubeObject) => void) => {
      const found = cluster.get(group, 'meshery', name);
      if (found) cluster.edit(found, 'kubectl', change);
    };
    edit('StatefulSet.apps/v1', 'meshery-nats', ({ spec }) => Object.assign(spec as JsonObject, { replicas: 2 }));
    edit('Deployment.apps/v1', 'meshery-meshsync', ({ spec }) => {
      const container = at(spec, 'template', 'spec', 'containers', 0) as JsonObject;
      Object.assign(container, { image: 'mine:1', env: [{ name: 'BROKER_URL', value: 'nats://mine:4222' }] });
    });
    const before = children(cluster);
    const statuses = await settle(cluster, parents, hook, how);
    expect(children(cluster).map(content)).toEqual(before.map(content));
    for (const outcome of statuses) {
      expect(condition(outcome?.status, 'ReconciliationPaused')).toMatchObject({ status: 'True' });
      expect(condition(outcome?.status, 'Ready')).toMatchObject({ status: 'True' });
      expect(conditionsOf(outcome?.status)[0]?.type).toBe('Ready');
    }

    for (const parent of parents) annotate(cluster, parent, {});
    const after = await settle(cluster, parents, hook, how);
    expect(children(cluster)).toHaveLength(5);
    expect(replicas(cluster, 'StatefulSet.apps/v1', 'meshery-nats')).toBe(3);
    const deployment = cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync');
    const container = at(deployment, 'spec', 'template', 'spec', 'containers', 0);
    expect(at(container, 'image')).toBe('meshery/meshsync:1.0.3');
    expect((at(container, 'env') as JsonObject[]).map(({ name }) => name)).toEqual(['NATS_TOKEN', 'BROKER_URL']);
    for (const outcome of after) expect(condition(outcome?.status, 'ReconciliationPaused')).toBeUndefined();
  });

  it('a hibernating resource has no pods, keeps all other children, and resumes with the same state', async () => {
    const { hook, cluster } = await running();
    const before = children(cluster);
    for (const parent of parents) annotate(cluster, parent, { 'meshery.io/hibernation': 'on' });
    const asleep = await settle(cluster, parents, hook, how);
    expect(replicas(cluster, 'StatefulSet.apps/v1', 'meshery-nats')).toBe(0);
    expect(replicas(cluster, 'Deployment.apps/v1', 'meshery-meshsync')).toBe(0);
    for (const outcome of asleep) {
      expect(condition(outcome?.status, 'Hibernated')).toMatchObject({ status: 'True' });
      expect(condition(outcome?.status, 'Ready')).toMatchObject({ status: 'False', reason: 'Hibernated' });
    }

    for (const parent of parents) annotate(cluster, parent, {});
    const awake = await settle(cluster, parents, hook, how);
    expect(children(cluster).map(content)).toEqual(before.map(content));
    for (const outcome of awake) {
      expect(condition(outcome?.status, 'Hibernated')).toBeUndefined();
      expect(condition(outcome?.status, 'Ready')).toMatchObject({ status: 'True' });
    }
  });

  it('a Broker that hibernates keeps its volumes, also where they are deleted when it is scaled down', async () => {
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Delete' };
    const broker = brokerParent({ jetstream: { fileStore: { size: '1Gi', persistentVolumeClaimRetentionPolicy } } });
    const hook = hookOf(testApp());
    const cluster = clusterWith(broker);
    const policy = () =>
      at(cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats'), 'spec', 'persistentVolumeClaimRetentionPolicy');
    await settle(cluster, [broker], hook, how);
    expect(policy()).toEqual(persistentVolumeClaimRetentionPolicy);
    annotate(cluster, broker, { 'meshery.io/hibernation': 'on' });
    await settle(cluster, [broker], hook, how);
    expect(replicas(cluster, 'StatefulSet.apps/v1', 'meshery-nats')).toBe(0);
    expect(policy()).toEqual({ whenDeleted: 'Delete', whenScaled: 'Retain' });
    annotate(cluster, broker, {});
    await settle(cluster, [broker], hook, how);
    expect(policy()).toEqual(persistentVolumeClaimRetentionPolicy);
  });

  it('a resource hibernates and resumes also while its spec is invalid', async () => {
    const invalid = brokerParent({ size: 3 });
    const hook = hookOf(testApp());
    const cluster = clusterWith(invalid);
    await settle(cluster, [invalid], hook, how);
    const found = cluster.get('Broker.meshery.io/v1alpha2', 'meshery', 'meshery-broker');
    if (!found) throw new Error('no Broker');
    cluster.edit(found, 'kubectl', (object) => Object.assign(object, { spec: { version: 'not a tag' } }));
    annotate(cluster, invalid, { 'meshery.io/hibernation': 'on' });
    const [asleep] = await settle(cluster, [invalid], hook, how);
    expect(replicas(cluster, 'StatefulSet.apps/v1', 'meshery-nats')).toBe(0);
    expect(condition(asleep?.status, 'Ready')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
    expect(condition(asleep?.status, 'Hibernated')).toMatchObject({ status: 'True' });
    annotate(cluster, invalid, {});
    cluster.edit(found, 'kubectl', (object) => Object.assign(object, { spec: { size: 3 } }));
    const [awake] = await settle(cluster, [invalid], hook, how);
    expect(replicas(cluster, 'StatefulSet.apps/v1', 'meshery-nats')).toBe(3);
    expect(condition(awake?.status, 'Ready')).toMatchObject({ status: 'True' });
  });

  it('a pause has priority over hibernation', async () => {
    const { hook, cluster } = await running();
    annotate(cluster, broker, { 'meshery.io/pause-reconciliation': 'true', 'meshery.io/hibernation': 'on' });
    const { status } = await sync(cluster, broker, hook, how);
    expect(replicas(cluster, 'StatefulSet.apps/v1', 'meshery-nats')).toBe(3);
    expect(condition(status, 'Hibernated')).toBeUndefined();
  });
});

describe('a resource that was never synced', () => {
  const parents = [brokerParent({ size: 3 }), meshSyncParent(native)];
  const metadata = { deletionTimestamp: '2026-02-03T04:05:06Z' };
  const PAUSED = { annotations: { 'meshery.io/pause-reconciliation': 'true' } };
  const answers = (parent: ParentObject, more: JsonObject, spec = parent.spec) =>
    Promise.all(
      // As the CRDs of this version have it, and as those of earlier versions do.
      [{ observedGeneration: -1 }, undefined].map(async (status) => {
        const changed = { ...parent, spec, metadata: { ...parent.metadata, ...more }, ...(status && { status }) };
        const response = await testApp().post(`/${parent.kind.toLowerCase()}/sync`, { parent: changed, children: {} });
        return response.json();
      }),
    );

  it.each(parents)('gets the same answer with the default status of its CRD as without one: $kind', async (parent) => {
    for (const [more, spec] of [[{}], [{}, { size: 99 }], [PAUSED], [metadata]] as [JsonObject, JsonObject?][]) {
      const [withDefault, without] = await answers(parent, more, spec);
      expect(withDefault).toEqual(without);
      expect(at(withDefault, 'status', 'observedGeneration')).toBe(more === metadata ? undefined : 1);
    }
  });

  it('has its StatefulSet in the first answer', async () => {
    const [first] = await answers(brokerParent({}), {});
    expect((first?.children as KubeObject[] | undefined)?.map(({ kind }) => kind)).toContain('StatefulSet');
  });
});

describe('an annotation that pauses or hibernates', () => {
  const broker = brokerParent({});
  const answered = async (annotations: JsonObject) => {
    const hook = hookOf(testApp());
    const cluster = clusterWith(broker);
    await settle(cluster, [broker], hook, 'server-side-apply');
    annotate(cluster, broker, annotations);
    const [outcome] = await settle(cluster, [broker], hook, 'server-side-apply');
    return {
      ignored: condition(outcome?.status, 'AnnotationIgnored'),
      ready: condition(outcome?.status, 'Ready'),
      replicas: replicas(cluster, 'StatefulSet.apps/v1', 'meshery-nats'),
    };
  };

  it.each([{}, { 'meshery.io/hibernation': 'off', 'meshery.io/pause-reconciliation': 'false' }])(
    'has no effect, and is not reported, as %j',
    async (annotations) => {
      const { ignored, ready, replicas } = await answered(annotations);
      expect([ignored, replicas]).toEqual([undefined, 1]);
      expect(ready).toMatchObject({ status: 'True' });
    },
  );

  it.each(['true', 'ON', ''])(
    'is reported with the value "%s" for a hibernation, which does not happen',
    async (value) => {
      const { ignored, ready, replicas } = await answered({ 'meshery.io/hibernation': value });
      expect(ignored).toMatchObject({
        status: 'True',
        reason: 'UnknownValue',
        message: 'Annotation meshery.io/hibernation has no effect: its value is neither "on" nor "off".',
      });
      expect(ready).toMatchObject({ status: 'True' });
      expect(replicas).toBe(1);
    },
  );

  it('is reported while the other one pauses', async () => {
    const { ignored, replicas } = await answered({
      'meshery.io/hibernation': 'yes',
      'meshery.io/pause-reconciliation': 'true',
    });
    expect(ignored).toMatchObject({ status: 'True' });
    expect(replicas).toBe(1);
    const both = await answered({ 'meshery.io/hibernation': 'yes', 'meshery.io/pause-reconciliation': 'on' });
    expect(both.ignored).toMatchObject({
      message: expect.stringMatching(/pause-reconciliation has .*hibernation has /),
    });
  });
});

describe('the copy of a Secret in the annotation of dynamic-apply', () => {
  const broker = brokerParent({});
  const remote = meshSyncParent(
    { broker: { native: { name: 'meshery-broker', namespace: 'meshery' } } },
    'edge',
    'shop',
  );
  const parents = [broker, remote];
  const exposed = (outcome?: { status: JsonObject }) =>
    condition(outcome?.status, 'CredentialsExposed') as { message?: string } | undefined;

  it('is reported with the names of the Secrets, whatever else the status says, and does not affect Ready', async () => {
    const hook = hookOf(testApp());
    const cluster = clusterWith(broker, remote);
    const [ofBroker, ofMeshSync] = await settle(cluster, parents, hook, 'dynamic-apply');
    expect(exposed(ofBroker)).toMatchObject({ status: 'True', reason: 'LastAppliedAnnotation' });
    expect(exposed(ofBroker)?.message).toContain('Secret meshery-nats-auth and Secret meshery-nats-server,');
    expect(exposed(ofMeshSync)?.message).toContain('Secret edge-broker-auth,');
    expect(condition(ofBroker?.status, 'Ready')).toMatchObject({ status: 'True' });

    annotate(cluster, broker, { 'meshery.io/pause-reconciliation': 'true' });
    const [paused] = await settle(cluster, [broker], hook, 'dynamic-apply');
    expect(exposed(paused)).toEqual(exposed(ofBroker));
    annotate(cluster, broker, {});
    const found = cluster.get('Broker.meshery.io/v1alpha2', 'meshery', 'meshery-broker');
    if (found) cluster.edit(found, 'kubectl', (object) => Object.assign(object, { spec: { version: 'not a tag' } }));
    const [invalid] = await settle(cluster, [broker], hook, 'dynamic-apply');
    expect(exposed(invalid)).toMatchObject({ status: 'True' });
  });

  it('is removed by server-side-apply, without a change of a pod template, and so is the condition', async () => {
    const hook = hookOf(testApp());
    const cluster = clusterWith(broker);
    await settle(cluster, [broker], hook, 'dynamic-apply');
    const statefulSet = () => clone(cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats') as KubeObject);
    const before = statefulSet();
    const [outcome] = await settle(cluster, [broker], hook, 'server-side-apply');
    expect(exposed(outcome)).toBeUndefined();
    for (const child of children(cluster)) {
      expect(Object.keys(child.metadata.annotations ?? {})).not.toContain(
        'metacontroller.k8s.io/last-applied-configuration',
      );
    }
    expect([statefulSet().spec, statefulSet().metadata.generation]).toEqual([before.spec, before.metadata.generation]);
  });

  it('is never reported under server-side-apply', async () => {
    const hook = hookOf(testApp());
    const cluster = clusterWith(broker);
    for (let round = 0; round < 4; round++) {
      expect(exposed(await sync(cluster, broker, hook, 'server-side-apply'))).toBeUndefined();
    }
  });
});
