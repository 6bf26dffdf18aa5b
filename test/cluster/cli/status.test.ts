import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFile, writeFile } from 'node:fs/promises';
import type { ClientRequest } from 'node:http';
import { join } from 'node:path';
import { connect as connectNats } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../../../src/cli/cluster/connection.ts';
import { ClusterError, UsageError } from '../../../src/cli/errors.ts';
import { type StatusOptions, status } from '../../../src/cli/status/command.ts';
import type { ResourceStatus, Status } from '../../../src/cli/status/model.ts';
import { readYaml } from '../../../src/cli/yaml.ts';
import { cli } from '../../support/built.ts';
import { recorded } from '../../support/terminal.ts';
import { kubeconfigWith } from '../accounts.ts';
import { broker, eventually, isReady, meshSync, namespace } from '../expectations.ts';
import { ADDRESS, startKubelet } from '../kubelet.ts';
import { freePorts, generate, startBroker } from '../nats-servers.ts';
import { startWorld, type World } from '../world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld('test-double', () => {});
  const of = await namespace(world.kubernetes, 'ready');
  const pair = [broker(of, 'meshery-broker', { size: 3 }), meshSync(of, 'meshery-meshsync')];
  for (const object of pair) await world.kubernetes.apply(object);
  for (const object of pair) await isReady(world.kubernetes, object);
});
afterAll(() => world?.stop(false));

const OPTIONS: StatusOptions = { output: 'text', color: false, allNamespaces: false, watch: false, wait: false };

interface Asked {
  /** Whether a person looks at a terminal. */
  isWatched?: boolean;
  kind?: string;
  name?: string;
  kubeconfig?: string;
}

/** Runs the command, and returns its exit code and what it printed. */
async function run(of: string | undefined, options: Partial<StatusOptions> = {}, asked: Asked = {}) {
  const terminal = recorded(asked.isWatched);
  const { kind, name, kubeconfig = world.controlPlane.kubeconfig } = asked;
  const connection = connect({ kubeconfig, ...(of && { namespace: of }) });
  const given = { ...OPTIONS, allNamespaces: of === undefined, ...options };
  const code = await status(connection, { kind, name }, given, terminal);
  return { code, text: terminal.text, lines: terminal.lines };
}

/** The model, as programs read it. */
async function model(of: string | undefined, asked: Asked = {}): Promise<Status & { code: number }> {
  const { code, text } = await run(of, { output: 'json' }, asked);
  return { ...JSON.parse(text), code };
}

async function only(of: string, kind: string): Promise<ResourceStatus> {
  const { resources } = await model(of, { kind });
  expect(resources).toHaveLength(1);
  return resources[0] as ResourceStatus;
}

/** What a person sees, without what differs from run to run. */
async function shown(of: string, options: Partial<StatusOptions> = {}, asked: Asked = {}): Promise<string> {
  const { text } = await run(of, options, asked);
  return (
    text
      .replaceAll(/\b\d+s ago(, \d+ times)?/g, 'AGE ago')
      .replaceAll(/ on node-\d/g, ' on NODE')
      .replaceAll(/\b10\.96\.\d+\.\d+\b/g, 'CLUSTER-IP')
      .replaceAll(/\bmeshery-meshsync-[0-9a-z]{6,10}(-[0-9a-z]{5})?\b/g, 'meshery-meshsync-HASH')
      .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'UID')
      // Nothing runs in the pods.
      .replaceAll(/live: not known: .*/g, 'live: not known: REASON')
      .replaceAll(/ \d+[sm]$/gm, ' AGE')
  );
}

it('says that there is nothing, and how to find it', async () => {
  const { code, text, lines } = await run('default');
  expect([code, text]).toEqual([1, '']);
  expect(lines).toEqual([
    'there is no Broker and no MeshSync in namespace default; -n names another, -A looks into all',
  ]);
  expect((await run('default', {}, { kind: 'broker/b' })).lines).toEqual([
    'there is no Broker b in namespace default; -n names another, -A looks into all',
  ]);
  expect((await run('default', {}, { kind: 'br', name: 'b' })).lines).toEqual([
    'there is no Broker b in namespace default; -n names another, -A looks into all',
  ]);
  expect(await model('default')).toEqual({ code: 1, context: 'test', ready: false, resources: [], notes: [] });
});

it.each([
  [{ kind: 'pod' }, {}, 'pod is neither broker nor meshsync'],
  [{ kind: 'pod/a' }, {}, 'pod/a is neither broker nor meshsync'],
  [
    { kind: 'broker', name: 'b' },
    { allNamespaces: true },
    'a resource that is named is in one namespace: use -n, not -A',
  ],
  [{}, { watch: true, wait: true }, '--watch and --wait exclude each other'],
  [{}, { timeout: '5m' }, '--timeout is for --watch and --wait'],
  [{}, { wait: true, timeout: '5' }, '5 is no duration: write 90s, 5m or 1h30m'],
])('refuses %j %j without a request', async (asked, options, message) => {
  const requests = await requestsDuring(async () => {
    await expect(run('default', options, asked)).rejects.toThrow(new UsageError(message));
  });
  expect(requests).toEqual([]);
});

