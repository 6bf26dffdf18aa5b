import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../../stand-in/cluster.ts';
import { at, type JsonObject, type KubeObject } from '../../../stand-in/json.ts';
import type { Strategy } from '../../../stand-in/metacontroller.ts';
import { testApp } from '../../../support/app.ts';
import { condition } from '../../../support/invariants.ts';
import { brokerParent, clusterWith, hookOf, STRATEGIES, settle } from '../../../support/scenarios.ts';

const broker = brokerParent();
const hook = hookOf(testApp());

const serviceOf = (cluster: Cluster, name: string) => cluster.get('Service.v1', 'meshery', name);
const portsOf = (object: KubeObject | undefined) =>
  ((at(object, 'spec', 'ports') ?? []) as JsonObject[]).map(({ name }) => name);

async function start(service: JsonObject, how: Strategy): Promise<Cluster> {
  const cluster = clusterWith({ ...broker, spec: { service } });
  await settle(cluster, [broker], hook, how);
  return cluster;
}

async function change(cluster: Cluster, service: JsonObject, how: Strategy) {
  cluster.edit(broker, 'kubectl', (object) => {
    object.spec = { service };
  });
  const [outcome] = await settle(cluster, [broker], hook, how);
  return outcome?.status;
}

const CLIENT = 'meshery-nats';
const EXTERNAL = 'meshery-nats-external';

describe.each(
  STRATEGIES.flatMap((how) => [
    { how, name: CLIENT, exposeMonitor: true },
    { how, name: EXTERNAL, exposeMonitor: false },
  ]),
)('under $how, Service $name for clients outside the cluster', ({ how, name, exposeMonitor }) => {
  const service = (cluster: Cluster) => serviceOf(cluster, name);
  const running = (spec: JsonObject) => start({ ...spec, exposeMonitor }, how);
  const changed = (cluster: Cluster, spec: JsonObject) => change(cluster, { ...spec, exposeMonitor }, how);

  it('keeps its load balancer class, reports that in a condition, and gets the new class after a change to another type and back', async () => {
    const cluster = await running({ type: 'LoadBalancer', loadBalancerClass: 'example.com/a' });
    const other = { type: 'LoadBalancer', loadBalancerClass: 'example.com/b' };
    const status = await changed(cluster, other);
    expect(at(service(cluster), 'spec', 'loadBalancerClass')).toBe('example.com/a');
    for (const type of ['Ready', 'SpecApplied']) {
      expect(condition(status, type)).toMatchObject({
        status: 'False',
        reason: 'ImmutableField',
        message: expect.stringMatching(
          /^spec\.service\.loadBalancerClass can't become example\.com\/b while it is example\.com\/a/,
        ),
      });
    }
    await changed(cluster, { type: 'ClusterIP' });
    expect(at(service(cluster), 'spec') ?? {}).not.toHaveProperty('loadBalancerClass');
    expect(condition(await changed(cluster, other), 'Ready')).toMatchObject({ status: 'True' });
    expect(at(service(cluster), 'spec', 'loadBalancerClass')).toBe('example.com/b');
  });

  it('adds annotations and source ranges, removes them again, and keeps those of other managers', async () => {
    const cluster = await running({
      type: 'LoadBalancer',
      annotations: { a: '1' },
      loadBalancerSourceRanges: ['10.0.0.0/8'],
    });
    const made = service(cluster);
    if (made) {
      cluster.edit(made, 'cloud', ({ metadata }) => {
        metadata.annotations = { ...metadata.annotations, theirs: 'x' };
      });
    }
    expect(at(service(cluster), 'spec', 'loadBalancerSourceRanges')).toEqual(['10.0.0.0/8']);
    await changed(cluster, { type: 'LoadBalancer', annotations: { b: '2' } });
    expect(service(cluster)?.metadata.annotations).toMatchObject({
      b: '2',
      theirs: 'x',
      'meshery/component-type': 'management-plane',
    });
    expect(service(cluster)?.metadata.annotations).not.toHaveProperty('a');
    expect(at(service(cluster), 'spec')).not.toHaveProperty('loadBalancerSourceRanges');
  });
});

