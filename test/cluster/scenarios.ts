import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { decode } from '../../src/kubernetes/secrets.ts';
import { healthOf } from '../support/health.ts';
import { admission } from './admission.ts';
import { brokerFields } from './broker-fields.ts';
import { countChanges } from './changes.ts';
import { NODE_ADDRESSES } from './control-plane.ts';
import {
  broker,
  childrenOf,
  eventually,
  isReady,
  meshSync,
  names,
  namespace,
  printed,
  uids,
  versions,
} from './expectations.ts';
import { handEdits } from './hand-edits.ts';
import type { Kubernetes, KubernetesObject } from './kubernetes.ts';
import { meshSyncFields } from './meshsync-fields.ts';
import { operations } from './operations.ts';
import { startOperator } from './operator.ts';
import { podFields } from './pod-fields.ts';
import { stillRunning } from './processes.ts';
import { record } from './record.ts';
import { kustomize } from './registration.ts';
import { exposedIn } from './secrecy.ts';
import { type DriverName, isDouble, startWorld, strategyOf, type World } from './world.ts';

const MESHERY = 'meshery.io/v1alpha2';

/** The changes of a pair whose workloads get another pod template, once. */
const ROLLED_ONCE = {
  ...{ 'StatefulSet/meshery-nats': 1, 'Pod/meshery-nats': 1 },
  ...{ 'Deployment/meshery-meshsync': 1, 'Pod/meshery-meshsync': 1 },
};

/** The context of a scenario. */
export interface Scene {
  world: () => World;
  kubernetes: () => Kubernetes;
  keepLogs: () => void;
  /** A Broker and a MeshSync of the usual names, ready, in a namespace of their own. */
  pair: (of: string, spec?: object) => Promise<{ broker: KubernetesObject; meshSync: KubernetesObject }>;
  get: (apiVersion: string, kind: string, name: string, of: string) => Promise<KubernetesObject>;
  /** The token of the Broker with the usual name in a namespace. */
  token: (of: string) => Promise<string>;
  patchSpec: (of: string, spec: object, kind?: string, name?: string) => Promise<KubernetesObject>;
}

