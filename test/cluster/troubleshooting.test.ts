import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { stringify } from 'yaml';
import { authority, issue, tlsSecret } from '../support/certificates.ts';
import { LOOKED_AT, looks } from '../support/looks.ts';
import { commandBlocks } from '../support/pages.ts';
import { shell } from '../support/shell.ts';
import { demandTeam } from './admission.ts';
import { metacontroller } from './cli/installation.ts';
import { broker, conditionOf, eventually, isReady, meshSync, namespace } from './expectations.ts';
import { ADDRESS, startKubelet } from './kubelet.ts';
import type { Kubernetes, KubernetesObject } from './kubernetes.ts';
import { metacontrollerBinary } from './metacontroller.ts';
import { startOperator } from './operator.ts';
import { kustomize, registrations } from './registration.ts';
import { startWorld, type World } from './world.ts';

const PAGE = 'docs/troubleshooting.md';
const MESHERY = 'meshery.io/v1alpha2';

let world: World;
let kubernetes: Kubernetes;
let failed = false;

beforeAll(async () => {
  world = await startWorld('server-side-apply', () => {});
  kubernetes = world.kubernetes;
  await kubernetes.apply(metacontroller('StatefulSet', 'metacontroller'));
});
afterAll(() => world?.stop(failed));

const keepLogs = () => {
  failed = true;
};

/** Runs commands as they are written, but for their namespace. */
const run = (of: string, text: string) =>
  shell(world.controlPlane.kubeconfig, text.replaceAll(/(-n|--namespace) meshery\b/g, `$1 ${of}`));

/** Runs the one block of commands of a page that has a text, as it is written but for its namespace and an edit. */
async function documented(page: string, part: string, of: string, edit = (text: string) => text): Promise<string> {
  const blocks = commandBlocks(page).filter((each) => each.includes(part));
  expect([part, blocks.length]).toEqual([part, 1]);
  return run(of, edit(blocks[0] ?? ''));
}

const get = async (apiVersion: string, kind: string, name: string, of?: string): Promise<KubernetesObject> => {
  const object = await kubernetes.get(apiVersion, kind, name, of);
  if (!object) throw new Error(`there is no ${kind} ${of}/${name}`);
  return object;
};
const theBroker = (of: string) => get(MESHERY, 'Broker', 'meshery-broker', of);
const patchSpec = (of: string, spec: object, kind = 'Broker', name = 'meshery-broker') =>
  kubernetes.patch({ apiVersion: MESHERY, kind, metadata: { name, namespace: of }, spec });

/** Applies a Broker of the usual name in a namespace of its own, and waits for a reason of its Ready. */
async function withBroker(of: string, spec: object = {}, reason = 'Ready'): Promise<KubernetesObject> {
  await namespace(kubernetes, of);
  const applied = await kubernetes.apply(broker(of, 'meshery-broker', spec));
  await isReady(kubernetes, applied, reason);
  return applied;
}

/** The messages of the Events of objects of a kind. */
async function events(of: string, kind: string): Promise<string> {
  const all = (await kubernetes.list('v1', 'Event', of)) as unknown as {
    involvedObject: { kind: string };
    message?: string;
  }[];
  return all.flatMap(({ involvedObject, message = '' }) => (involvedObject.kind === kind ? [message] : [])).join('\n');
}