it('says that nobody has answered for a new resource', async () => {
  const of = await namespace(world.kubernetes, 'fresh');
  world.gateway.mode = 'refuse';
  try {
    await world.kubernetes.apply(broker(of, 'meshery-broker'));
    expect(await shown(of)).toBe(
      `Broker fresh/meshery-broker   not Ready: NotReconciled
├─ The operator has not answered for it yet. If that lasts, meshery-operator doctor says why.
├─ servers: 0 of 1 ready
├─ children: none
└─ missing: ConfigMap meshery-nats-config; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
`,
    );
    const { code, lines } = await run(of, { wait: true, timeout: '3s' });
    expect([code, lines]).toEqual([1, ['not all is Ready within 3s']]);
  } finally {
    world.gateway.mode = 'pass';
  }
  expect(await run(of, { wait: true })).toMatchObject({ code: 0, lines: [] });
});

it('shows a pair that is ready', async () => {
  expect((await run('ready', { wait: true })).code).toBe(0);
  expect(await shown('ready')).toBe(
    `KIND       NAMESPACE   NAME               READY   REASON   PODS   VERSION         RESTARTS   AGE
Broker     ready       meshery-broker     True             3/3    2.14.2-alpine   0          AGE
MeshSync   ready       meshery-meshsync   True             1/1    1.0.3           0          AGE

Broker ready/meshery-broker   Ready
├─ servers: 3 of 3 ready, version 2.14.2-alpine
├─ endpoint: CLUSTER-IP:4222 inside
├─ children: ConfigMap meshery-nats-config; PodDisruptionBudget meshery-nats; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
├─ pod meshery-nats-0: Running, 2/2 ready on NODE, 0 restarts
├─ pod meshery-nats-1: Running, 2/2 ready on NODE, 0 restarts
├─ pod meshery-nats-2: Running, 2/2 ready on NODE, 0 restarts
└─ live: not known: REASON

MeshSync ready/meshery-meshsync   Ready
├─ WatchListValid is True: ValidWithWarnings: There is no list: the default set of MeshSync is watched. MeshSync 1.0.3 stops at service.apis, a name of its default set that it can't parse, and then watches custom resources only: use a whitelist, or a blacklist that contains service.apis. Read by the rules of MeshSync 1.0.3.
├─ pods: 1 of 1 ready, version 1.0.3
├─ broker: ready/meshery-broker at nats://meshery-nats.ready.svc:4222, found, connected
├─ watch-list: MeshSync's default set, since meshery/meshery-meshsync does not exist
├─ role: none for ServiceAccount ready/meshery-meshsync, so it sees nothing: meshery-operator rbac meshsync/meshery-meshsync -n ready | kubectl apply -f -
├─ children: Deployment meshery-meshsync; ServiceAccount meshery-meshsync
└─ pod meshery-meshsync-HASH: Running, 1/1 ready on NODE, 0 restarts
`,
  );
});

it('prints the same as JSON and as YAML, for programs', async () => {
  const { code, ...found } = await model('ready', { kind: 'meshsync' });
  expect(code).toBe(0);
  expect(found).toEqual({
    context: 'test',
    ready: true,
    resources: [
      {
        kind: 'MeshSync',
        namespace: 'ready',
        name: 'meshery-meshsync',
        created: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        ready: true,
        summary: { status: 'True', reason: 'Ready', message: expect.any(String) },
        stalled: false,
        paused: false,
        hibernated: false,
        conditions: [
          {
            ...{ type: 'WatchListValid', status: 'True', reason: 'ValidWithWarnings' },
            message: expect.stringMatching(/^There is no list: /),
          },
        ],
        desiredPods: 1,
        readyPods: 1,
        version: '1.0.3',
        children: [
          { kind: 'Deployment', name: 'meshery-meshsync', state: 'present' },
          { kind: 'ServiceAccount', name: 'meshery-meshsync', state: 'present' },
        ],
        refusals: [],
        pods: [
          {
            ...{ name: expect.stringMatching(/^meshery-meshsync-/), node: expect.stringMatching(/^node-/) },
            ...{ ready: true, phase: 'Running', readyContainers: 1, containers: 1, restarts: 0 },
          },
        ],
        events: [],
        meshSync: {
          broker: 'ready/meshery-broker',
          publishingTo: 'nats://meshery-nats.ready.svc:4222',
          brokerState: 'Resolved',
          connected: true,
          watchList: {
            ...{ kind: 'default', resources: 0, source: 'meshery/meshery-meshsync' },
            message: 'does not exist',
          },
          role: { serviceAccount: 'ready/meshery-meshsync', clusterRoles: [] },
        },
      },
    ],
    notes: [],
  });
  const { text } = await run('ready', { output: 'yaml' }, { kind: 'meshsync' });
  expect(readYaml(text)).toEqual([{ value: found }]);
});