/** No token of any Broker of the whole run is in a log, or in a public object. */
async function nothingExposed({ gateway, controlPlane }: World): Promise<void> {
  const inBase64 = new Set(
    gateway.exchanges.flatMap(({ request }) => request.match(/(?<="token":")[A-Za-z0-9+/=]{8,}/g) ?? []),
  );
  // Short tokens are set by the scenarios themselves and are common words.
  const tokens = [...inBase64].map(decode).filter((token) => token.length > 12);
  expect(tokens.length).toBeGreaterThan(25);
  expect(await exposedIn(controlPlane, tokens)).toEqual([]);
  expect(await readFile(join(controlPlane.directory, 'operator.log'), 'utf8')).toContain('condition changed');
}

/** The behaviour of the operator in a cluster, with the final state in the API server: the same for every driver. */
export function scenarios(driver: DriverName): void {
  let world: World;
  let kubernetes: Kubernetes;
  let failed = false;
  const dynamic = strategyOf(driver) === 'dynamic-apply';
  const keepLogs = () => {
    failed = true;
  };

  beforeAll(async () => {
    const started = Date.now();
    world = await startWorld(driver, (line) => console.log(`${((Date.now() - started) / 1000).toFixed(1)} s  ${line}`));
    kubernetes = world.kubernetes;
  });
  afterAll(async () => {
    if (process.env.RECORD && !isDouble(driver)) {
      await record(world.gateway.exchanges, join(process.env.RECORD, driver));
    }
    try {
      if (world) await nothingExposed(world);
    } catch (error) {
      keepLogs();
      throw error;
    } finally {
      await world?.stop(failed);
    }
    expect(stillRunning()).toEqual([]);
  });

  /** A Broker and a MeshSync of the usual names, ready, in a namespace of their own. */
  async function pair(
    of: string,
    spec: object = {},
  ): Promise<{ broker: KubernetesObject; meshSync: KubernetesObject }> {
    await namespace(kubernetes, of);
    const applied = [broker(of, 'meshery-broker', spec), meshSync(of, 'meshery-meshsync')];
    for (const object of applied) await kubernetes.apply(object);
    const [first, second] = await Promise.all(applied.map((object) => isReady(kubernetes, object)));
    if (!first || !second) throw new Error('unreachable');
    return { broker: first, meshSync: second };
  }

  const get = async (apiVersion: string, kind: string, name: string, of: string): Promise<KubernetesObject> => {
    const object = await kubernetes.get(apiVersion, kind, name, of);
    if (!object) throw new Error(`there is no ${kind} ${of}/${name}`);
    return object;
  };
  const token = async (of: string) => decode((await get('v1', 'Secret', 'meshery-nats-auth', of)).data?.token);
  const patchSpec = (of: string, spec: object, kind = 'Broker', name = 'meshery-broker') =>
    kubernetes.patch({ apiVersion: MESHERY, kind, metadata: { name, namespace: of }, spec });

  const scene: Scene = {
    world: () => world,
    kubernetes: () => kubernetes,
    keepLogs,
    pair,
    get,
    token,
    patchSpec,
  };

  const usual = [
    ['Broker', 'meshery-broker'],
    ['MeshSync', 'meshery-meshsync'],
  ] as const;
  const annotate = async (of: string, annotations: Record<string, string | null>) => {
    for (const [kind, name] of usual) {
      await kubernetes.patch({ apiVersion: MESHERY, kind, metadata: { name, namespace: of, annotations } });
    }
  };

  /** What kstatus says of the usual Broker and MeshSync. */
  const kstatus = async (of: string) => {
    const objects = await Promise.all(usual.map(([kind, name]) => get(MESHERY, kind, name, of)));
    return (await healthOf(objects)).map(({ kstatus: { status } }) => status);
  };

  const requestsOf = (of: string) =>
    world.gateway.exchanges.filter(({ request }) => request.includes(`"namespace":"${of}"`)).map(({ path }) => path);

  /** Waits until nothing in a namespace is written for five seconds, or requested by a real Metacontroller. */
  const isAtRest = (of: string) =>
    eventually(async () => {
      const state = async () => [await versions(kubernetes, of), isDouble(driver) || requestsOf(of).length];
      const before = await state();
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      expect(await state()).toEqual(before);
    });

  /**
   * Changes an environment variable of the operator as `kubectl set env` does. The Deployment controller of the cluster replaces
   * its pods; the process ends before another one starts, as the strategy of the Deployment has it.
   */
  const replaceOperator = async (name: string, value: string, meanwhile: () => Promise<unknown> = async () => {}) => {
    const path = '/apis/apps/v1/namespaces/meshery/deployments/meshery-operator';
    const template = { spec: { containers: [{ name: 'manager', env: [{ name, value }] }] } };
    const patch = { 'content-type': 'application/strategic-merge-patch+json' };
    expect((await kubernetes.request('PATCH', path, { spec: { template } }, patch)).status).toBe(200);
    await world.operator.process.stop();
    await meanwhile();
    world.operator = await startOperator(world.controlPlane.directory, undefined, { [name]: value });
  };

  // First, since the watch-list in force is that of the sample: all other MeshSyncs restart with it.
  it('the operator makes the samples ready under the names that Meshery Server expects', async () => {
    onTestFailed(keepLogs);
    for (const sample of await kustomize('manifests/samples')) await kubernetes.apply(sample);
    const [sampleBroker, sampleMeshSync] = [
      broker('meshery', 'meshery-broker'),
      meshSync('meshery', 'meshery-meshsync'),
    ];
    const ready = await isReady(kubernetes, sampleBroker);
    const synced = await isReady(kubernetes, sampleMeshSync);

    const children = [...(await childrenOf(kubernetes, ready)), ...(await childrenOf(kubernetes, synced))];
    expect(names(children)).toEqual([
      'ConfigMap/meshery-nats-config',
      'Deployment/meshery-meshsync',
      'Secret/meshery-nats-auth',
      'Secret/meshery-nats-server',
      'Service/meshery-nats',
      'Service/meshery-nats-headless',
      'ServiceAccount/meshery-meshsync',
      'StatefulSet/meshery-nats',
    ]);
    for (const { metadata } of children) {
      expect(metadata.labels?.['app.kubernetes.io/managed-by']).toBe('meshery-operator');
      expect(metadata.labels?.['app.kubernetes.io/part-of']).toBe('meshery');
      expect(metadata.finalizers ?? []).toEqual([]);
    }
    expect(ready.metadata.finalizers ?? []).toEqual([]);

    const service = await get('v1', 'Service', 'meshery-nats', 'meshery');
    const internal = `${service.spec.clusterIP}:4222`;
    expect(ready.status?.endpoint).toEqual({ internal });
    const age = expect.any(String);
    expect(await printed(kubernetes, 'brokers', 'meshery', 'meshery-broker')).toEqual({
      Name: 'meshery-broker',
      Ready: 'True',
      Size: 1,
      Internal: internal,
      External: null,
      Version: '2.14.2-alpine',
      Age: age,
    });
    expect(await printed(kubernetes, 'meshsyncs', 'meshery', 'meshery-meshsync', true)).toEqual({
      Name: 'meshery-meshsync',
      Ready: 'True',
      Broker: 'meshery/meshery-broker',
      'Publishing-To': 'nats://meshery-nats.meshery.svc:4222',
      Version: '1.0.3',
      Age: age,
      Reason: 'Ready',
      Message: 'MeshSync publishes.',
    });

    // The queries of Meshery Server, one by one.
    const operator = await get('apps/v1', 'Deployment', 'meshery-operator', 'meshery');
    await eventually(async () => {
      const { status } = await get('apps/v1', 'Deployment', 'meshery-operator', 'meshery');
      expect(status?.readyReplicas).toBe(2);
    });
    const manager = operator.spec.template.spec.containers.find(({ name }: { name: string }) => name === 'manager');
    expect(manager.image).toMatch(/:\d+\.\d+\.\d+$/);
    const asV1alpha1 = await kubernetes.get('meshery.io/v1alpha1', 'Broker', 'meshery-broker', 'meshery');
    expect(asV1alpha1?.status?.endpoint?.internal).toBe(internal);
    const asV1alpha1MeshSync = await kubernetes.get('meshery.io/v1alpha1', 'MeshSync', 'meshery-meshsync', 'meshery');
    expect(asV1alpha1MeshSync?.status?.['publishing-to']).toBe('nats://meshery-nats.meshery.svc:4222');
    expect(service.spec.ports.find(({ name }: { name: string }) => name === 'monitor').port).toBe(8222);
    const statefulSet = await get('apps/v1', 'StatefulSet', 'meshery-nats', 'meshery');
    const nats = statefulSet.spec.template.spec.containers.find(({ name }: { name: string }) => name === 'nats');
    expect(nats.image).toBe('nats:2.14.2-alpine');
    expect(await token('meshery')).toMatch(/^t[0-9a-f]{64}$/);
    const pods = await kubernetes.list('v1', 'Pod', 'meshery');
    const running = (label: string, value: string) =>
      pods.filter(({ metadata, status }) => metadata.labels?.[label] === value && status?.phase === 'Running');
    const [natsPod, ...others] = running('app.kubernetes.io/name', 'nats');
    expect(others).toEqual([]);
    expect(natsPod?.spec.containers.flatMap((container: { ports?: object[] }) => container.ports ?? [])).toContainEqual(
      expect.objectContaining({ name: 'nats', containerPort: 4222 }),
    );
    expect(running('component', 'meshsync')).toHaveLength(1);
  });

  operations(scene, dynamic);

  it('a changed environment of the operator takes effect with its new pods, by one roll', async () => {
    onTestFailed(keepLogs);
    const of = 'environment-change';
    await pair(of, { size: 3 });
    await isAtRest(of);
    const changes = await countChanges(kubernetes, of);
    await replaceOperator('IMAGE_REGISTRY', 'registry.example.com/mirror');
    await eventually(async () => {
      for (const [kind, name] of [
        ['StatefulSet', 'meshery-nats'] as const,
        ['Deployment', 'meshery-meshsync'] as const,
      ]) {
        const { spec } = await get('apps/v1', kind, name, of);
        expect(spec.template.spec.containers[0].image).toMatch(/^registry[.]example[.]com\/mirror\//);
      }
    }, 15);
    await isAtRest(of);
    expect(await changes()).toEqual(ROLLED_ONCE);
  });

  it('an upgrade of the operator takes effect with its new pods, by one roll, though syncs failed in between', async () => {
    onTestFailed(keepLogs);
    const of = 'upgrade';
    world.gateway.mode = 'older';
    const applied = await pair(of, { size: 3 });
    const image = async () =>
      (await get('apps/v1', 'StatefulSet', 'meshery-nats', of)).spec.template.spec.containers[0].image;
    expect(await image()).toMatch(/nats:2[.]14[.]1-alpine$/);
    await isAtRest(of);
    const changes = await countChanges(kubernetes, of);
    await replaceOperator('IMAGE_REGISTRY', '', async () => {
      await annotate(of, { 'example.com/during': 'the upgrade' });
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      world.gateway.mode = 'pass';
    });
    await eventually(async () => expect(await image()).toMatch(/nats:2[.]14[.]2-alpine$/), 15);
    await isAtRest(of);
    // The older version sets one label less, in all children.
    const children = [
      ...(await childrenOf(kubernetes, applied.broker)),
      ...(await childrenOf(kubernetes, applied.meshSync)),
    ];
    expect(await changes()).toEqual({
      ...ROLLED_ONCE,
      ...Object.fromEntries(names(children).map((name) => [name, 1])),
    });
  });

  describe('without failures', { concurrent: true }, () => {
    brokerFields(scene);
    meshSyncFields(scene);
    podFields(scene);
    admission(scene);
    handEdits(scene);

    it('a Broker and a MeshSync cause no more writes once they are ready', async () => {
      onTestFailed(keepLogs);
      await pair('rest', { size: 3 });
      const requested = () => requestsOf('rest');
      // A real Metacontroller sends no requests while nothing changes; the test double always does. On a busy machine, the last
      // event may reach it some seconds later.
      let syncs: number;
      do {
        syncs = requested().length;
        await new Promise((resolve) => setTimeout(resolve, 5_000));
      } while (!isDouble(driver) && requested().length !== syncs);
      const before = await versions(kubernetes, 'rest');
      await new Promise((resolve) => setTimeout(resolve, 30_000));
      expect(await versions(kubernetes, 'rest')).toEqual(before);
      if (!isDouble(driver)) expect(requested().slice(syncs)).toEqual([]);
    });

    it('the operator applies every change of a Broker in place', async () => {
      onTestFailed(keepLogs);
      const of = 'changes';
      const { broker: applied } = await pair(of);
      const changes = await countChanges(kubernetes, of);
      const before = uids(await childrenOf(kubernetes, applied));
      const ready = (reason = 'Ready') => isReady(kubernetes, applied, reason);

      await patchSpec(of, { size: 3 });
      expect((await ready()).status).toMatchObject({ replicas: 3, readyReplicas: 3 });
      await patchSpec(of, { size: 1, version: 'v2.11.0' });
      expect((await ready()).status).toMatchObject({ replicas: 1, readyReplicas: 1, version: '2.11.0' });
      const path = `/apis/${MESHERY}/namespaces/${of}/brokers/meshery-broker/scale`;
      const merge = { 'content-type': 'application/merge-patch+json' };
      expect((await kubernetes.request('PATCH', path, { spec: { replicas: 2 } }, merge)).status).toBe(200);
      expect((await ready()).status?.replicas).toBe(2);
      expect((await kubernetes.request('GET', path)).body).toMatchObject({
        spec: { replicas: 2 },
        status: {
          replicas: 2,
          selector:
            'app.kubernetes.io/component=nats,app.kubernetes.io/instance=meshery-nats,app.kubernetes.io/name=nats',
        },
      });
      expect(await kubernetes.request('PATCH', path, { spec: { replicas: 11 } }, merge)).toMatchObject({ status: 422 });

      await patchSpec(of, { service: { annotations: { 'example.com/pool': 'a', 'example.com/drop': 'b' } } });
      await patchSpec(of, { service: { annotations: { 'example.com/drop': null } } });
      await eventually(async () => {
        const { annotations } = (await get('v1', 'Service', 'meshery-nats', of)).metadata;
        expect(annotations).toMatchObject({ 'example.com/pool': 'a' });
        expect(annotations).not.toHaveProperty(['example.com/drop']);
      });

      await patchSpec(of, { service: { type: 'NodePort' } });
      const { status } = await ready();
      const { nodePort } = (await get('v1', 'Service', 'meshery-nats-external', of)).spec.ports[0];
      expect(NODE_ADDRESSES.map((address) => `${address}:${nodePort}`)).toContain(status?.endpoint.external);

      await patchSpec(of, { service: { type: 'LoadBalancer', loadBalancerSourceRanges: ['192.0.2.0/24'] } });
      await ready('LoadBalancerPending');
      const servicePath = `/api/v1/namespaces/${of}/services/meshery-nats-external/status`;
      await kubernetes.request(
        'PATCH',
        servicePath,
        { status: { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } } },
        merge,
      );
      expect((await ready()).status?.endpoint.external).toBe('203.0.113.7:4222');
      await patchSpec(of, { service: { externalEndpointOverride: 'gateway.example.com:4222' } });
      await eventually(async () => {
        expect((await ready()).status?.endpoint.external).toBe('gateway.example.com:4222');
      });

      await patchSpec(of, { service: null });
      await eventually(async () => {
        expect((await ready()).status?.endpoint).not.toHaveProperty('external');
      });
      const { type, ports } = (await get('v1', 'Service', 'meshery-nats', of)).spec;
      expect({ type, nodePorts: ports.flatMap(({ nodePort }: { nodePort?: number }) => nodePort ?? []) }).toEqual({
        type: 'ClusterIP',
        nodePorts: [],
      });
      expect(uids(await childrenOf(kubernetes, applied))).toMatchObject(before);
      // The size is 3, 2, 1 and 2; changes of the Service may come together.
      expect(await changes()).toMatchObject({
        'StatefulSet/meshery-nats': 4,
        'Secret/meshery-nats-server': 4,
        'PodDisruptionBudget/meshery-nats': 3,
      });
    });

    it('the operator reports changes that Kubernetes does not allow', async () => {
      onTestFailed(keepLogs);
      const of = 'immutable';
      await namespace(kubernetes, of);
      const applied = broker(of, 'meshery-broker', {
        service: { type: 'LoadBalancer', loadBalancerClass: 'example.com/a' },
      });
      await kubernetes.apply(applied);
      await isReady(kubernetes, applied, 'LoadBalancerPending');
      const changes = await countChanges(kubernetes, of);
      await patchSpec(of, { service: { loadBalancerClass: 'example.com/b' } });
      const { status } = await isReady(kubernetes, applied, 'ImmutableField');
      expect(status?.conditions?.[0]?.message).toContain('spec.service.loadBalancerClass');
      const external = async () => (await get('v1', 'Service', 'meshery-nats-external', of)).spec;
      expect((await external()).loadBalancerClass).toBe('example.com/a');
      expect(await changes()).toEqual({});
      // As the message says.
      await patchSpec(of, { service: { type: 'ClusterIP', loadBalancerClass: null } });
      await isReady(kubernetes, applied);
      expect(await kubernetes.get('v1', 'Service', 'meshery-nats-external', of)).toBeUndefined();
      await patchSpec(of, { service: { type: 'LoadBalancer', loadBalancerClass: 'example.com/b' } });
      await isReady(kubernetes, applied, 'LoadBalancerPending');
      expect((await external()).loadBalancerClass).toBe('example.com/b');
    });

    it('the operator restores deleted and edited children', async () => {
      onTestFailed(keepLogs);
      const of = 'restore';
      const applied = await pair(of, { size: 3 });
      const changes = await countChanges(kubernetes, of);
      const all = async () => [
        ...(await childrenOf(kubernetes, applied.broker)),
        ...(await childrenOf(kubernetes, applied.meshSync)),
      ];
      const before = await all();
      expect(before).toHaveLength(9);
      for (const { apiVersion, kind, metadata } of before) {
        await kubernetes.delete(apiVersion, kind, metadata.name, of);
        await eventually(async () => {
          const again = await get(apiVersion, kind, metadata.name, of);
          expect(again.metadata.uid).not.toBe(metadata.uid);
        });
      }
      await Promise.all([isReady(kubernetes, applied.broker), isReady(kubernetes, applied.meshSync)]);
      expect(names(await all())).toEqual(names(before));

      const edits: [KubernetesObject, (object: KubernetesObject) => unknown, unknown][] = [
        [
          edit('v1', 'ConfigMap', 'meshery-nats-config', { data: { 'nats.conf': 'port: 1' } }),
          ({ data }) => data?.['nats.conf']?.includes('port: 4222'),
          true,
        ],
        [
          edit('v1', 'Secret', 'meshery-nats-server', { data: { 'credentials.conf': 'eA==' } }),
          ({ data }) => decode(data?.['credentials.conf']).startsWith('authorization {'),
          true,
        ],
        [
          edit('v1', 'Service', 'meshery-nats', { spec: { selector: { 'app.kubernetes.io/name': 'other' } } }),
          ({ spec }) => spec.selector['app.kubernetes.io/name'],
          'nats',
        ],
        [
          edit('v1', 'Service', 'meshery-nats-headless', { spec: { publishNotReadyAddresses: false } }),
          ({ spec }) => spec.publishNotReadyAddresses,
          true,
        ],
        [edit('apps/v1', 'StatefulSet', 'meshery-nats', { spec: { replicas: 1 } }), ({ spec }) => spec.replicas, 3],
        [edit('apps/v1', 'Deployment', 'meshery-meshsync', { spec: { replicas: 4 } }), ({ spec }) => spec.replicas, 1],
        [
          edit('v1', 'ServiceAccount', 'meshery-meshsync', { metadata: { labels: { component: 'other' } } }),
          ({ metadata }) => metadata.labels?.component,
          'meshsync',
        ],
      ];
      for (const [change, read, expected] of edits) {
        await kubernetes.patch(change);
        const { apiVersion, kind, metadata } = change;
        await eventually(async () => {
          expect(read(await get(apiVersion, kind, metadata.name, of)), `${kind} ${metadata.name}`).toBe(expected);
        });
      }
      await Promise.all([isReady(kubernetes, applied.broker), isReady(kubernetes, applied.meshSync)]);
      // Each was deleted and created, edited and restored; new credentials are one more change of their users.
      const four = [
        'ConfigMap/meshery-nats-config',
        'Service/meshery-nats',
        'Service/meshery-nats-headless',
        'ServiceAccount/meshery-meshsync',
      ];
      const counted = await changes();
      expect(counted).toMatchObject({
        ...Object.fromEntries(four.map((name) => [name, 4])),
        'Secret/meshery-nats-auth': 2,
        'Deployment/meshery-meshsync': 5,
        'PodDisruptionBudget/meshery-nats': 2,
      });
      // The new token and the new route password may come in one write.
      expect([5, 6]).toContain(counted['StatefulSet/meshery-nats']);
      expect([4, 5]).toContain(counted['Secret/meshery-nats-server']);

      function edit(
        apiVersion: string,
        kind: string,
        name: string,
        change: Pick<Partial<KubernetesObject>, 'data' | 'spec'> & { metadata?: object },
      ): KubernetesObject {
        return { apiVersion, kind, ...change, metadata: { name, namespace: of, ...change.metadata } };
      }
    });

    it('the operator generates a new token when the Secret is deleted, and rolls all its users', async () => {
      onTestFailed(keepLogs);
      const of = 'rotate';
      const applied = await pair(of);
      const changes = await countChanges(kubernetes, of);
      await namespace(kubernetes, 'rotate-remote');
      const remote = meshSync('rotate-remote', 'remote', 'meshery-broker', of);
      await kubernetes.apply(remote);
      await isReady(kubernetes, remote);
      const checksum = async (kind: string, name: string, at = of) =>
        (await get('apps/v1', kind, name, at)).spec.template.metadata.annotations['meshery.io/credentials-checksum'];
      const before = [
        await token(of),
        await checksum('StatefulSet', 'meshery-nats'),
        await checksum('Deployment', 'meshery-meshsync'),
      ];
      await kubernetes.delete('v1', 'Secret', 'meshery-nats-auth', of);
      await eventually(async () => {
        const after = [
          await token(of),
          await checksum('StatefulSet', 'meshery-nats'),
          await checksum('Deployment', 'meshery-meshsync'),
        ];
        for (const [index, value] of after.entries()) expect(value).not.toBe(before[index]);
        const mirrored = decode((await get('v1', 'Secret', 'remote-broker-auth', 'rotate-remote')).data?.token);
        expect(mirrored).toBe(after[0]);
        expect(await checksum('Deployment', 'remote', 'rotate-remote')).toBe(after[2]);
      });
      await Promise.all([
        isReady(kubernetes, applied.broker),
        isReady(kubernetes, applied.meshSync),
        isReady(kubernetes, remote),
      ]);
      expect(await changes()).toEqual({
        'Secret/meshery-nats-auth': 2,
        'Secret/meshery-nats-server': 1,
        'StatefulSet/meshery-nats': 1,
        'Pod/meshery-nats': 1,
        'Deployment/meshery-meshsync': 1,
        'Pod/meshery-meshsync': 1,
      });
    });

    it('MeshSync keeps running while its Broker is replaced', async () => {
      onTestFailed(keepLogs);
      const of = 'replace';
      const applied = await pair(of);
      const changes = await countChanges(kubernetes, of);
      const before = await get('apps/v1', 'Deployment', 'meshery-meshsync', of);
      const old = await token(of);
      await kubernetes.delete(MESHERY, 'Broker', 'meshery-broker', of);
      await isReady(kubernetes, applied.meshSync, 'BrokerNotFound');
      await eventually(async () => expect(await childrenOf(kubernetes, applied.broker)).toEqual([]));
      const meanwhile = await get('apps/v1', 'Deployment', 'meshery-meshsync', of);
      expect([meanwhile.metadata.uid, meanwhile.spec]).toEqual([before.metadata.uid, before.spec]);

      await kubernetes.apply(broker(of, 'meshery-broker'));
      await Promise.all([isReady(kubernetes, applied.broker), isReady(kubernetes, applied.meshSync)]);
      const after = await get('apps/v1', 'Deployment', 'meshery-meshsync', of);
      expect(after.metadata.uid).toBe(before.metadata.uid);
      expect(await token(of)).not.toBe(old);
      expect(after.spec.template.metadata.annotations).not.toEqual(before.spec.template.metadata.annotations);
      // Every child of the Broker is deleted and created. The test double may create them once more, from what it read before.
      const counted = await changes();
      if (isDouble(driver)) return;
      expect(counted).toEqual({
        ...{
          'Secret/meshery-nats-auth': 2,
          'Secret/meshery-nats-server': 2,
          'ConfigMap/meshery-nats-config': 2,
          'Service/meshery-nats': 2,
          'Service/meshery-nats-headless': 2,
          'StatefulSet/meshery-nats': 2,
          'Pod/meshery-nats': 1,
        },
        ...{ 'Deployment/meshery-meshsync': 1, 'Pod/meshery-meshsync': 1 },
      });
    });

    it('MeshSync may read everything and write nothing', async () => {
      onTestFailed(keepLogs);
      const can = async (verb: string, resource: string, group = '', subresource = '', name = '') => {
        const user = 'system:serviceaccount:meshery:meshery-meshsync';
        const groups = ['system:serviceaccounts', 'system:serviceaccounts:meshery', 'system:authenticated'];
        const resourceAttributes = { verb, resource, group, subresource, name, namespace: 'meshery' };
        const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
        const spec = { user, groups, resourceAttributes };
        const { body } = await kubernetes.request('POST', path, { spec });
        return (body as KubernetesObject).status?.allowed as boolean;
      };
      expect(await can('list', 'secrets')).toBe(true);
      expect(await can('watch', 'deployments', 'apps')).toBe(true);
      expect(await can('list', 'anything', 'example.com')).toBe(true);
      expect(await can('get', 'meshsyncs', 'meshery.io')).toBe(true);
      expect(await can('get', 'namespaces', '', '', 'kube-system')).toBe(true);
      expect(await can('get', 'namespaces', '', '', 'default')).toBe(false);
      expect(await can('get', 'pods', '', 'exec')).toBe(false);
      expect(await can('create', 'pods', '', 'exec')).toBe(false);
      expect(await can('get', 'nodes', '', 'proxy')).toBe(false);
      expect(await can('update', 'secrets')).toBe(false);
      expect(await can('delete', 'meshsyncs', 'meshery.io')).toBe(false);
      expect(await can('impersonate', 'users')).toBe(false);
    });

    it('every child is deleted with its resource', async () => {
      onTestFailed(keepLogs);
      const applied = await pair('removal', { size: 2 });
      await kubernetes.delete(MESHERY, 'MeshSync', 'meshery-meshsync', 'removal');
      await kubernetes.delete(MESHERY, 'Broker', 'meshery-broker', 'removal');
      await eventually(async () => {
        expect(names(await childrenOf(kubernetes, applied.broker))).toEqual([]);
        expect(names(await childrenOf(kubernetes, applied.meshSync))).toEqual([]);
        expect(await kubernetes.list('v1', 'Pod', 'removal')).toEqual([]);
      });
    });

    it('many resources of a namespace have separate children', async () => {
      onTestFailed(keepLogs);
      const of = await namespace(kubernetes, 'many');
      await namespace(kubernetes, 'many-remote');
      const brokers = ['meshery-broker', 'a-broker', 'b', 'c', 'd'].map((name, index) =>
        broker(of, name, { size: 1 + (index % 2) }),
      );
      const synced = brokers.map(({ metadata }, index) => meshSync(of, `sync-${index}`, metadata.name));
      const all = [...brokers, ...synced, meshSync('many-remote', 'remote', 'b', of)];
      for (const object of all) await kubernetes.apply(object);
      await Promise.all(all.map((object) => isReady(kubernetes, object, 'Ready', 60)));

      const pods = await kubernetes.list('v1', 'Pod', of);
      const selectors = [
        ...(await kubernetes.list('apps/v1', 'StatefulSet', of)),
        ...(await kubernetes.list('apps/v1', 'Deployment', of)),
      ].map(({ spec }) => spec.selector.matchLabels as Record<string, string>);
      expect(selectors).toHaveLength(10);
      expect(pods).toHaveLength(12);
      for (const { metadata } of pods) {
        const selecting = selectors.filter((labels) =>
          Object.entries(labels).every(([name, value]) => metadata.labels?.[name] === value),
        );
        expect(selecting, metadata.name).toHaveLength(1);
      }
      const remote = await get('apps/v1', 'Deployment', 'remote', 'many-remote');
      expect(remote.spec.template.spec.containers[0].env).toEqual([
        { name: 'NATS_TOKEN', valueFrom: { secretKeyRef: { key: 'token', name: 'remote-broker-auth' } } },
        { name: 'BROKER_URL', value: 'nats://$(NATS_TOKEN)@b-nats.many.svc:4222' },
      ]);
    });

    it.each([
      ['Secret', 'meshery-nats-auth', 'v1', { data: { token: 'Zm9yZWlnbg==' } }],
      ['Service', 'meshery-nats', 'v1', { spec: { ports: [{ port: 1 }] } }],
      [
        'StatefulSet',
        'meshery-nats',
        'apps/v1',
        {
          spec: {
            replicas: 0,
            serviceName: 'x',
            selector: { matchLabels: { app: 'x' } },
            template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'x', image: 'x' }] } },
          },
        },
      ],
    ])('the operator does not change a %s with the name of a child', async (kind, name, apiVersion, content) => {
      onTestFailed(keepLogs);
      const of = await namespace(kubernetes, `foreign-${kind.toLowerCase()}`);
      const foreign = await kubernetes.apply({ apiVersion, kind, metadata: { name, namespace: of }, ...content });
      const applied = broker(of, 'meshery-broker');
      await kubernetes.apply(applied);
      const { status } = await isReady(kubernetes, applied, 'NameConflict');
      expect(status?.conditions?.[0]?.message).toContain(`${kind} ${name} was not created by this Broker`);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const kept = await get(apiVersion, kind, name, of);
      expect([kept.metadata.uid, kept.metadata.ownerReferences, kept.data]).toEqual([
        foreign.metadata.uid,
        undefined,
        foreign.data,
      ]);
      await kubernetes.delete(apiVersion, kind, name, of);
      await isReady(kubernetes, applied);
    });

    it('the API server rejects specs by the schema, and a condition reports other errors', async () => {
      onTestFailed(keepLogs);
      const of = await namespace(kubernetes, 'invalid');
      const rejected: [object, RegExp][] = [
        [{ size: 0 }, /spec\.size/],
        [{ size: 11 }, /spec\.size/],
        [{ size: 'three' }, /spec\.size/],
        [{ version: 'not a tag' }, /spec\.version/],
        [{ service: { type: 'ExternalName' } }, /spec\.service\.type/],
        [{ service: { type: 'NodePort', loadBalancerClass: 'a' } }, /spec\.service\.loadBalancerClass/],
        [
          { service: { type: 'ClusterIP', loadBalancerSourceRanges: ['10.0.0.0/8'] } },
          /spec\.service\.loadBalancerSourceRanges/,
        ],
        [
          { service: { type: 'LoadBalancer', loadBalancerSourceRanges: ['anywhere'] } },
          /spec\.service\.loadBalancerSourceRanges\[0\]/,
        ],
      ];
      for (const [spec, message] of rejected) {
        await expect(kubernetes.apply(broker(of, 'refused', spec)), JSON.stringify(spec)).rejects.toThrow(message);
      }
      const accepted: [string, object, string][] = [
        ['x'.repeat(60), {}, 'metadata.name'],
        ['a.b', {}, 'metadata.name'],
        ['1a', {}, 'metadata.name'],
        [
          'range',
          { service: { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.5/8'] } },
          'spec.service.loadBalancerSourceRanges[0]',
        ],
        ['key', { service: { annotations: { 'not a key': 'x' } } }, 'spec.service.annotations["not a key"]'],
      ];
      for (const [name, spec, path] of accepted) {
        const applied = broker(of, name, spec);
        await kubernetes.apply(applied);
        const { status } = await isReady(kubernetes, applied, 'InvalidSpec');
        expect(status?.conditions?.[0]?.message).toContain(path);
      }
    });

    it('a Broker that becomes invalid keeps its children', async () => {
      onTestFailed(keepLogs);
      const of = 'breaks';
      const applied = await pair(of);
      const changes = await countChanges(kubernetes, of);
      const before = uids(await childrenOf(kubernetes, applied.broker));
      await patchSpec(of, { service: { annotations: { 'not a key': 'x' } } });
      await isReady(kubernetes, applied.broker, 'InvalidSpec');
      expect((await kstatus(of))[0]).toBe('Failed');
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect(uids(await childrenOf(kubernetes, applied.broker))).toEqual(before);
      await patchSpec(of, { service: null });
      await isReady(kubernetes, applied.broker);
      expect((await kstatus(of))[0]).toBe('Current');
      expect(uids(await childrenOf(kubernetes, applied.broker))).toEqual(before);
      expect(await changes()).toEqual({});
    });

    it('a paused pair keeps its children unchanged, and is reconciled again after the pause', async () => {
      onTestFailed(keepLogs);
      const of = 'pause';
      const applied = await pair(of);
      const changes = await countChanges(kubernetes, of);
      await annotate(of, { 'meshery.io/pause-reconciliation': 'true' });
      await eventually(async () => {
        for (const [kind, name] of usual) {
          const { status } = await get(MESHERY, kind, name, of);
          expect(status?.conditions?.map(({ type }) => type)).toContain('ReconciliationPaused');
        }
      });
      expect(await kstatus(of)).toEqual(['Current', 'Current']);
      const change = (apiVersion: string, kind: string, name: string, spec: object) =>
        kubernetes.patch({ apiVersion, kind, metadata: { name, namespace: of }, spec });
      await change('apps/v1', 'StatefulSet', 'meshery-nats', { replicas: 2 });
      // A sync that observed it before the edit may put it back once.
      await eventually(async () => {
        await change('apps/v1', 'Deployment', 'meshery-meshsync', {
          template: { spec: { terminationGracePeriodSeconds: 7 } },
        });
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        const { spec } = await get('apps/v1', 'Deployment', 'meshery-meshsync', of);
        expect(spec.template.spec.terminationGracePeriodSeconds).toBe(7);
      });
      // A sync that observed it before its deletion may re-create it once.
      const config = ['v1', 'ConfigMap', 'meshery-nats-config', of] as const;
      await eventually(async () => {
        await kubernetes.delete(...config);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        expect(await kubernetes.get(...config)).toBeUndefined();
      });
      await patchSpec(of, { version: '2.11.0' });
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      // Metacontroller writes the present generation into every status.
      const edited = await get(MESHERY, 'Broker', 'meshery-broker', of);
      expect(edited.status?.observedGeneration).toBe(edited.metadata.generation);
      expect(await kstatus(of)).toEqual(['InProgress', 'Current']);
      const kept = await get('apps/v1', 'StatefulSet', 'meshery-nats', of);
      expect(kept.spec.replicas).toBe(2);
      expect(kept.spec.template.spec.containers[0].image).toBe('nats:2.14.2-alpine');
      const deployment = await get('apps/v1', 'Deployment', 'meshery-meshsync', of);
      expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBe(7);
      expect(await kubernetes.get(...config)).toBeUndefined();

      await annotate(of, { 'meshery.io/pause-reconciliation': null });
      await eventually(async () => {
        const { spec } = await get('apps/v1', 'StatefulSet', 'meshery-nats', of);
        expect([spec.replicas, spec.template.spec.containers[0].image]).toEqual([1, 'nats:2.11.0']);
        const synced = await get('apps/v1', 'Deployment', 'meshery-meshsync', of);
        expect(synced.spec.template.spec.terminationGracePeriodSeconds).toBe(60);
        await get(...config);
      });
      await Promise.all([isReady(kubernetes, applied.broker), isReady(kubernetes, applied.meshSync)]);
      // The status is written after the children.
      await eventually(async () => expect(await kstatus(of)).toEqual(['Current', 'Current']));
      // Once by hand, once by the operator, and under dynamic-apply the annotation of what was applied last.
      const writes = dynamic ? 3 : 2;
      const counted = await changes();
      // The test double may put an edit back that was made while it synced.
      if (isDouble(driver)) return;
      expect(counted).toMatchObject({ 'StatefulSet/meshery-nats': writes, 'Deployment/meshery-meshsync': writes });
    });

    it('a hibernating pair has no pods, and resumes with the same token', async () => {
      onTestFailed(keepLogs);
      const of = 'hibernation';
      const applied = await pair(of, { size: 3 });
      const changes = await countChanges(kubernetes, of);
      const before = [await token(of), uids(await childrenOf(kubernetes, applied.broker))];
      await annotate(of, { 'meshery.io/hibernation': 'on' });
      await Promise.all([
        isReady(kubernetes, applied.broker, 'Hibernated'),
        isReady(kubernetes, applied.meshSync, 'Hibernated'),
        eventually(async () => expect(await kubernetes.list('v1', 'Pod', of)).toEqual([])),
      ]);
      await annotate(of, { 'meshery.io/hibernation': null });
      await Promise.all([isReady(kubernetes, applied.broker), isReady(kubernetes, applied.meshSync)]);
      expect([await token(of), uids(await childrenOf(kubernetes, applied.broker))]).toEqual(before);
      // For a moment, a controller that has not observed the end of the former pods yet counts them as the new ones.
      await eventually(async () => expect(await kubernetes.list('v1', 'Pod', of)).toHaveLength(4));
      expect(await changes()).toEqual({ 'StatefulSet/meshery-nats': 2, 'Deployment/meshery-meshsync': 2 });
    });

    it('the CRDs serve both versions, and accept what Go clients write', async () => {
      onTestFailed(keepLogs);
      const of = await namespace(kubernetes, 'versions');
      const old = 'meshery.io/v1alpha1';
      await kubernetes.apply({
        apiVersion: old,
        kind: 'Broker',
        metadata: { name: 'meshery-broker', namespace: of, creationTimestamp: null },
        spec: { size: 1, service: {} },
        status: { endpoint: {} },
      });
      await kubernetes.apply({
        apiVersion: old,
        kind: 'MeshSync',
        metadata: { name: 'meshery-meshsync', namespace: of, creationTimestamp: null },
        spec: {
          size: 1,
          broker: { custom: {}, native: { name: 'meshery-broker', namespace: of } },
          'watch-list': { metadata: { creationTimestamp: null }, data: { blacklist: '', whitelist: '[]' } },
        },
        status: {},
      });
      await isReady(kubernetes, broker(of, 'meshery-broker'));
      await isReady(kubernetes, meshSync(of, 'meshery-meshsync'));
      await eventually(async () => {
        const asNew = await get(MESHERY, 'Broker', 'meshery-broker', of);
        const asOld = await get(old, 'Broker', 'meshery-broker', of);
        expect([asNew.apiVersion, asOld.apiVersion]).toEqual([MESHERY, old]);
        expect(asOld.spec).toEqual({ size: 1, service: {} });
        expect(asOld.spec).toEqual(asNew.spec);
        expect(asOld.status).toEqual(asNew.status);
      });
    });

    it('the operator keeps what Meshery Server writes into the Deployment of MeshSync', async () => {
      onTestFailed(keepLogs);
      const of = 'server-edits';
      const applied = await pair(of);
      const changes = await countChanges(kubernetes, of);
      const path = `/apis/apps/v1/namespaces/${of}/deployments/meshery-meshsync`;
      const template = {
        metadata: { annotations: { 'meshery.io/restarted-at': 'now' } },
        spec: {
          containers: [
            { name: 'meshsync', args: ['--outputNamespaces', 'a,b'], env: [{ name: 'DEBUG', value: 'true' }] },
          ],
        },
      };
      const patch = { 'content-type': 'application/strategic-merge-patch+json' };
      expect((await kubernetes.request('PATCH', path, { spec: { template } }, patch)).status).toBe(200);
      await patchSpec(of, { version: '1.0.2' }, 'MeshSync', 'meshery-meshsync');
      await isReady(kubernetes, applied.meshSync);
      const { spec } = await get('apps/v1', 'Deployment', 'meshery-meshsync', of);
      const [container] = spec.template.spec.containers;
      expect(container.image).toBe('meshery/meshsync:1.0.2');
      expect(container.args).toEqual(['--outputNamespaces', 'a,b']);
      expect(container.env.map(({ name }: { name: string }) => name)).toEqual(
        expect.arrayContaining(['NATS_TOKEN', 'BROKER_URL', 'DEBUG']),
      );
      expect(spec.template.metadata.annotations['meshery.io/restarted-at']).toBe('now');
      expect(await changes()).toMatchObject({ 'Deployment/meshery-meshsync': 2 });
    });

    it('the operator puts the token before the URL when a MeshSync changes from a URL to a Broker', async () => {
      onTestFailed(keepLogs);
      const of = 'environment';
      const { broker: applied } = await pair(of);
      const custom = { ...meshSync(of, 'custom'), spec: { broker: { custom: { url: 'nats://elsewhere:4222' } } } };
      await kubernetes.apply(custom);
      await isReady(kubernetes, custom);
      const changes = await countChanges(kubernetes, of);
      await patchSpec(of, { broker: { custom: null, native: { name: applied.metadata.name } } }, 'MeshSync', 'custom');
      await eventually(async () => {
        const { spec } = await get('apps/v1', 'Deployment', 'custom', of);
        expect(spec.template.spec.containers[0].env.map(({ name }: { name: string }) => name)).toEqual([
          'NATS_TOKEN',
          'BROKER_URL',
        ]);
      });
      await isReady(kubernetes, custom);
      // Dynamic-apply only appends variables: the URL is removed first, then appended.
      const writes = dynamic ? 2 : 1;
      expect(await changes()).toEqual({ 'Deployment/custom': writes, 'Pod/custom': writes });
    });
  });

  it('MeshSync restarts once for a valid change of its watch-list, and not for an invalid one', async () => {
    onTestFailed(keepLogs);
    const applied = meshSync('meshery', 'meshery-meshsync');
    const before = await isReady(kubernetes, applied);
    const changes = await countChanges(kubernetes, 'meshery');
    expect(before.status?.conditions?.map(({ type }) => type)).not.toContain('WatchListActive');
    const deployment = () => get('apps/v1', 'Deployment', 'meshery-meshsync', 'meshery');
    const revision = async () =>
      Number((await deployment()).metadata.annotations?.['deployment.kubernetes.io/revision']);
    const first = await revision();
    const watch = (whitelist: string) =>
      patchSpec('meshery', { 'watch-list': { data: { whitelist } } }, 'MeshSync', 'meshery-meshsync');
    const old = before.spec['watch-list'].data.whitelist;
    await watch(`${old},`);
    await isReady(kubernetes, applied, 'InvalidWatchList');
    await watch('[{"Resource":"pods.v1.","Events":["ADDED"]}]');
    await isReady(kubernetes, applied);
    expect(await revision()).toBe(first + 1);
    const pods = (await kubernetes.list('v1', 'Pod', 'meshery')).filter(
      ({ metadata }) => metadata.labels?.component === 'meshsync' && !metadata.deletionTimestamp,
    );
    expect(pods.flatMap(({ status }) => status?.containerStatuses ?? [])).toMatchObject([{ restartCount: 0 }]);
    await watch(old);
    await isReady(kubernetes, applied);
    expect(await revision()).toBe(first + 2);
    expect(await changes()).toEqual({ 'Deployment/meshery-meshsync': 2, 'Pod/meshery-meshsync': 2 });
  });

  it('no child is lost while the service is down, fails, is late or runs in two versions', async () => {
    onTestFailed(keepLogs);
    const { gateway } = world;
    const applied = await pair('outage', { size: 3 });
    await pair('outage-namespace');
    const all = async () =>
      uids([...(await childrenOf(kubernetes, applied.broker)), ...(await childrenOf(kubernetes, applied.meshSync))]);
    const before = await all();
    const changes = await countChanges(kubernetes, 'outage');
    let label = 0;
    /** Changes a label, so that Metacontroller has a reason to sync. */
    const touch = async () => {
      label += 1;
      const metadata = { name: 'meshery-broker', namespace: 'outage', labels: { touched: `${label}` } };
      await kubernetes.patch({ apiVersion: MESHERY, kind: 'Broker', metadata });
    };
    const during = async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        await touch();
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
      expect(await all()).toEqual(before);
    };

    gateway.mode = 'fail';
    await during(3);
    gateway.mode = 'refuse';
    await world.operator.process.stop();
    await patchSpec('outage', { service: { annotations: { 'example.com/during': 'the outage' } } });
    await kubernetes.delete('v1', 'Namespace', 'outage-namespace');
    await during(30);
    expect(await kubernetes.get('v1', 'Namespace', 'outage-namespace')).toBeUndefined();
    world.operator = await startOperator(world.controlPlane.directory, Number(new URL(world.operator.url).port));
    gateway.mode = 'late';
    await during(13);
    gateway.mode = 'pass';
    await touch();
    await eventually(async () => {
      const service = await get('v1', 'Service', 'meshery-nats', 'outage');
      expect(service.metadata.annotations).toMatchObject({ 'example.com/during': 'the outage' });
    });
    expect(await changes()).toEqual({ 'Service/meshery-nats': 1 });

    gateway.mode = 'mixed';
    await during(5);
    gateway.mode = 'pass';
    await touch();
    // The Broker may be Ready still, by the last sync of the older version: its image tells which version spoke last.
    await eventually(async () => {
      const { spec } = await get('apps/v1', 'StatefulSet', 'meshery-nats', 'outage');
      expect(spec.template.spec.containers[0].image).toBe('nats:2.14.2-alpine');
    });
    await Promise.all([isReady(kubernetes, applied.broker), isReady(kubernetes, applied.meshSync)]);
    expect(await all()).toEqual(before);
    await eventually(async () => {
      const now = await versions(kubernetes, 'outage');
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expect(await versions(kubernetes, 'outage')).toEqual(now);
    });
  });
  it('user and groups of running pods are left to the platform, and set again, with one roll each', async () => {
    onTestFailed(keepLogs);
    const of = 'security-context';
    const { broker: appliedBroker, meshSync: appliedMeshSync } = await pair(of);
    const workloads = () =>
      Promise.all([
        get('apps/v1', 'StatefulSet', 'meshery-nats', of),
        get('apps/v1', 'Deployment', 'meshery-meshsync', of),
      ]);
    const before = (await workloads()).map(({ spec }) => spec);
    /** Replaces the operator, as an upgrade does, and gives each resource a reason to sync. */
    const restart = async (mode: string) => {
      await world.operator.process.stop();
      world.operator = await startOperator(world.controlPlane.directory, Number(new URL(world.operator.url).port), {
        SECURITY_CONTEXT: mode,
      });
      const labels = { mode };
      for (const [kind, name] of usual) {
        await kubernetes.patch({ apiVersion: MESHERY, kind, metadata: { name, namespace: of, labels } });
      }
      await eventually(async () => {
        for (const { spec } of await workloads()) {
          expect(spec.template.spec.securityContext.runAsUser).toBe(mode === 'platform' ? undefined : 65532);
        }
      });
      await Promise.all([isReady(kubernetes, appliedBroker), isReady(kubernetes, appliedMeshSync)]);
      await eventually(async () => {
        const now = await versions(kubernetes, of);
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        expect(await versions(kubernetes, of)).toEqual(now);
      });
      return (await workloads()).map(({ metadata }) => metadata.generation);
    };
    expect(await restart('platform')).toEqual([2, 2]);
    const pods = (await kubernetes.list('v1', 'Pod', of)).map(({ spec }) => JSON.stringify(spec));
    for (const pod of pods) expect(pod).not.toMatch(/runAsUser|runAsGroup|fsGroup/);
    expect(pods).toHaveLength(2);
    expect(await restart('restricted')).toEqual([3, 3]);
    expect((await workloads()).map(({ spec }) => spec)).toEqual(before);
  });
}