describe('an entry of troubleshooting ends by its commands:', { concurrent: true }, () => {
  it('a pause and a hibernation', async () => {
    onTestFailed(keepLogs);
    const of = 'annotated';
    const applied = await withBroker(of);
    const annotations = (given: object) =>
      kubernetes.patch({ ...applied, metadata: { name: 'meshery-broker', namespace: of, annotations: given } });
    await annotations({ 'meshery.io/pause-reconciliation': 'true' });
    await eventually(async () => expect(conditionOf(await theBroker(of), 'ReconciliationPaused')).toBeDefined());
    await documented(PAGE, 'meshery.io/pause-reconciliation-', of);
    await eventually(async () => expect(conditionOf(await theBroker(of), 'ReconciliationPaused')).toBeUndefined());
    await annotations({ 'meshery.io/hibernation': 'true' });
    await eventually(async () =>
      expect(conditionOf(await theBroker(of), 'AnnotationIgnored')).toMatchObject({ reason: 'UnknownValue' }),
    );
    await documented(PAGE, 'meshery.io/hibernation=on --overwrite', of);
    await isReady(kubernetes, applied, 'Hibernated');
    expect(conditionOf(await theBroker(of), 'AnnotationIgnored')).toBeUndefined();
    await documented(PAGE, 'meshery.io/hibernation-', of);
    await isReady(kubernetes, applied);
  });

  it('an operator without pods', async () => {
    onTestFailed(keepLogs);
    const deployment = () => get('apps/v1', 'Deployment', 'meshery-operator', 'meshery');
    await kubernetes.patch({
      ...(await deployment()),
      metadata: { name: 'meshery-operator', namespace: 'meshery' },
      spec: { replicas: 0 },
    });
    await documented(PAGE, 'kubectl scale deployment meshery-operator', 'meshery');
    await eventually(async () => expect((await deployment()).status?.readyReplicas).toBe(2));
  });

  it('an invalid field is named', async () => {
    onTestFailed(keepLogs);
    const of = 'invalid';
    await withBroker(of, { service: { annotations: { 'not a key': 'x' } } }, 'InvalidSpec');
    expect(await documented(PAGE, '[?(@.type=="Ready")].message', of)).toContain(
      'spec.service.annotations["not a key"]',
    );
  });

  it('a taken name is handed over', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(kubernetes, 'taken');
    const name = 'meshery-nats-config';
    const { metadata } = await kubernetes.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: of },
    });
    const applied = await withBroker(of, {}, 'NameConflict');
    await documented(PAGE, 'uid=$(kubectl get broker', of);
    await isReady(kubernetes, applied);
    const child = await get('v1', 'ConfigMap', name, of);
    expect(child.metadata.uid).toBe(metadata.uid);
    expect(child.data?.['nats.conf']).toBeDefined();
  });

  it('labels that a policy demands', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(kubernetes, 'labelled');
    await demandTeam(kubernetes, of);
    const applied = await kubernetes.apply(broker(of, 'meshery-broker'));
    await isReady(kubernetes, applied, 'ChildNotCreated', 90);
    await documented(PAGE, '"commonMetadata":{"labels"', of);
    await isReady(kubernetes, applied, 'Ready', 90);
  });

  it('another class of a load balancer', async () => {
    onTestFailed(keepLogs);
    const of = 'classes';
    const service = { type: 'LoadBalancer', loadBalancerClass: 'example.com/a' };
    const applied = await withBroker(of, { service }, 'LoadBalancerPending');
    await patchSpec(of, { service: { loadBalancerClass: 'example.com/b' } });
    await isReady(kubernetes, applied, 'ImmutableField');
    await documented(PAGE, '"loadBalancerClass":"example.com/b"', of);
    await isReady(kubernetes, applied, 'LoadBalancerPending');
    const external = await get('v1', 'Service', 'meshery-nats-external', of);
    expect(external.spec.loadBalancerClass).toBe('example.com/b');
    await documented(PAGE, 'kubectl describe service meshery-nats-external', of);
    await isReady(kubernetes, applied);
    expect((await theBroker(of)).status?.endpoint.external).toMatch(/^192\.0\.2\.\d+:\d+$/);
  });

  it('a Secret that is missing', async () => {
    onTestFailed(keepLogs);
    const of = 'secret';
    const reference = { tokenSecretRef: { name: 'nats-token', key: 'password' } };
    const applied = await withBroker(of, { auth: reference }, 'SecretNotFound');
    await documented(PAGE, 'password="$(openssl rand', of);
    await isReady(kubernetes, applied);
    const inUse = async () => {
      const pods = await kubernetes.list('v1', 'Pod', of);
      return [(await get('v1', 'Secret', 'meshery-nats-auth', of)).data, pods.map(({ metadata }) => metadata.uid)];
    };
    const before = await inUse();
    await kubernetes.delete('v1', 'Secret', 'nats-token', of);
    await isReady(kubernetes, applied, 'SecretNotFound');
    await documented(PAGE, 'token=$(kubectl get secret meshery-nats-auth', of);
    await isReady(kubernetes, applied);
    expect(await inUse()).toEqual(before);
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
    const annotations = async () => (await get('v1', 'Secret', 'nats-token', of)).metadata.annotations ?? {};
    expect(await annotations()).toEqual({});
    await kubernetes.patch({
      ...{ apiVersion: 'v1', kind: 'Secret' },
      metadata: { name: 'nats-token', namespace: of, annotations: { [annotation]: '{}' } },
    });
    await documented(PAGE, 'kubectl annotate secret nats-token', of);
    expect(await annotations()).toEqual({});
  });

  it('a MeshSync without a broker, and its Broker with client certificates', async () => {
    onTestFailed(keepLogs);
    const of = 'unnamed';
    const applied = await withBroker(of);
    const synced = await kubernetes.apply({ ...meshSync(of, 'meshery-meshsync'), spec: {} });
    await isReady(kubernetes, synced, 'BrokerNotSpecified');
    await documented(PAGE, '{"broker":{"native"', of);
    await isReady(kubernetes, synced);
    const ca = await authority();
    await kubernetes.apply(tlsSecret('nats-tls', await issue(ca, `meshery-nats.${of}.svc`), ca, of));
    await patchSpec(of, { tls: { secretName: 'nats-tls', verify: true, monitor: true } });
    await isReady(kubernetes, synced, 'ClientCertificateRequired');
    await documented(PAGE, '{"tls":{"verify":false', of);
    await isReady(kubernetes, applied);
    await isReady(kubernetes, synced);
    await patchSpec(of, { size: 3 }, 'MeshSync', 'meshery-meshsync');
    await eventually(async () => {
      const several = await get(MESHERY, 'MeshSync', 'meshery-meshsync', of);
      expect(conditionOf(several, 'PublishesOnce')).toMatchObject({ reason: 'MultipleReplicas' });
    });
    await documented(PAGE, 'kubectl scale meshsync meshery-meshsync', of);
    await eventually(async () => {
      expect(conditionOf(await get(MESHERY, 'MeshSync', 'meshery-meshsync', of), 'PublishesOnce')).toBeUndefined();
    });
  });

  it('pods that a quota refuses', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(kubernetes, 'quota');
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'compute', namespace: of } };
    await kubernetes.apply({ ...quota, spec: { hard: { 'limits.memory': '2Gi' } } });
    await eventually(async () => expect((await get('v1', 'ResourceQuota', 'compute', of)).status?.used).toBeDefined());
    await kubernetes.apply(broker(of, 'meshery-broker'));
    const synced = await kubernetes.apply(meshSync(of, 'meshery-meshsync'));
    await isReady(kubernetes, synced, 'PodsNotCreated');
    await documented(PAGE, 'kubectl describe resourcequota', of);
    await isReady(kubernetes, synced, 'Ready', 120);
  });

  it('a namespace that enforces the restricted Pod Security Standard refuses the pods, and says so in an Event', async () => {
    onTestFailed(keepLogs);
    const of = 'restricted';
    const applied = await withBroker(of, { podTemplate: { spec: { hostNetwork: true } } }, 'Starting');
    await eventually(async () => expect(await events(of, 'StatefulSet')).toContain('violates PodSecurity "restricted'));
    expect(conditionOf(await theBroker(of), 'PodSecurityRestricted')).toMatchObject({ reason: 'NotRestricted' });
    expect(await documented(PAGE, '"hostNetwork":null', of)).toContain('hostNetwork');
    await isReady(kubernetes, applied, 'Ready', 90);
  });

  it('a pod that fits on no node', async () => {
    onTestFailed(keepLogs);
    const of = 'nowhere';
    const applied = await withBroker(of, { podTemplate: { spec: { nodeSelector: { disk: 'fast' } } } }, 'Starting');
    await eventually(async () =>
      expect(await events(of, 'Pod')).toContain("didn't match Pod's node affinity/selector"),
    );
    expect(await documented(PAGE, 'reason=FailedScheduling', of)).not.toContain('No resources found');
    await isReady(kubernetes, applied);
  });

  /**
   * A volume of a class of its own, because the tests have no provisioner. It names no claim: Kubernetes binds a volume that does to
   * the claim that is there, whatever its class is.
   */
  const volume = (of: string) =>
    kubernetes.apply({
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: `${of}-0` } },
      spec: {
        ...{ accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/nowhere' } },
        ...{ persistentVolumeReclaimPolicy: 'Retain', storageClassName: `${of}-by-hand` },
      },
    });
  const claim = (of: string) => kubernetes.get('v1', 'PersistentVolumeClaim', 'data-meshery-nats-0', of);
  const streams = (more: object = {}) => ({ jetstream: { fileStore: { size: '1Gi', ...more } } });

  it('a claim that nothing binds keeps the pod from a node, and a class in the spec is refused for the claims that exist', async () => {
    onTestFailed(keepLogs);
    const of = 'unbound';
    const applied = await withBroker(of, streams(), 'Starting');
    await eventually(async () => expect(await events(of, 'Pod')).toContain('unbound immediate PersistentVolumeClaims'));
    await kubernetes.apply({
      ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'unbound-by-hand' } },
      provisioner: 'kubernetes.io/no-provisioner',
    });
    await volume(of);
    expect(await documented(PAGE, 'kubectl describe pvc data-meshery-nats-0', of)).toContain('unbound-by-hand');
    await patchSpec(of, streams({ storageClassName: 'unbound-by-hand' }));
    await isReady(kubernetes, applied, 'ImmutableField');
    await documented(PAGE, '.status.phase=="Pending"', of);
    await isReady(kubernetes, applied, 'Ready', 90);
    const bound = await claim(of);
    expect(bound?.status?.phase).toBe('Bound');
    // Once more, they spare a claim that has a volume.
    await documented(PAGE, '.status.phase=="Pending"', of);
    await isReady(kubernetes, applied, 'Ready', 90);
    expect((await claim(of))?.metadata.uid).toBe(bound?.metadata.uid);

    // Its streams keep it a single server.
    await patchSpec(of, { size: 3 });
    await isReady(kubernetes, applied, 'StreamsWouldBeLost');
    await documented(PAGE, 'kubectl scale broker meshery-broker -n meshery --replicas=1', of);
    await isReady(kubernetes, applied);
  });

  it('the claims of a deleted Broker stay, and a Broker of its name uses them again', async () => {
    onTestFailed(keepLogs);
    const of = 'left';
    const applied = await withBroker(of);
    await volume(of);
    await patchSpec(of, streams({ storageClassName: 'left-by-hand' }));
    await isReady(kubernetes, applied, 'ImmutableField');
    expect((await theBroker(of)).status?.conditions?.[0]?.message).toContain("fileStore can't be added to StatefulSet");
    await documented(PAGE, 'kubectl delete statefulset meshery-nats -n meshery   # with its pods', of);
    await isReady(kubernetes, applied, 'Ready', 90);
    const before = (await claim(of))?.metadata.uid;
    expect(before).toBeDefined();
    await kubernetes.delete(MESHERY, 'Broker', 'meshery-broker', of);
    await eventually(async () => expect(await kubernetes.list('apps/v1', 'StatefulSet', of)).toEqual([]));
    expect(
      await documented(PAGE, 'kubectl get pvc -n meshery -l app.kubernetes.io/instance=meshery-nats\n', of),
    ).toContain('data-meshery-nats-0');
    await withBroker(of, streams({ storageClassName: 'left-by-hand' }));
    expect((await claim(of))?.metadata.uid).toBe(before);
  });

  it('a node port that another Service has', async () => {
    onTestFailed(keepLogs);
    const service = { type: 'NodePort', nodePorts: { nats: 30_777 } };
    await withBroker('ports-first', { service });
    const of = 'ports';
    const applied = await withBroker(of, { service }, 'ServicePending');
    expect(await documented(PAGE, 'kubectl get services -A', of)).toContain('ports-first/meshery-nats-external 30777');
    await isReady(kubernetes, applied);
  });

  it('limits of NATS, and the monitoring port', async () => {
    onTestFailed(keepLogs);
    const of = 'limits';
    const applied = await withBroker(of, { service: { type: 'NodePort' }, config: { maxConnections: 10 } });
    await documented(PAGE, '"maxConnections":65536', of);
    await documented(PAGE, '"maxPayload":"8Mi"', of);
    await documented(PAGE, '"limits":{"memory":"512Mi"}', of);
    await documented(PAGE, '"exposeMonitor":true', of);
    await isReady(kubernetes, applied);
    const { data } = await get('v1', 'ConfigMap', 'meshery-nats-config', of);
    expect(data?.['nats.conf']).toContain('max_connections: 65536\n');
    expect(data?.['nats.conf']).toContain('max_payload: 8388608\n');
    const { containers } = (await get('apps/v1', 'StatefulSet', 'meshery-nats', of)).spec.template.spec;
    expect(containers[0].resources.limits).toEqual({ memory: '512Mi' });
    const ports = (await get('v1', 'Service', 'meshery-nats', of)).spec.ports as { name: string; nodePort?: number }[];
    expect(ports.find(({ name }) => name === 'monitor')?.nodePort).toBeDefined();
  });

  it('finalizers that nobody removes', async () => {
    onTestFailed(keepLogs);
    const of = 'hanging';
    await withBroker(of);
    const finalizers = ['broker.meshery.io/finalizer'];
    const { apiVersion, kind, metadata } = broker(of, 'meshery-broker');
    await kubernetes.patch({ apiVersion, kind, metadata: { ...metadata, finalizers } });
    await kubernetes.delete(MESHERY, 'Broker', 'meshery-broker', of);
    expect(await documented(PAGE, '"path":"/metadata/finalizers/0"', of)).toContain(finalizers[0]);
    await eventually(async () => expect(await kubernetes.get(MESHERY, 'Broker', 'meshery-broker', of)).toBeUndefined());
  });

  it('a MeshSync without a whitelist, and one without a role', async () => {
    onTestFailed(keepLogs);
    const of = 'meshery';
    for (const object of [broker(of, 'meshery-broker'), meshSync(of, 'meshery-meshsync')])
      await kubernetes.apply(object);
    const synced = await isReady(kubernetes, meshSync(of, 'meshery-meshsync'));
    expect(conditionOf(synced, 'WatchListValid')?.message).toContain('stops at service.apis');
    await documented(PAGE, '--patch-file manifests/samples/meshsync.yaml', of);
    const listed = await isReady(kubernetes, synced);
    expect(conditionOf(listed, 'WatchListValid')).toMatchObject({ reason: 'Valid' });
    await namespace(kubernetes, 'roleless');
    const other = await kubernetes.apply(meshSync('roleless', 'edge', 'meshery-broker', of));
    await isReady(kubernetes, other);
    const doctor = () =>
      run(of, 'meshery-operator doctor -o json || true').then((text) => JSON.stringify(JSON.parse(text)));
    expect(await doctor()).toContain('ServiceAccount roleless/edge may not list and watch');
    await documented(PAGE, 'kubectl apply -k manifests/meshsync', of, (text) =>
      text.replace('--fix', '--fix --yes || true'),
    );
    expect(await doctor()).not.toContain('ServiceAccount roleless/edge may not list and watch');
  });

  it('fields that Meshery Server has set are a conflict for kubectl, which leaves them as they are', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(kubernetes, 'server');
    await kubernetes.apply(broker(of, 'meshery-broker'));
    await kubernetes.apply(broker(of, 'meshery-broker', { size: 3 }), 'meshery-server');
    const edit = `sed 's/namespace: meshery/namespace: ${of}/' manifests/samples/broker.yaml | kubectl apply --server-side --field-manager=a-person -f -`;
    await expect(run(of, edit)).rejects.toThrow('conflict with "meshery-server"');
    expect((await theBroker(of)).spec.size).toBe(3);
  });
});