it.skipIf(!ADDRESS)('shows what a server says of itself, through the proxy of the API server', async () => {
  const of = await namespace(world.kubernetes, 'live');
  const resource = broker(of, 'meshery-broker', { jetstream: { memoryStore: { maxSize: '16Mi' } } });
  await isReady(world.kubernetes, await world.kubernetes.apply(resource));
  const ports = { ...(await freePorts()), address: ADDRESS ?? '', monitor: 8222 };
  const generated = generate(1, resource.spec);
  const [server] = await startBroker(generated, 1, {}, [ports]);
  try {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'meshery-nats-0', namespace: of } };
    const address = { podIP: ADDRESS, podIPs: [{ ip: ADDRESS }] };
    const patch = { 'content-type': 'application/merge-patch+json' };
    const path = `/api/v1/namespaces/${of}/pods/meshery-nats-0/status`;
    const patched = await world.kubernetes.request('PATCH', path, { ...pod, status: address }, patch);
    expect(patched.status).toBe(200);
    const client = { servers: `${ADDRESS}:${ports.nats}`, token: generated.token, name: 'meshery-server' };
    const connections = await Promise.all([connectNats(client), connectNats(client)]);
    const { text } = await run(of, {}, { kind: 'brokers', name: 'meshery-broker' });
    expect(text).toMatch(
      /└─ live\n {3}├─ meshery-nats-0: \d+\.\d+\.\d+\S*, up \d+s, 2 connections, [\d.]+ MiB of memory, JetStream: 0 streams, 0 messages, 0 B in files, 0 B in memory\n {3}└─ connections by client: meshery-server 2, meshsync none\n/,
    );
    for (const connection of connections) await connection.close();
  } finally {
    await server?.stop();
  }
});

it('tells an invalid resource, and does not wait for it', async () => {
  const of = await namespace(world.kubernetes, 'invalid');
  const service = { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.1/8'] };
  await isReady(
    world.kubernetes,
    await world.kubernetes.apply(broker(of, 'meshery-broker', { service })),
    'InvalidSpec',
  );
  expect(await shown(of, { wait: true, timeout: '1h' })).toBe(
    `Broker invalid/meshery-broker   not Ready: InvalidSpec, stalled
├─ spec.service.loadBalancerSourceRanges[0] must be an address range in CIDR notation, with no bits set behind the prefix. Existing children are left unchanged until this is corrected.
├─ It stays so until a person edits something.
├─ servers: 0 of 1 ready
└─ children: none
`,
  );
});

it('tells whose name is taken', async () => {
  const of = await namespace(world.kubernetes, 'taken');
  await world.kubernetes.apply({
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'meshery-nats', namespace: of } },
    spec: { ports: [{ port: 1 }] },
  });
  await isReady(world.kubernetes, await world.kubernetes.apply(broker(of, 'meshery-broker')), 'NameConflict');
  await eventually(async () => expect(await only(of, 'broker')).toMatchObject({ readyPods: 1 }));
  expect(await shown(of)).toBe(
    `Broker taken/meshery-broker   not Ready: NameConflict, stalled
├─ Service meshery-nats was not created by this Broker; delete or rename it, or label it controller-uid=UID to have it adopted.
├─ It stays so until a person edits something.
├─ EndpointPublished is False: ServicePending: The client Service has no address yet.
├─ servers: 1 of 1 ready, version 2.14.2-alpine
├─ children: ConfigMap meshery-nats-config; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats-headless; StatefulSet meshery-nats
├─ missing: Service meshery-nats
├─ pod meshery-nats-0: Running, 2/2 ready on NODE, 0 restarts
└─ live: not known: REASON
`,
  );
});

it('tells that a resource is paused, and when its spec is not applied', async () => {
  const of = await namespace(world.kubernetes, 'paused');
  const resource = await isReady(world.kubernetes, await world.kubernetes.apply(broker(of, 'meshery-broker')));
  const { apiVersion, kind, metadata } = resource;
  const annotated = { ...{ apiVersion, kind }, metadata: { name: metadata.name, namespace: of } };
  const annotations = { 'meshery.io/pause-reconciliation': 'true' };
  await world.kubernetes.patch({ ...annotated, metadata: { ...annotated.metadata, annotations } });
  await eventually(async () => expect(await only(of, 'broker')).toMatchObject({ paused: true, ready: true }));
  await world.kubernetes.patch({ ...annotated, spec: { size: 2 } });
  await eventually(async () => expect(await shown(of)).toContain('The spec is not applied yet.'));
  expect(await shown(of)).toBe(
    `Broker paused/meshery-broker   not Ready: NotReconciled, paused
├─ The spec has changed since Ready was last reported (True, Ready).
├─ ReconciliationPaused is True: AnnotationSet: All children are left unchanged until annotation meshery.io/pause-reconciliation is removed.
├─ Reconciling is True: Paused: The spec is not applied yet. All children are left unchanged until annotation meshery.io/pause-reconciliation is removed.
├─ servers: 1 of 2 ready, version 2.14.2-alpine
├─ endpoint: CLUSTER-IP:4222 inside
├─ children: ConfigMap meshery-nats-config; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
├─ missing: PodDisruptionBudget meshery-nats
├─ pod meshery-nats-0: Running, 2/2 ready on NODE, 0 restarts
└─ live: not known: REASON
`,
  );
});

