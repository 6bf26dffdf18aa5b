import { describe, expect, it } from 'vitest';
import type { JsonObject, KubeObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { condition } from '../../support/invariants.ts';
import { clusterWith, hookOf, meshSyncParent, READY, STRATEGIES, settle, sync } from '../../support/scenarios.ts';

const hook = hookOf(testApp());

const CUSTOM = { broker: { custom: { url: 'nats://a' } } };
const list = (data: JsonObject): JsonObject => ({ ...CUSTOM, 'watch-list': { data } });
const PODS = { whitelist: '[{"Resource":"pods.v1.","Events":["ADDED"]}]' };
const SERVICES = { whitelist: '[{"Resource":"services.v1.","Events":["ADDED"]}]' };
const BROKEN = { whitelist: '["pods.v1."]' };

describe.each(STRATEGIES)('under %s, the watch-list', (how) => {
  const deployment = (cluster: ReturnType<typeof clusterWith>, name = 'meshery-meshsync', namespace = 'meshery') =>
    cluster.get('Deployment.apps/v1', namespace, name);
  const change = (cluster: ReturnType<typeof clusterWith>, parent: KubeObject, spec: JsonObject) =>
    cluster.edit(parent, 'kubectl', (object) => {
      object.spec = spec;
    });

  it('starts no pods while it is invalid, and a condition reports the path of the error', async () => {
    const parent = meshSyncParent(list(BROKEN));
    const cluster = clusterWith(parent);
    const [broken] = await settle(cluster, [parent], hook, how);
    expect(broken?.children.map(({ kind }) => kind)).toEqual(['ServiceAccount']);
    const expected = {
      status: 'False',
      reason: 'InvalidWatchList',
      message: expect.stringMatching(/^spec\.watch-list\.data\.whitelist\[0\] must be an object/),
    };
    expect(condition(broken?.status, 'WatchListValid')).toMatchObject(expected);
    expect(condition(broken?.status, 'Ready')).toMatchObject(expected);
    change(cluster, parent, list(PODS));
    const [corrected] = await settle(cluster, [parent], hook, how);
    expect(condition(corrected?.status, 'WatchListValid')).toMatchObject({ status: 'True', reason: 'Valid' });
    expect(condition(corrected?.status, 'Ready')).toMatchObject({ status: 'True' });
  });

  it('changes no child while it is invalid, whatever else changes in the spec', async () => {
    const parent = meshSyncParent(list(PODS));
    const cluster = clusterWith(parent);
    await settle(cluster, [parent], hook, how);
    const before = deployment(cluster)?.spec;
    change(cluster, parent, { ...list(BROKEN), size: 3, debug: true });
    const [broken] = await settle(cluster, [parent], hook, how);
    expect(deployment(cluster)?.spec).toEqual(before);
    expect(condition(broken?.status, 'Ready')).toMatchObject({ status: 'False', reason: 'InvalidWatchList' });
    change(cluster, parent, list(PODS));
    const [corrected] = await settle(cluster, [parent], hook, how);
    expect(deployment(cluster)?.spec).toEqual(before);
    expect(condition(corrected?.status, 'Ready')).toMatchObject({ status: 'True' });
  });

  it('of meshery/meshery-meshsync is used by every other MeshSync, whose conditions report that', async () => {
    const main = meshSyncParent(list(PODS));
    const other = meshSyncParent(list(SERVICES), 'second', 'elsewhere');
    const cluster = clusterWith(other);
    const inForce = async () => {
      const [outcome] = await settle(cluster, [other], hook, how);
      return condition(outcome?.status, 'WatchListActive');
    };
    expect(await inForce()).toMatchObject({ status: 'False', reason: 'DefaultSet' });
    cluster.create(main, 'kubectl');
    expect(await inForce()).toMatchObject({ status: 'False', reason: 'OtherList' });
    const [ofMain] = await settle(cluster, [main], hook, how);
    expect(condition(ofMain?.status, 'WatchListActive')).toBeUndefined();

    const templates = () => JSON.stringify(deployment(cluster, 'second', 'elsewhere')?.spec);
    const before = templates();
    change(cluster, other, list({ ...PODS, blacklist: '' }));
    await inForce();
    expect(templates()).toBe(before);
    change(cluster, main, list(SERVICES));
    await inForce();
    const after = templates();
    expect(after).not.toBe(before);

    change(cluster, main, list(BROKEN));
    expect(await inForce()).toMatchObject({ status: 'False', reason: 'OtherListInvalid' });
    expect(templates()).toBe(after);
    const [waiting] = await settle(cluster, [other], hook, how);
    expect(condition(waiting?.status, 'Ready')).toMatchObject({ status: 'False', reason: 'OtherListInvalid' });
  });
});

describe.each(STRATEGIES)('under %s, a MeshSync whose pods are refused', (how) => {
  const QUOTA = 'pods "meshery-meshsync-6d4b" is forbidden: exceeded quota: compute, requested: limits.memory=4Gi';
  /** The conditions of a MeshSync whose Deployment has a failure, in each of these states. */
  const progress = async (message: string, readyReplicas: number, change = false) => {
    const parent = meshSyncParent(CUSTOM);
    const cluster = clusterWith(parent);
    await settle(cluster, [parent], hook, how);
    const deployment = cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync');
    if (!deployment) throw new Error('no Deployment');
    cluster.setStatus(deployment, {
      ...{ observedGeneration: deployment.metadata.generation ?? 0, replicas: 1, updatedReplicas: 1, readyReplicas },
      conditions: [
        { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' },
        { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message },
      ],
    });
    if (change) {
      cluster.edit(parent, 'kubectl', (object) => {
        object.spec = { ...CUSTOM, debug: true };
      });
    }
    const { status } = await sync(cluster, parent, hook, how);
    expect((await sync(cluster, parent, hook, how)).statusWritten).toBe(false);
    return { progressing: condition(status, 'Progressing'), ready: condition(status, 'Ready') };
  };

  it('reports the message of the Deployment, rather than that its deadline is exceeded', async () => {
    const { progressing, ready } = await progress(QUOTA, 0);
    const message = `Kubernetes refuses to create pods; change the spec, or the quota or policy that refuses them: ${QUOTA}`;
    expect(progressing).toMatchObject({ status: 'True', reason: 'PodsNotCreated', message });
    expect(ready).toMatchObject({ status: 'False', reason: 'PodsNotCreated', message });
  });

  it('shortens a long message, between two characters, and keeps it on one line', async () => {
    const { progressing } = await progress(`denied:\n\t${'x'.repeat(391)}\u{1f600}${'x'.repeat(900)}`, 0);
    expect(progressing).toMatchObject({ message: expect.stringMatching(/: denied: x{391}\u{1f600}…$/u) });
  });

  it('does not report it of pods that are ready, nor of a Deployment that is being changed', async () => {
    expect((await progress(QUOTA, 1)).progressing?.reason).not.toBe('PodsNotCreated');
    expect((await progress(QUOTA, 0, true)).progressing?.reason).not.toBe('PodsNotCreated');
  });
});

describe('a MeshSync', () => {
  const conditions = async (spec: JsonObject, ready = true, name?: string, namespace?: string) => {
    const parent = meshSyncParent({ ...CUSTOM, ...spec }, name, namespace);
    const [outcome] = await settle(clusterWith(parent), [parent], hook, 'dynamic-apply', { ...READY, ready });
    return (type: string) => condition(outcome?.status, type);
  };

  it('reports whether it is connected, and Unknown for a version that can not report it', async () => {
    expect((await conditions({}))('BrokerConnected')).toMatchObject({ status: 'True', reason: 'Connected' });
    expect((await conditions({}, false))('BrokerConnected')).toMatchObject({ status: 'False', reason: 'NotConnected' });
    expect((await conditions({ version: '1.0.0' }))('BrokerConnected')).toMatchObject({
      status: 'Unknown',
      reason: 'NotReported',
    });
  });

  it('reports that several pods publish every event several times', async () => {
    expect((await conditions({}))('PublishesOnce')).toBeUndefined();
    const several = await conditions({ size: 2 });
    expect(several('PublishesOnce')).toMatchObject({ status: 'False', reason: 'MultipleReplicas' });
    expect(several('Ready')).toMatchObject({ status: 'True' });
  });

  it.each([
    [{}, undefined, undefined, undefined],
    [{ serviceAccountName: 'meshery-meshsync' }, 'other', 'meshery', undefined],
    [{ serviceAccountName: 'reader' }, undefined, undefined, 'meshery:reader'],
    [{}, 'other', 'meshery', 'meshery:other'],
    [{}, 'meshery-meshsync', 'elsewhere', 'elsewhere:meshery-meshsync'],
  ])(
    'with %j, called %s in %s, reports RoleBound Unknown for the ServiceAccount %s',
    async (spec, name, namespace, account) => {
      const bound = (await conditions(spec, true, name, namespace))('RoleBound');
      if (!account) expect(bound).toBeUndefined();
      else {
        const message = expect.stringMatching(
          `kubectl create clusterrolebinding \\S+ --clusterrole=meshery-meshsync --serviceaccount=${account}$`,
        );
        expect(bound).toMatchObject({ status: 'Unknown', reason: 'BindingUnknown', message });
      }
    },
  );
});