describe.each(STRATEGIES)('under %s, the client Service', (how) => {
  const service = (cluster: Cluster) => serviceOf(cluster, CLIENT);

  it('with the monitoring port exposed changes its type in place, in both directions, and keeps its address', async () => {
    const cluster = await start({ type: 'ClusterIP' }, how);
    const { uid } = service(cluster)?.metadata ?? {};
    const address = at(service(cluster), 'spec', 'clusterIP');
    for (const type of ['NodePort', 'LoadBalancer', 'ClusterIP', 'LoadBalancer', 'NodePort', 'ClusterIP']) {
      const status = await change(cluster, { type, exposeMonitor: true }, how);
      expect(condition(status, 'Ready')).toMatchObject({ status: 'True' });
      expect(at(service(cluster), 'spec', 'type')).toBe(type);
      expect(at(status, 'endpoint', 'external') !== undefined).toBe(type !== 'ClusterIP');
    }
    expect(service(cluster)?.metadata.uid).toBe(uid);
    expect(at(service(cluster), 'spec', 'clusterIP')).toBe(address);
    expect(at(service(cluster), 'spec', 'ports', 0)).not.toHaveProperty('nodePort');
    expect(serviceOf(cluster, EXTERNAL)).toBeUndefined();
  });

  it('stays inside the cluster and unchanged while clients outside get a Service without the monitoring port', async () => {
    const cluster = await start({ type: 'ClusterIP' }, how);
    const before = service(cluster);
    expect(portsOf(before)).toEqual(['nats', 'monitor']);
    for (const type of ['NodePort', 'LoadBalancer']) {
      const status = await change(cluster, { type, annotations: { a: '1' }, port: 4333 }, how);
      expect(condition(status, 'Ready')).toMatchObject({ status: 'True' });
      expect(at(status, 'endpoint', 'internal')).toBe(`${at(before, 'spec', 'clusterIP')}:4333`);
      const external = serviceOf(cluster, EXTERNAL);
      expect(external).toMatchObject({ metadata: { annotations: { a: '1' } }, spec: { type } });
      expect(portsOf(external)).toEqual(['nats']);
      expect(at(external, 'spec', 'selector')).toEqual(at(before, 'spec', 'selector'));
      const host =
        type === 'LoadBalancer' ? '203.0.113.10:4333' : `192.0.2.10:${at(external, 'spec', 'ports', 0, 'nodePort')}`;
      expect(at(status, 'endpoint', 'external')).toBe(host);
      expect(at(service(cluster), 'spec', 'type')).toBe('ClusterIP');
    }
    await change(cluster, {}, how);
    expect(serviceOf(cluster, EXTERNAL)).toBeUndefined();
    expect(service(cluster)?.metadata.uid).toBe(before?.metadata.uid);
    expect(portsOf(service(cluster)).sort()).toEqual(['monitor', 'nats']);
  });

  it.each(['NodePort', 'LoadBalancer'])(
    'that exposes the monitoring port as a %s keeps it until it shall not',
    async (type) => {
      const cluster = await start({ type, exposeMonitor: true }, how);
      const before = service(cluster);
      const status = await change(cluster, { type }, how);
      expect(at(service(cluster), 'spec')).toEqual(at(before, 'spec'));
      expect(serviceOf(cluster, EXTERNAL)).toBeUndefined();
      expect(at(status, 'endpoint', 'external')).toBeDefined();

      const closed = await change(cluster, { type, exposeMonitor: false }, how);
      expect(condition(closed, 'Ready')).toMatchObject({ status: 'True' });
      expect(at(service(cluster), 'spec')).toMatchObject({
        type: 'ClusterIP',
        clusterIP: at(before, 'spec', 'clusterIP'),
      });
      expect(portsOf(service(cluster))).toEqual(['nats', 'monitor']);
      expect(portsOf(serviceOf(cluster, EXTERNAL))).toEqual(['nats']);
      await change(cluster, { type }, how);
      expect(portsOf(serviceOf(cluster, EXTERNAL))).toEqual(['nats']);
    },
  );

  it('exposes the monitoring port when the spec has a node port for it', async () => {
    const cluster = await start({ type: 'NodePort', nodePorts: { monitor: 30_822 } }, how);
    expect(at(service(cluster), 'spec')).toMatchObject({ type: 'NodePort', ports: [{}, { nodePort: 30_822 }] });
    expect(serviceOf(cluster, EXTERNAL)).toBeUndefined();
  });

  it('of somebody else leaves the Service for clients outside as it is', async () => {
    const cluster = await start({ type: 'LoadBalancer' }, how);
    const before = serviceOf(cluster, EXTERNAL);
    const made = service(cluster);
    if (!made) throw new Error('no Service');
    cluster.delete(made);
    cluster.create(
      { ...made, metadata: { name: CLIENT, namespace: 'meshery' }, spec: { type: 'NodePort' } },
      'kubectl',
    );
    const [outcome] = await settle(cluster, [broker], hook, how);
    expect(condition(outcome?.status, 'Ready')).toMatchObject({ status: 'False', reason: 'NameConflict' });
    expect(serviceOf(cluster, EXTERNAL)?.metadata.uid).toBe(before?.metadata.uid);
    expect(at(serviceOf(cluster, EXTERNAL), 'spec')).toEqual(at(before, 'spec'));
  });

  it('does without the other Service, unless it is needed, when somebody else has one of that name', async () => {
    const theirs: KubeObject = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: EXTERNAL, namespace: 'meshery' },
      spec: {},
    };
    for (const [spec, reason] of [
      [{ type: 'LoadBalancer' }, 'NameConflict'],
      [{ type: 'LoadBalancer', exposeMonitor: true }, 'Ready'],
      [{}, 'Ready'],
    ] as const) {
      const cluster = clusterWith({ ...broker, spec: { service: spec } }, theirs);
      const before = serviceOf(cluster, EXTERNAL);
      const [outcome] = await settle(cluster, [broker], hook, how);
      expect(condition(outcome?.status, 'Ready')).toMatchObject({ reason });
      expect(at(serviceOf(cluster, EXTERNAL), 'spec')).toEqual(at(before, 'spec'));
    }
  });
});