it('tells that a resource hibernates', async () => {
  const of = await namespace(world.kubernetes, 'hibernating');
  const object = broker(of, 'meshery-broker');
  object.metadata.annotations = { 'meshery.io/hibernation': 'on' };
  await isReady(world.kubernetes, await world.kubernetes.apply(object), 'Hibernated');
  await eventually(async () => expect(await only(of, 'broker')).toMatchObject({ hibernated: true }));
  expect(await shown(of)).toBe(
    `Broker hibernating/meshery-broker   not Ready: Hibernated
├─ The pods are scaled to zero until annotation meshery.io/hibernation is removed; all other children are kept.
├─ servers: 0 of 0 ready, version 2.14.2-alpine
└─ children: ConfigMap meshery-nats-config; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
`,
  );
});

it('tells what a quota refuses', async () => {
  const of = await namespace(world.kubernetes, 'full');
  await world.kubernetes.apply({
    ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'no-pods', namespace: of } },
    spec: { hard: { pods: '0' } },
  });
  await eventually(async () => {
    const quota = await world.kubernetes.get('v1', 'ResourceQuota', 'no-pods', of);
    expect(quota?.status?.hard).toEqual({ pods: '0' });
  });
  await world.kubernetes.apply(broker(of, 'meshery-broker'));
  await world.kubernetes.apply(meshSync(of, 'meshery-meshsync'));
  await eventually(async () => {
    const { resources } = await model(of);
    expect(resources.map(({ refusals }) => refusals.length)).toEqual([1, 1]);
  });
  await isReady(world.kubernetes, meshSync(of, 'meshery-meshsync'), 'PodsNotCreated');
  expect(await shown(of)).toBe(
    `KIND       NAMESPACE   NAME               READY   REASON           PODS   VERSION         RESTARTS   AGE
Broker     full        meshery-broker     False   Starting         0/1    2.14.2-alpine   0          AGE
MeshSync   full        meshery-meshsync   False   PodsNotCreated   0/1    1.0.3           0          AGE

Broker full/meshery-broker   not Ready: Starting
├─ 0 of 1 servers are ready. If pods are missing, the Events say why: kubectl describe statefulset meshery-nats -n full.
├─ servers: 0 of 1 ready, version 2.14.2-alpine
├─ children: ConfigMap meshery-nats-config; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
├─ Kubernetes refuses to create pods: Create Pod meshery-nats-0 in StatefulSet meshery-nats failed error: pods "meshery-nats-0" is forbidden: exceeded quota: no-pods, requested: pods=1, used: pods=0, limited: pods=0
└─ Warning Events
   └─ AGE ago: StatefulSet meshery-nats: FailedCreate: Create Pod meshery-nats-0 in StatefulSet meshery-nats failed error: pods "meshery-nats-0" is forbidden: exceeded quota: no-pods, requested: pods=1, used: pods=0, limited: pods=0

MeshSync full/meshery-meshsync   not Ready: PodsNotCreated
├─ Kubernetes refuses to create pods; change the spec, or the quota or policy that refuses them: pods "meshery-meshsync-HASH" is forbidden: exceeded quota: no-pods, requested: pods=1, used: pods=0, limited: pods=0
├─ WatchListValid is True: ValidWithWarnings: There is no list: the default set of MeshSync is watched. MeshSync 1.0.3 stops at service.apis, a name of its default set that it can't parse, and then watches custom resources only: use a whitelist, or a blacklist that contains service.apis. Read by the rules of MeshSync 1.0.3.
├─ pods: 0 of 1 ready, version 1.0.3
├─ broker: full/meshery-broker at nats://meshery-nats.full.svc:4222, found, not connected
├─ watch-list: MeshSync's default set, since meshery/meshery-meshsync does not exist
├─ role: none for ServiceAccount full/meshery-meshsync, so it sees nothing: meshery-operator rbac meshsync/meshery-meshsync -n full | kubectl apply -f -
├─ children: Deployment meshery-meshsync; ServiceAccount meshery-meshsync
└─ Warning Events
   └─ AGE ago: ReplicaSet meshery-meshsync-HASH: FailedCreate: Error creating: pods "meshery-meshsync-HASH" is forbidden: exceeded quota: no-pods, requested: pods=1, used: pods=0, limited: pods=0
`,
  );
});