// The logs of simulated pods need somebody who answers for their nodes.
it.skipIf(!ADDRESS)('every command of troubleshooting and of the runbooks that only looks is understood', async () => {
  onTestFailed(keepLogs);
  const kubelet = await startKubelet(kubernetes, () => 'request failed\n');
  try {
    for (const { metadata } of await kubernetes.list('v1', 'Node')) await kubelet.plays(metadata.name);
    await namespace(kubernetes, 'monitoring');
    for (const object of await kustomize('manifests/monitoring/kube-state-metrics')) await kubernetes.apply(object);
    const ca = await authority();
    const tls = { secretName: 'nats-tls' };
    await kubernetes.apply(tlsSecret('nats-tls', await issue(ca, 'meshery-nats.meshery.svc'), ca));
    const pair = [broker('meshery', 'meshery-broker', { tls }), meshSync('meshery', 'meshery-meshsync')];
    for (const object of pair) await isReady(kubernetes, await kubernetes.apply(object));
    const lines = LOOKED_AT.flatMap((page) =>
      commandBlocks(page)
        .flatMap(looks)
        .map((line) => ({ page, line })),
    );
    expect(lines.length).toBeGreaterThan(60);
    const misunderstood: string[] = [];
    for (const { page, line } of new Map(lines.map((each) => [each.line, each])).values()) {
      const error = await run('meshery', line).then(
        () => undefined,
        ({ code, stderr }: { code: number; stderr: string }) => `${code} ${stderr.trim()}`,
      );
      // What is looked for is not there in a cluster in which all is well, and what has findings says so by its exit code.
      const isEmpty = /\| grep |^meshery-operator |can-i/.test(line) && error?.trim() === '1';
      const isAbsent = /(certificate nats-tls|data-meshery-nats-0|meshery-nats-external|meshery-nats-box)/.test(line);
      if (error && !isEmpty && !isAbsent) misunderstood.push(`${page}: ${line}: ${error}`);
    }
    expect(misunderstood).toEqual([]);
  } finally {
    await kubelet.stop();
  }
});

