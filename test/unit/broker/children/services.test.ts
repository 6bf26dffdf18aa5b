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

describe.each(STRATEGIES)('under %s, the fields of the Services of clients', (how) => {
  it('fix the address of the client Service, and report another one until the Service is deleted', async () => {
    const cluster = await start({ clusterIP: '10.96.0.42' }, how);
    expect(at(serviceOf(cluster, CLIENT), 'spec', 'clusterIP')).toBe('10.96.0.42');
    const status = await change(cluster, { clusterIP: '10.96.0.43' }, how);
    expect(condition(status, 'Ready')).toMatchObject({
      reason: 'ImmutableField',
      message: expect.stringContaining("spec.service.clusterIP can't become 10.96.0.43 while Service meshery-nats has"),
    });
    // As the message says.
    const made = serviceOf(cluster, CLIENT);
    if (made) cluster.delete(made);
    expect(condition(await change(cluster, { clusterIP: '10.96.0.43' }, how), 'Ready')).toMatchObject({
      status: 'True',
    });
    expect(at(serviceOf(cluster, CLIENT), 'spec', 'clusterIP')).toBe('10.96.0.43');
    await change(cluster, {}, how);
    expect(at(serviceOf(cluster, CLIENT), 'spec', 'clusterIP')).toBe('10.96.0.43');
  });

  it('give connections an affinity, and take it back', async () => {
    const cluster = await start({ type: 'NodePort' }, how);
    const before = [CLIENT, EXTERNAL].map((name) => at(serviceOf(cluster, name), 'spec'));
    for (const [seconds, config] of [
      [10_800, undefined],
      [60, { clientIP: { timeoutSeconds: 60 } }],
    ] as const) {
      const affinity = { sessionAffinity: 'ClientIP', ...(config && { sessionAffinityConfig: config }) };
      await change(cluster, { type: 'NodePort', ...affinity }, how);
      for (const name of [CLIENT, EXTERNAL]) {
        expect(at(serviceOf(cluster, name), 'spec')).toMatchObject({
          sessionAffinity: 'ClientIP',
          sessionAffinityConfig: { clientIP: { timeoutSeconds: seconds } },
        });
      }
    }
    await change(cluster, { type: 'NodePort' }, how);
    expect([CLIENT, EXTERNAL].map((name) => at(serviceOf(cluster, name), 'spec'))).toEqual(before);
  });

  it('fix the node port of health checks, and report another one until the policy was changed', async () => {
    const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' };
    const cluster = await start({ ...local, healthCheckNodePort: 30_999 }, how);
    expect(at(serviceOf(cluster, EXTERNAL), 'spec', 'healthCheckNodePort')).toBe(30_999);
    const status = await change(cluster, { ...local, healthCheckNodePort: 31_000 }, how);
    expect(condition(status, 'Ready')).toMatchObject({ reason: 'ImmutableField' });
    await change(cluster, { type: 'LoadBalancer' }, how);
    const after = await change(cluster, { ...local, healthCheckNodePort: 31_000 }, how);
    expect(condition(after, 'Ready')).toMatchObject({ status: 'True' });
    expect(at(serviceOf(cluster, EXTERNAL), 'spec', 'healthCheckNodePort')).toBe(31_000);
  });

  it('add ports, outside the cluster too, and report a node port that is not there', async () => {
    const extraPorts = [
      { name: 'a', port: 80, targetPort: 'http', nodePort: 30_080 },
      { name: 'b', port: 81 },
    ];
    const cluster = await start({ type: 'NodePort', extraPorts }, how);
    expect(at(serviceOf(cluster, CLIENT), 'spec', 'ports', 2)).toEqual({
      ...{ name: 'a', port: 80, protocol: 'TCP', targetPort: 'http' },
    });
    expect(portsOf(serviceOf(cluster, CLIENT))).toEqual(['nats', 'monitor', 'a', 'b']);
    expect(portsOf(serviceOf(cluster, EXTERNAL))).toEqual(['nats', 'a', 'b']);
    expect(at(serviceOf(cluster, EXTERNAL), 'spec', 'ports', 1, 'nodePort')).toBe(30_080);
    await change(cluster, {}, how);
    expect(portsOf(serviceOf(cluster, CLIENT)).sort()).toEqual(['monitor', 'nats']);
  });
});