it('tells which policy refuses its pods', async () => {
  const of = 'forbidden';
  await world.kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: of } });
  await world.kubernetes.apply({
    ...{
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'no-nats' },
    },
    spec: {
      matchConstraints: {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': of } },
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
      validations: [{ expression: 'false', message: 'images come from our registry only' }],
    },
  });
  await world.kubernetes.apply({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'no-nats' },
    spec: { policyName: 'no-nats', validationActions: ['Deny'] },
  });
  await eventually(async () => {
    const pod = { metadata: { name: 'trial' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const { body } = await world.kubernetes.request('POST', `/api/v1/namespaces/${of}/pods?dryRun=All`, pod);
    expect(JSON.stringify(body)).toContain('our registry');
  });
  await world.kubernetes.apply(broker(of, 'meshery-broker'));
  await eventually(async () => expect((await only(of, 'broker')).refusals).toHaveLength(1));
  expect(await shown(of)).toBe(
    `Broker forbidden/meshery-broker   not Ready: Starting
├─ 0 of 1 servers are ready. If pods are missing, the Events say why: kubectl describe statefulset meshery-nats -n forbidden.
├─ servers: 0 of 1 ready, version 2.14.2-alpine
├─ children: ConfigMap meshery-nats-config; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
├─ Kubernetes refuses to create pods: Create Pod meshery-nats-0 in StatefulSet meshery-nats failed error: pods "meshery-nats-0" is forbidden: ValidatingAdmissionPolicy 'no-nats' with binding 'no-nats' denied request: images come from our registry only
└─ Warning Events
   └─ AGE ago: StatefulSet meshery-nats: FailedCreate: Create Pod meshery-nats-0 in StatefulSet meshery-nats failed error: pods "meshery-nats-0" is forbidden: ValidatingAdmissionPolicy 'no-nats' with binding 'no-nats' denied request: images come from our registry only
`,
  );
});

it('tells what the scheduler says of a pod that fits nowhere', async () => {
  const of = await namespace(world.kubernetes, 'nowhere');
  const podTemplate = { spec: { nodeSelector: { disk: 'fast' } } };
  await world.kubernetes.apply(broker(of, 'meshery-broker', { podTemplate }));
  await eventually(async () => {
    const { pods, events } = await only(of, 'broker');
    expect([pods[0]?.problem?.reason, events[0]?.reason]).toEqual(['Unschedulable', 'FailedScheduling']);
  });
  expect(await shown(of)).toBe(
    `Broker nowhere/meshery-broker   not Ready: Starting
├─ 0 of 1 servers are ready. If pods are missing, the Events say why: kubectl describe statefulset meshery-nats -n nowhere.
├─ servers: 0 of 1 ready, version 2.14.2-alpine
├─ children: ConfigMap meshery-nats-config; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
├─ pod meshery-nats-0: Pending, 0/2 ready, 0 restarts
│  └─ Unschedulable: 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
└─ Warning Events
   └─ AGE ago: Pod meshery-nats-0: FailedScheduling: 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.
`,
  );
});

/** Gives the pod of a Broker the status that kubelet would report of its containers. */
async function report(of: string, phase: string, containers: object[]): Promise<void> {
  await isReady(world.kubernetes, await world.kubernetes.apply(broker(of, 'meshery-broker')));
  const path = `/api/v1/namespaces/${of}/pods/meshery-nats-0/status`;
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'meshery-nats-0', namespace: of } };
  const images = { image: 'nats', imageID: '', restartCount: 0, ready: false };
  const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'False' }));
  const containerStatuses = containers.map((each) => ({ ...images, ...each }));
  const body = { ...pod, status: { phase, conditions, containerStatuses } };
  const patch = { 'content-type': 'application/strategic-merge-patch+json' };
  expect((await world.kubernetes.request('PATCH', path, body, patch)).status).toBe(200);
  await isReady(world.kubernetes, broker(of, 'meshery-broker'), 'Starting');
}

it('tells which image can not be pulled', async () => {
  const of = await namespace(world.kubernetes, 'pulling');
  const message = 'Back-off pulling image "nats:2.14.2-alpine": not found';
  await report(of, 'Pending', [
    { name: 'nats', state: { waiting: { reason: 'ImagePullBackOff', message } } },
    { name: 'reloader', ready: true, state: { running: {} } },
  ]);
  expect(await shown(of)).toBe(
    `Broker pulling/meshery-broker   not Ready: Starting
├─ 0 of 1 servers are ready. If pods are missing, the Events say why: kubectl describe statefulset meshery-nats -n pulling.
├─ servers: 0 of 1 ready, version 2.14.2-alpine
├─ endpoint: CLUSTER-IP:4222 inside
├─ children: ConfigMap meshery-nats-config; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
└─ pod meshery-nats-0: Pending, 1/2 ready on NODE, 0 restarts
   └─ ImagePullBackOff: container nats, image nats:2.14.2-alpine: Back-off pulling image "nats:2.14.2-alpine": not found
`,
  );
});