/** What only a real Metacontroller does: it reports a failed sync as an Event of the resource. */
describe.skipIf(!metacontrollerBinary())('a failed sync of Metacontroller', () => {
  /** Registers the hooks of the operator by their address, with an overlay or without. */
  async function register(url: string, folder = 'metacontroller'): Promise<void> {
    for (const controller of await registrations(url, folder)) await kubernetes.apply(controller);
  }

  /** A kustomization with the registrations, in place of that of the manifests, whose Service leads nowhere here. */
  async function kustomization(url: string, folder: string): Promise<string> {
    const path = await mkdtemp(join(world.controlPlane.directory, 'registrations-'));
    const all = (await registrations(url, folder)).map((each) => stringify(each)).join('---\n');
    await writeFile(join(path, 'all.yaml'), all);
    await writeFile(join(path, 'kustomization.yaml'), 'resources: [all.yaml]\n');
    return path;
  }

  /** Creates a Broker, and waits until an Event of it has a text. */
  async function refused(of: string, text: string, spec: object = {}): Promise<KubernetesObject> {
    await namespace(kubernetes, of);
    const applied = await kubernetes.apply(broker(of, 'meshery-broker', spec));
    await eventually(async () => expect(await events(of, 'Broker')).toContain(text));
    expect(await events(of, 'Broker')).toContain('Sync error: ');
    return applied;
  }

  const replaceOperator = async (environment: Record<string, string> = {}) => {
    const port = Number(new URL(world.operator.url).port);
    await world.operator.process.stop();
    world.operator = await startOperator(world.controlPlane.directory, port, environment);
  };

  it('a failing hook is reported by an Event, and forgotten once it works', async () => {
    onTestFailed(keepLogs);
    world.gateway.mode = 'fail';
    const applied = await refused('failing', 'unsupported status code: 500');
    world.gateway.mode = 'pass';
    await isReady(kubernetes, applied);
  });

  it('an operator that is away is reported by an Event, and what was edited meanwhile is applied when it is back', async () => {
    onTestFailed(keepLogs);
    world.gateway.mode = 'refuse';
    await refused('cut-off', 'EOF');
    world.gateway.mode = 'late';
    await refused('late', 'request canceled');
    world.gateway.mode = 'pass';
    await register(world.operator.url);
    await world.operator.process.stop();
    const applied = await refused('away', 'connection refused');
    await patchSpec('away', { size: 2 });
    world.operator = await startOperator(world.controlPlane.directory, Number(new URL(world.operator.url).port));
    await isReady(kubernetes, applied, 'Ready', 60);
    expect((await theBroker('away')).status?.readyReplicas).toBe(2);
  });

  it('a registration of another version gets errors from the hooks, and works again once it is applied anew', async () => {
    onTestFailed(keepLogs);
    const { url } = world.operator;
    const webhook = (path: string) => ({ webhook: { url: `${url}${path}` } });
    const lead = (path: string) =>
      kubernetes.patch({
        ...{
          apiVersion: 'metacontroller.k8s.io/v1alpha1',
          kind: 'CompositeController',
          metadata: { name: 'meshery-broker' },
        },
        spec: { hooks: { sync: webhook(path), customize: webhook(path) } },
      });
    await lead('/meshsync/sync');
    const first = await refused('other-kind', 'unsupported status code: 400');
    await lead('/nowhere');
    const second = await refused('other-route', 'unsupported status code: 404');
    const folder = await kustomization(url, 'metacontroller');
    await documented(PAGE, 'kubectl apply -k manifests/crds\nkubectl apply -k metacontroller', 'meshery', (text) =>
      text.replace('-k metacontroller', `-k ${folder} --server-side --force-conflicts`),
    );
    for (const applied of [first, second]) await isReady(kubernetes, applied, 'Ready', 60);
  });

  it('hooks that demand a token refuse Metacontroller without one, until it sends it', async () => {
    onTestFailed(keepLogs);
    const file = join(world.controlPlane.directory, 'token');
    await writeFile(file, 'tHookToken');
    await replaceOperator({ HOOK_TOKEN_FILES: file });
    const applied = await refused('unauthorized', 'unsupported status code: 401');
    await kubernetes.apply({
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'meshery-operator-token', namespace: 'meshery' } },
      stringData: { token: 'tHookToken' },
    });
    const folder = await kustomization(world.operator.url, 'metacontroller/overlays/token');
    await documented(PAGE, 'kubectl apply -k manifests/overlays/token', 'meshery', (text) =>
      text.replace('-k metacontroller/overlays/token', `-k ${folder} --server-side --force-conflicts`),
    );
    await world.restartDriver();
    await isReady(kubernetes, applied, 'Ready', 60);
  });

  it('hooks with a certificate of another authority are refused by Metacontroller, until it knows that', async () => {
    onTestFailed(keepLogs);
    const [own, other] = [await authority('own'), await authority('other')];
    const pair = await issue(own, 'meshery-operator.meshery');
    const file = async (name: string, content: string) => {
      const path = join(world.controlPlane.directory, name);
      await writeFile(path, content);
      return path;
    };
    await replaceOperator({
      TLS_CERT_FILE: await file('hooks.crt', pair.certificate),
      TLS_KEY_FILE: await file('hooks.key', pair.key),
      HOOK_TOKEN_FILES: join(world.controlPlane.directory, 'token'),
    });
    await kubernetes.apply(tlsSecret('meshery-operator-tls', pair, other));
    await register(world.operator.url, 'metacontroller/overlays/tls');
    const applied = await refused('other-authority', 'certificate signed by unknown authority');
    await kubernetes.apply(tlsSecret('meshery-operator-tls', pair, own));
    await world.restartDriver();
    await isReady(kubernetes, applied, 'Ready', 60);
    await replaceOperator();
    await register(world.operator.url);
  });

  it('a right that Metacontroller lacks is named by an Event, and the child is created once it has it', async () => {
    onTestFailed(keepLogs);
    const role = await get('rbac.authorization.k8s.io/v1', 'ClusterRole', 'metacontroller');
    const { rules } = role as unknown as { rules: { resources: string[]; verbs: string[] }[] };
    const fewer = rules.map((rule) =>
      rule.resources.includes('poddisruptionbudgets')
        ? { ...rule, verbs: rule.verbs.filter((verb) => !['create', 'patch'].includes(verb)) }
        : rule,
    );
    await kubernetes.patch({
      ...{ apiVersion: role.apiVersion, kind: role.kind },
      metadata: { name: 'metacontroller' },
      rules: fewer,
    } as unknown as KubernetesObject);
    const applied = await refused(
      'no-right',
      'is forbidden: User "system:serviceaccount:metacontroller:metacontroller" cannot',
      { size: 2 },
    );
    await documented(PAGE, 'kubectl apply -f metacontroller/install/least-privilege', 'meshery');
    await isReady(kubernetes, applied, 'Ready', 60);
  });

  it('a ConfigMap that somebody made immutable is reported by an Event, and made anew when it is deleted', async () => {
    onTestFailed(keepLogs);
    const of = 'immutable';
    const applied = await withBroker(of);
    await kubernetes.patch({
      ...{ apiVersion: 'v1', kind: 'ConfigMap', immutable: true },
      metadata: { name: 'meshery-nats-config', namespace: of },
    });
    await patchSpec(of, { config: { maxConnections: 10 } });
    await eventually(async () => expect(await events(of, 'Broker')).toContain('field is immutable when'));
    await documented(PAGE, 'kubectl delete configmap meshery-nats-config', of);
    await eventually(async () => {
      const { data } = await get('v1', 'ConfigMap', 'meshery-nats-config', of);
      expect(data?.['nats.conf']).toContain('max_connections: 10\n');
    }, 60);
    await isReady(kubernetes, applied);
  });
});