describe.each(STRATEGIES)('under %s, the Services of single servers', (how) => {
  const names = (cluster: Cluster) =>
    [0, 1, 2, 3].map((ordinal) => `${CLIENT}-${ordinal}`).filter((name) => serviceOf(cluster, name));

  async function resize(cluster: Cluster, size: number, perServer: boolean) {
    cluster.edit(broker, 'kubectl', (object) => {
      object.spec = { size, service: { perServer, type: 'NodePort', nodePorts: { nats: 30_422 } } };
    });
    const [outcome] = await settle(cluster, [broker], hook, how);
    return outcome?.status;
  }

  it('select one pod each, and come and go with the servers', async () => {
    const cluster = clusterWith({ ...broker, spec: {} });
    await resize(cluster, 3, true);
    expect(names(cluster)).toEqual(['meshery-nats-0', 'meshery-nats-1', 'meshery-nats-2']);
    const service = serviceOf(cluster, 'meshery-nats-1');
    expect(at(service, 'spec', 'selector')).toMatchObject({
      'app.kubernetes.io/instance': CLIENT,
      'statefulset.kubernetes.io/pod-name': 'meshery-nats-1',
    });
    // The node port of the spec is that of one Service.
    expect(at(service, 'spec', 'ports', 0, 'nodePort')).not.toBe(30_422);
    await resize(cluster, 1, true);
    expect(names(cluster)).toEqual(['meshery-nats-0']);
    await resize(cluster, 1, false);
    expect(names(cluster)).toEqual([]);
  });

  it('leave one of somebody else as it is, and report it', async () => {
    const metadata = { name: 'meshery-nats-1', namespace: 'meshery' };
    const theirs: KubeObject = { apiVersion: 'v1', kind: 'Service', metadata, spec: { type: 'ClusterIP' } };
    const cluster = clusterWith({ ...broker, spec: {} }, theirs);
    const before = at(serviceOf(cluster, 'meshery-nats-1'), 'spec');
    expect(condition(await resize(cluster, 2, true), 'Ready')).toMatchObject({ reason: 'NameConflict' });
    expect(at(serviceOf(cluster, 'meshery-nats-1'), 'spec')).toEqual(before);
    expect(serviceOf(cluster, 'meshery-nats-0')).toBeDefined();
  });
});

describe('the listeners that only some Brokers have', () => {
  const own: KubeObject = {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'own', namespace: 'meshery' } },
    data: { password: Buffer.from('a password').toString('base64') },
  };
  const users = [{ user: 'a', passwordSecretRef: { name: 'own' } }];
  const spec: JsonObject = {
    auth: { users },
    leafNodes: { enabled: true, port: 7500, authorization: { users } },
    websocket: { enabled: true },
    networkPolicy: { enabled: true, clients: [{ ipBlock: { cidr: '192.0.2.0/24' } }] },
    service: { type: 'NodePort', nodePorts: { nats: 30_001, users: 30_002, leafnodes: 30_003, websocket: 30_004 } },
  };

  it('are ports of the Services of single servers too, before more ports of the others', async () => {
    const service = { perServer: true, extraPorts: [{ name: 'a', port: 80 }] };
    const parent = brokerParent({ ...spec, service });
    const cluster = clusterWith(parent, own);
    await settle(cluster, [parent], hook, 'server-side-apply');
    const listeners = ['users', 'leafnodes', 'websocket'];
    expect(portsOf(serviceOf(cluster, 'meshery-nats'))).toEqual(['nats', 'monitor', ...listeners, 'a']);
    expect(portsOf(serviceOf(cluster, 'meshery-nats-0'))).toEqual(['nats', ...listeners]);
  });

  it('are ports of the Services inside and outside, and admit the peers of clients', async () => {
    const parent = brokerParent(spec);
    const cluster = clusterWith(parent, own);
    await settle(cluster, [parent], hook, 'server-side-apply');
    const ports = (name: string) =>
      (at(serviceOf(cluster, name), 'spec', 'ports') as { name: string; port: number; nodePort?: number }[]).map(
        (port) => [port.name, port.port, port.nodePort],
      );
    expect(ports('meshery-nats').map(([name, port]) => [name, port])).toEqual([
      ['nats', 4222],
      ['monitor', 8222],
      ['users', 4224],
      ['leafnodes', 7500],
      ['websocket', 8080],
    ]);
    expect(ports('meshery-nats-external')).toEqual([
      ['nats', 4222, 30_001],
      ['users', 4224, 30_002],
      ['leafnodes', 7500, 30_003],
      ['websocket', 8080, 30_004],
    ]);
    const policy = cluster.get('NetworkPolicy.networking.k8s.io/v1', 'meshery', 'meshery-nats');
    const rules = at(policy, 'spec', 'ingress') as { ports: { port: number }[]; from: object[] }[];
    expect(rules.map(({ ports: [port] }) => port?.port)).toEqual([4222, 8222, 4224, 7500, 8080]);
    for (const rule of rules.filter(({ ports: [port] }) => port?.port !== 8222)) {
      expect(rule.from).toEqual([{ ipBlock: { cidr: '192.0.2.0/24' } }]);
    }
    const pods = at(cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats'), 'spec', 'template', 'spec');
    const containers = at(pods, 'containers') as { name: string; ports?: { name: string; containerPort: number }[] }[];
    expect(containers.map(({ name, ports: list = [] }) => [name, list.map((each) => each.name)])).toEqual([
      ['nats', ['nats', 'monitor', 'leafnodes']],
      ['reloader', []],
      ['users', ['users', 'websocket', 'users-monitor']],
      ['users-reloader', []],
    ]);
  });
});