it('tells which probe fails', async () => {
  const of = await namespace(world.kubernetes, 'unhealthy');
  await report(of, 'Running', [
    { name: 'nats', started: true, state: { running: {} } },
    { name: 'reloader', ready: true, state: { running: {} } },
  ]);
  const pod = await world.kubernetes.get('v1', 'Pod', 'meshery-nats-0', of);
  await world.kubernetes.apply({
    ...{ apiVersion: 'v1', kind: 'Event', metadata: { name: 'probe', namespace: of } },
    involvedObject: { kind: 'Pod', name: 'meshery-nats-0', namespace: of, uid: pod?.metadata.uid },
    ...{ type: 'Warning', reason: 'Unhealthy', count: 3, lastTimestamp: new Date().toISOString() },
    message: 'Readiness probe failed: HTTP probe failed with statuscode: 503',
  });
  expect(await shown(of)).toBe(
    `Broker unhealthy/meshery-broker   not Ready: Starting
├─ 0 of 1 servers are ready. If pods are missing, the Events say why: kubectl describe statefulset meshery-nats -n unhealthy.
├─ servers: 0 of 1 ready, version 2.14.2-alpine
├─ endpoint: CLUSTER-IP:4222 inside
├─ children: ConfigMap meshery-nats-config; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
├─ pod meshery-nats-0: Running, 1/2 ready on NODE, 0 restarts
│  └─ ProbeFailed: container nats: Readiness probe failed: HTTP probe failed with statuscode: 503
├─ live: not known: REASON
└─ Warning Events
   └─ AGE ago: Pod meshery-nats-0: Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503
`,
  );
});

it('shows the last lines of a crash, without credentials', async () => {
  const of = await namespace(world.kubernetes, 'crashing');
  await report(of, 'Running', [
    {
      ...{ name: 'nats', restartCount: 4, state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 80s' } } },
      lastState: { terminated: { exitCode: 1, reason: 'Error', containerID: 'containerd://0' } },
    },
    { name: 'reloader', ready: true, state: { running: {} } },
  ]);
  const kubelet = await startKubelet(
    world.kubernetes,
    (path) => `${path}\nnats-server: tls://me:secret@host:4222: no such file\n`,
  );
  try {
    await kubelet.plays(await nodeOf(of));
    expect(await shown(of)).toBe(
      `Broker crashing/meshery-broker   not Ready: Starting
├─ 0 of 1 servers are ready. If pods are missing, the Events say why: kubectl describe statefulset meshery-nats -n crashing.
├─ servers: 0 of 1 ready, version 2.14.2-alpine
├─ endpoint: CLUSTER-IP:4222 inside
├─ children: ConfigMap meshery-nats-config; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
└─ pod meshery-nats-0: Running, 1/2 ready on NODE, 4 restarts
   └─ CrashLoopBackOff: container nats: ended with exit code 1
      ├─ /containerLogs/crashing/meshery-nats-0/nats?limitBytes=65536&previous=true&tailLines=10
      └─ nats-server: tls://***@host:4222: no such file
`,
    );
  } finally {
    await kubelet.stop();
  }
  // Another one than that of this node does not answer.
  expect(await shown(of)).toContain('Not shown: ');
});

async function nodeOf(of: string): Promise<string> {
  return (await world.kubernetes.get('v1', 'Pod', 'meshery-nats-0', of))?.spec?.nodeName;
}

/** What `status` lists and gets. */
const RULES = [
  { apiGroups: ['meshery.io'], resources: ['brokers', 'meshsyncs'], verbs: ['get', 'list'] },
  { apiGroups: ['apps'], resources: ['statefulsets', 'deployments', 'replicasets'], verbs: ['list'] },
  { apiGroups: [''], resources: ['pods', 'services', 'configmaps', 'serviceaccounts', 'secrets'], verbs: ['list'] },
  { apiGroups: [''], resources: ['events'], verbs: ['list'] },
  { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: ['list'] },
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['list'] },
  { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterrolebindings'], verbs: ['list'] },
  { apiGroups: [''], resources: ['pods/proxy'], verbs: ['get'] },
];

/** A kubeconfig that allows all that `status` needs but some resources. */
async function without(...denied: string[]): Promise<string> {
  const rules = RULES.map((rule) => ({
    ...rule,
    resources: rule.resources.filter((resource) => !denied.includes(resource)),
  }));
  const name = `without-${denied.join('-').replaceAll('/', '-')}`;
  const role = {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name } },
    rules: rules.filter(({ resources }) => resources.length > 0),
  };
  return kubeconfigWith(world.controlPlane, role, 'guests', name);
}

