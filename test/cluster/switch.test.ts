import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import type { Strategy } from '../stand-in/metacontroller.ts';
import { documentedCommands } from '../support/pages.ts';
import { shell } from '../support/shell.ts';
import { leastPrivileged } from './accounts.ts';
import { broker, childrenOf, eventually, isReady, meshSync, namespace } from './expectations.ts';
import type { Kubernetes, KubernetesObject } from './kubernetes.ts';
import { metacontrollerBinary, startMetacontroller } from './metacontroller.ts';
import { startWorld, type World } from './world.ts';

const PAGE = 'metacontroller/install/README.md';
const LAST_APPLIED = 'metacontroller.k8s.io/last-applied-configuration';
const MESHERY = 'meshery.io/v1alpha2';

/** The procedure in `metacontroller/install/README.md`, with a running Broker and MeshSyncs. */
describe.skipIf(!metacontrollerBinary())('a switch of a real Metacontroller from dynamic-apply', () => {
  let world: World;
  let kubernetes: Kubernetes;
  let failed = false;
  const keepLogs = () => {
    failed = true;
  };

  beforeAll(async () => {
    world = await startWorld('dynamic-apply', () => {});
    kubernetes = world.kubernetes;
  });
  afterAll(() => world?.stop(failed));

  const start = async (strategy: Strategy) => {
    const kubeconfig = await leastPrivileged(world.controlPlane);
    const binary = metacontrollerBinary() ?? '';
    world.driver = await startMetacontroller(binary, world.controlPlane, strategy, kubeconfig);
  };
  /** The commands of the page, without Helm, which would start a Metacontroller in a pod. */
  const prepare = async () => {
    const commands = documentedCommands(PAGE, 'sh metacontroller/install/to-server-side-apply.sh');
    return shell(world.controlPlane.kubeconfig, commands.replace(/^helm [\s\S]*/m, ''));
  };
  const conditionsOf = async (parent: KubernetesObject) =>
    (await kubernetes.get(MESHERY, parent.kind, parent.metadata.name, parent.metadata.namespace))?.status?.conditions;
  const exposed = async (parent: KubernetesObject) =>
    (await conditionsOf(parent))?.find(({ type }: { type: string }) => type === 'CredentialsExposed');

  /** A Broker and two MeshSyncs, one of them with a copy of the token, with fields that are removed later. */
  async function trio(of: string): Promise<KubernetesObject[]> {
    const resources = { requests: { cpu: '50m', memory: '64Mi' }, limits: { cpu: '200m', memory: '128Mi' } };
    const service = { type: 'NodePort', annotations: { 'example.com/pool': 'a' } };
    const podTemplate = { metadata: { annotations: { 'example.com/pod': 'a' } }, spec: { priorityClassName: 'given' } };
    const native = { name: 'meshery-broker', namespace: of };
    const objects = [
      broker(of, 'meshery-broker', { size: 3, service, resources, podTemplate, promExporter: { enabled: true } }),
      { ...meshSync(of, 'meshery-meshsync'), spec: { broker: { native }, resources, podTemplate } },
      meshSync(`${of}-edge`, 'edge', 'meshery-broker', of),
    ];
    await kubernetes.apply({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'given' },
      value: 1,
    });
    await namespace(kubernetes, of);
    await namespace(kubernetes, `${of}-edge`);
    for (const object of objects) await kubernetes.apply(object);
    return Promise.all(objects.map((object) => isReady(kubernetes, object)));
  }
  const allChildren = async (parents: KubernetesObject[]) =>
    (await Promise.all(parents.map((parent) => childrenOf(kubernetes, parent)))).flat();
  const pods = async (of: string) =>
    (await kubernetes.list('v1', 'Pod', of)).map(({ metadata: { name, uid } }) => `${name} ${uid}`).sort();
  /**
   * What may not change: identity, generation and content of every child, and the pods. The generation of a Deployment counts
   * changes of its annotations too, so it rises by one.
   */
  const state = async (parents: KubernetesObject[], of: string, risen = 0) => ({
    children: (await allChildren(parents)).map(({ kind, metadata, spec, data }) => [
      kind,
      metadata.name,
      metadata.uid,
      kind === 'Deployment' ? (metadata.generation ?? 0) - risen : metadata.generation,
      spec,
      data,
    ]),
    pods: [...(await pods(of)), ...(await pods(`${of}-edge`))],
  });

  /** Removes every optional field, and waits until it has gone from the children. */
  async function removalWorks(of: string): Promise<void> {
    const patch = (kind: string, name: string, spec: object) =>
      kubernetes.patch({ apiVersion: MESHERY, kind, metadata: { name, namespace: of }, spec });
    await patch('Broker', 'meshery-broker', { service: null, resources: null, podTemplate: null, promExporter: null });
    await patch('MeshSync', 'meshery-meshsync', { resources: null, podTemplate: null });
    await eventually(async () => {
      const service = await kubernetes.get('v1', 'Service', 'meshery-nats', of);
      expect(service?.metadata.annotations ?? {}).not.toHaveProperty(['example.com/pool']);
      expect(service?.spec.type).toBe('ClusterIP');
      for (const [kind, name] of [
        ['StatefulSet', 'meshery-nats'],
        ['Deployment', 'meshery-meshsync'],
      ] as const) {
        const { metadata, spec } = (await kubernetes.get('apps/v1', kind, name, of))?.spec.template ?? {};
        expect(metadata.annotations).not.toHaveProperty(['example.com/pod']);
        expect(spec.priorityClassName).toBeUndefined();
        expect(spec.containers.map((container: { name: string }) => container.name)).not.toContain('prom-exporter');
        expect(spec.containers[0].resources.requests.cpu).not.toBe('50m');
      }
    });
  }

  /** Every child lost the annotation, and nothing else changed. */
  async function switched(parents: KubernetesObject[], of: string, before: object): Promise<void> {
    await eventually(async () => {
      for (const { kind, metadata } of await allChildren(parents)) {
        expect(metadata.annotations ?? {}, `${kind} ${metadata.name}`).not.toHaveProperty([LAST_APPLIED]);
      }
      for (const parent of parents) expect(await exposed(parent)).toBeUndefined();
    });
    for (const parent of parents) await isReady(kubernetes, parent);
    // Later syncs change nothing either.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await state(parents, of, 1)).toEqual(before);
  }

  it('rolls no pod, removes the annotation of every child, and lets fields be removed later', async () => {
    onTestFailed(keepLogs);
    const of = 'switched';
    const parents = await trio(of);
    for (const [parent, secret] of [
      [parents[0], 'meshery-nats-auth'],
      [parents[2], 'edge-broker-auth'],
    ] as [KubernetesObject, string][]) {
      await eventually(async () => expect(await exposed(parent)).toMatchObject({ status: 'True' }));
      expect((await exposed(parent))?.message).toContain(secret);
    }
    const before = await state(parents, of);

    await world.driver.stop();
    const prepared = await prepare();
    expect(prepared.trim().split('\n').length).toBeGreaterThanOrEqual(before.children.length);
    expect(await prepare()).toBe('');
    await start('server-side-apply');
    await switched(parents, of, before);
    await removalWorks(of);
  });

  it('may be prepared afterwards, too', async () => {
    onTestFailed(keepLogs);
    const of = 'late';
    await world.driver.stop();
    await start('dynamic-apply');
    const parents = await trio(of);
    const before = await state(parents, of);
    await world.driver.stop();
    await start('server-side-apply');
    await switched(parents, of, before);

    await world.driver.stop();
    await prepare();
    await start('server-side-apply');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(await state(parents, of, 1)).toEqual(before);
    await removalWorks(of);
  });
});