it('shows what it may see, and says once what it may not', async () => {
  const kubeconfig = await without('secrets', 'events', 'networkpolicies', 'clusterrolebindings', 'pods/proxy');
  expect((await run('ready', {}, { kubeconfig })).code).toBe(0);
  expect(await shown('ready', {}, { kubeconfig })).toBe(
    `KIND       NAMESPACE   NAME               READY   REASON   PODS   VERSION         RESTARTS   AGE
Broker     ready       meshery-broker     True             3/3    2.14.2-alpine   0          AGE
MeshSync   ready       meshery-meshsync   True             1/1    1.0.3           0          AGE

Broker ready/meshery-broker   Ready
├─ servers: 3 of 3 ready, version 2.14.2-alpine
├─ endpoint: CLUSTER-IP:4222 inside
├─ children: ConfigMap meshery-nats-config; PodDisruptionBudget meshery-nats; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
├─ not known whether they exist: Secret meshery-nats-auth, meshery-nats-server
├─ pod meshery-nats-0: Running, 2/2 ready on NODE, 0 restarts
├─ pod meshery-nats-1: Running, 2/2 ready on NODE, 0 restarts
├─ pod meshery-nats-2: Running, 2/2 ready on NODE, 0 restarts
└─ live: not known: REASON

MeshSync ready/meshery-meshsync   Ready
├─ WatchListValid is True: ValidWithWarnings: There is no list: the default set of MeshSync is watched. MeshSync 1.0.3 stops at service.apis, a name of its default set that it can't parse, and then watches custom resources only: use a whitelist, or a blacklist that contains service.apis. Read by the rules of MeshSync 1.0.3.
├─ pods: 1 of 1 ready, version 1.0.3
├─ broker: ready/meshery-broker at nats://meshery-nats.ready.svc:4222, found, connected
├─ watch-list: MeshSync's default set, since meshery/meshery-meshsync does not exist
├─ role: that of ServiceAccount ready/meshery-meshsync is not known
├─ children: Deployment meshery-meshsync; ServiceAccount meshery-meshsync
└─ pod meshery-meshsync-HASH: Running, 1/1 ready on NODE, 0 restarts

Not shown: you may not list clusterrolebindings in the cluster: ask for a role that allows it
Not shown: you may not list events in namespace ready: ask for a role that allows it
Not shown: you may not list networkpolicies in namespace ready: ask for a role that allows it
Not shown: you may not list secrets in namespace ready: ask for a role that allows it
`,
  );
});

it.each([
  ['statefulsets', 'list', 'ready'],
  ['deployments', 'list', 'ready'],
  ['replicasets', 'list', 'ready'],
  ['pods', 'list', 'ready'],
  ['services', 'list', 'ready'],
  ['configmaps', 'list', 'ready'],
  ['serviceaccounts', 'list', 'ready'],
  ['poddisruptionbudgets', 'list', 'ready'],
])('goes on where it may not see %s', async (resource, verb, of) => {
  const { code, text } = await run(of, {}, { kubeconfig: await without(resource) });
  expect(code).toBe(0);
  const refusals = text.split('\n').filter((line) => line.startsWith('Not shown: '));
  expect(refusals).toEqual([
    `Not shown: you may not ${verb} ${resource} in namespace ${of}: ask for a role that allows it`,
  ]);
  // What may not be seen is not called missing.
  expect(text).not.toContain('missing:');
});

it('exits with 3 where the resources themselves may not be listed', async () => {
  const kubeconfig = await without('meshsyncs');
  const message = 'you may not list meshsyncs in namespace ready: ask for a role that allows it';
  await expect(run('ready', {}, { kubeconfig })).rejects.toThrow(new ClusterError(message, 403));
  expect((await run('ready', {}, { kubeconfig, kind: 'broker' })).code).toBe(0);
});

it('exits with 3 where there is no answer', async () => {
  const config = JSON.parse(await readFile(world.controlPlane.kubeconfig, 'utf8'));
  config.clusters[0].cluster.server = 'https://127.0.0.1:1';
  const kubeconfig = join(world.controlPlane.directory, 'unreachable');
  await writeFile(kubeconfig, JSON.stringify(config));
  const message = 'the API server https://127.0.0.1:1 gives no answer: connect ECONNREFUSED 127.0.0.1:1';
  for (const args of [[], ['--wait'], ['--watch'], ['-o', 'json']]) {
    const result = await cli(['status', '--kubeconfig', kubeconfig, ...args]);
    expect(result).toEqual({ code: 3, stdout: '', stderr: `meshery-operator: ${message}\n` });
  }
});

it('waits through an outage of the API server', async () => {
  const of = await namespace(world.kubernetes, 'outage');
  world.gateway.mode = 'refuse';
  await world.kubernetes.apply(broker(of, 'meshery-broker'));
  const waiting = run(of, { wait: true, timeout: '3m' });
  const asked = await requestsDuring(() => new Promise((resolve) => setTimeout(resolve, 3_000)));
  expect(asked.length).toBeGreaterThan(2);
  await world.controlPlane.restartApiServer();
  world.gateway.mode = 'pass';
  expect((await waiting).code).toBe(0);
});

it('shows each change until all are ready, and redraws a terminal', async () => {
  const of = await namespace(world.kubernetes, 'watched');
  world.gateway.mode = 'refuse';
  await world.kubernetes.apply(broker(of, 'meshery-broker'));
  const watching = [run(of, { watch: true }), run(of, { watch: true }, { isWatched: true })];
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  world.gateway.mode = 'pass';
  const [piped, redrawn] = await Promise.all(watching);
  const states = (text = '') =>
    [...text.matchAll(/^(.*)Broker watched\/meshery-broker {3}(.*)$/gm)].map(([, before, state]) => [before, state]);
  expect([piped?.code, redrawn?.code]).toEqual([0, 0]);
  const inPipe = states(piped?.text).map(([, state]) => state);
  expect([inPipe[0], inPipe.at(-1)]).toEqual(['not Ready: NotReconciled', 'Ready']);
  // What has not changed is not printed again.
  expect(inPipe.filter((state) => state === 'not Ready: NotReconciled')).toHaveLength(1);
  const inTerminal = states(redrawn?.text);
  expect(inTerminal.length).toBeGreaterThan(inPipe.length);
  for (const [before] of inTerminal) expect(before).toBe('\u001b[H\u001b[2J\u001b[3J');
});

it('watches no longer than it is told to', async () => {
  const of = await namespace(world.kubernetes, 'patience');
  const object = broker(of, 'meshery-broker');
  object.metadata.annotations = { 'meshery.io/hibernation': 'on' };
  await isReady(world.kubernetes, await world.kubernetes.apply(object), 'Hibernated');
  const { code, text, lines } = await run(of, { watch: true, timeout: '2s' });
  expect([code, lines]).toEqual([1, ['not all is Ready within 2s']]);
  expect(text.split('\n')[0]).toBe('Broker patience/meshery-broker   not Ready: Hibernated');
  const empty = await run('default', { watch: true, timeout: '2s' });
  expect(empty).toMatchObject({
    ...{ code: 1, lines: ['not all is Ready within 2s'] },
    text: 'there is no Broker and no MeshSync in namespace default; -n names another, -A looks into all\n',
  });
});

/** The requests of this program to an API server. */
async function requestsDuring(what: () => Promise<unknown>): Promise<string[]> {
  const paths: string[] = [];
  const note = (message: unknown) => {
    const { request } = message as { request: ClientRequest };
    if (`${request.getHeader('user-agent')}`.startsWith('meshery-operator/')) paths.push(request.path);
  };
  subscribe('http.client.request.start', note);
  try {
    await what();
  } finally {
    unsubscribe('http.client.request.start', note);
  }
  return paths;
}

it('takes no more requests for 300 pairs than lists have pages', async () => {
  const of = await namespace(world.kubernetes, 'many');
  const resources = { requests: { cpu: '1m', memory: '1Mi' } };
  const small = { resources, reloader: { resources } };
  const one = await requestsDuring(() => run('nowhere'));
  const pairs = Array.from({ length: 300 }, (_, index) => [
    broker(of, `b${index}`, small),
    { ...meshSync(of, `m${index}`), spec: { resources, broker: { native: { name: `b${index}` } } } },
  ]).flat();
  for (let start = 0; start < pairs.length; start += 50) {
    await Promise.all(pairs.slice(start, start + 50).map((each) => world.kubernetes.apply(each)));
  }
  await eventually(async () => expect((await run(of)).code).toBe(0), 400);
  const started = performance.now();
  const many = await requestsDuring(async () => {
    const { code, text } = await run(of);
    expect(code).toBe(0);
    expect(text.split('\n').filter((line) => /^(Broker|MeshSync) .* True /.test(line))).toHaveLength(600);
  });
  const inProcess = performance.now() - started;
  const before = performance.now();
  expect((await cli(['status', '-n', of, '--kubeconfig', world.controlPlane.kubeconfig])).code).toBe(0);
  const times = [inProcess, performance.now() - before].map((time) => `${Math.round(time)} ms`);
  process.stdout.write(`300 pairs: ${many.length} requests, ${times.join(', and as a program ')}\n`);
  const kinds = (paths: string[]) => new Set(paths.map((path) => path.split('?')[0]?.split('/').at(-1)));
  // One more for the MeshSync in force, which is elsewhere.
  expect(new Set([...kinds(one), 'meshery-meshsync'])).toEqual(kinds(many));
  expect(many.filter((path) => !path.includes('continue='))).toHaveLength(17);
  expect(many.filter((path) => path.includes('continue='))).toHaveLength(2);
}, 600_000);
