import { type ClusterObject, connect as connectCli } from '../../src/cli/cluster/connection.ts';
import { project } from '../../src/metacontroller/reapply.ts';
import {
  CONVERSION,
  definitions,
  type Installation,
  installed,
  LEASE,
  NAMESPACE,
  recorded,
  recordedChildren,
} from '../support/go-operator.ts';
import type { ControlPlane } from './control-plane.ts';
import { eventually } from './expectations.ts';
import type { Kubernetes, KubernetesObject } from './kubernetes.ts';
import { freePort, givenProgram, type RunningProcess, startProcess, until } from './processes.ts';
import { applyPatiently } from './world.ts';

/** Path of a real Go operator of Meshery: `GO_OPERATOR`, else `undefined`. */
export function goOperatorBinary(): string | undefined {
  return process.env.GO_OPERATOR ? givenProgram('GO_OPERATOR', 'go-operator') : undefined;
}

/** Meshery's Go operator in a cluster. */
export interface GoOperator {
  /** Waits until the real one has its resources Ready; without one, nothing. */
  works: () => Promise<void>;
  stop: () => Promise<void>;
}

/** How a cluster with the Go operator is made. */
export interface Setup {
  by: Installation;
  /** The namespaces with a Broker and a MeshSync. Default: that of the Go operator. */
  namespaces?: string[];
  /** Installs the Go operator, a Broker and a MeshSync in its namespace. Default: creates the objects of its chart or kustomization. */
  install?: () => Promise<unknown>;
}

/**
 * Brings a cluster into the state that the Go operator leaves: by the real one, where there is one, which then runs as a process
 * while its Deployment has pods; else from what a real one was seen to make.
 */
export async function installGoOperator(
  controlPlane: ControlPlane,
  { by, namespaces = [NAMESPACE], install = () => create(controlPlane.kubernetes, by) }: Setup,
): Promise<GoOperator> {
  const { kubernetes } = controlPlane;
  for (const name of [NAMESPACE, ...namespaces]) {
    await kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  for (const crd of definitions()) await kubernetes.create(crd, 'helm');
  await kubernetes.create(LEASE);
  await install();
  for (const namespace of namespaces.filter((each) => each !== NAMESPACE)) {
    // The pods of every MeshSync run as it.
    await kubernetes.apply({
      ...{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'meshery-operator', namespace } },
    });
    for (const resource of resourcesOf('kustomize', namespace)) await applyPatiently(kubernetes, resource);
  }
  const binary = goOperatorBinary();
  const follower = binary ? await follow(controlPlane, binary, namespaces) : undefined;
  if (!follower) for (const namespace of namespaces) await makeChildren(controlPlane, namespace);
  await settled(controlPlane, namespaces);
  // A real one answers its webhook by a certificate that it has only in a pod.
  if (by === 'kustomize' && !binary) {
    for (const { metadata } of definitions()) {
      await kubernetes.patch({
        ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata },
        spec: { conversion: CONVERSION },
      });
    }
  }
  return { works: async () => follower?.works(), stop: async () => follower?.stop() };
}

async function create(kubernetes: Kubernetes, by: Installation): Promise<void> {
  for (const object of installed(by)) await kubernetes.create(object, 'helm');
  for (const resource of resourcesOf(by)) await applyPatiently(kubernetes, resource);
}

const recordedResources = () => [...recorded('brokers.meshery.io'), ...recorded('meshsyncs.meshery.io')];

/** The recorded Broker and MeshSync as their author has applied them, by v1alpha1. */
export function resourcesOf(by: Installation, namespace = NAMESPACE): ClusterObject[] {
  const annotations = {
    'meta.helm.sh/release-name': 'meshery-operator',
    'meta.helm.sh/release-namespace': NAMESPACE,
  };
  return recordedResources().map(({ kind = '', metadata: { name, labels = {} }, spec }) => ({
    ...{ apiVersion: 'meshery.io/v1alpha1', kind },
    metadata: { name, namespace, labels, ...(by === 'chart' && { annotations }) },
    spec: inNamespace(spec, namespace),
  }));
}

/** With another namespace in place of the recorded one. */
function inNamespace(value: unknown, namespace: string): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(`"namespace":"${NAMESPACE}"`, `"namespace":"${namespace}"`));
}

/** The recorded children with the same field managers, and the recorded finalizers and status. */
async function makeChildren({ kubernetes, kubeconfig }: ControlPlane, namespace: string): Promise<void> {
  const uids = new Map<string, string>();
  for (const { kind = '', metadata, status } of recordedResources()) {
    const { name, finalizers } = metadata;
    const apiVersion = 'meshery.io/v1alpha1';
    await kubernetes.patch({ apiVersion, kind, metadata: { name, namespace, finalizers } });
    const patch = { type: 'merge', subresource: 'status', fieldManager: 'go-operator', body: { status } } as const;
    const of = { apiVersion, resource: `${kind.toLowerCase()}s` };
    const { metadata: found } = await connectCli({ kubeconfig }).patch(of, name, patch, namespace);
    uids.set(metadata.uid ?? '', found.uid ?? '');
  }
  for (const child of recordedChildren()) {
    const [entry] = child.metadata.managedFields ?? [];
    const text = JSON.stringify(project(child, (entry?.fieldsV1 ?? {}) as Record<string, unknown>));
    const fields = JSON.parse([...uids].reduce((all, [old, uid]) => all.replaceAll(old, uid), text));
    const { name, ownerReferences = [] } = child.metadata;
    const owners = ownerReferences.map((owner) => ({ ...owner, uid: uids.get(owner.uid) ?? '' }));
    const { apiVersion, kind } = child;
    const object = {
      ...{ apiVersion, kind },
      ...fields,
      metadata: { ...fields.metadata, name, namespace, ownerReferences: owners },
    };
    if (entry?.operation === 'Apply') await kubernetes.apply(object, String(entry.manager));
    else await kubernetes.create(object, String(entry?.manager));
  }
}

/** Waits until the pods run: changes of their status end. */
async function settled({ kubernetes }: ControlPlane, namespaces: string[]): Promise<void> {
  const workloads = [
    ['Deployment', 'meshery-operator', NAMESPACE] as const,
    ...namespaces.flatMap((namespace) => [
      ['StatefulSet', 'meshery-nats', namespace] as const,
      ['Deployment', 'meshery-meshsync', namespace] as const,
    ]),
  ];
  for (const [kind, name, namespace] of workloads) {
    const isReady = async () => (await kubernetes.get('apps/v1', kind, name, namespace))?.status?.readyReplicas === 1;
    await until(`${kind} ${namespace}/${name} of the Go operator`, isReady, 60);
  }
}

/** Runs the real Go operator whenever its Deployment has pods. */
async function follow(
  { kubernetes, kubeconfig, directory }: ControlPlane,
  binary: string,
  namespaces: string[],
): Promise<GoOperator> {
  let running: RunningProcess | undefined;
  let isStopped = false;
  const start = async () => {
    const health = await freePort();
    const args = ['--metrics-addr=0', `--health-probe-bind-address=127.0.0.1:${health}`];
    const environment = { ...process.env, KUBECONFIG: kubeconfig, ENABLE_WEBHOOKS: 'false' };
    return startProcess('go-operator', binary, args, directory, environment);
  };
  const loop = (async () => {
    while (!isStopped) {
      const pods = await kubernetes.list('v1', 'Pod', NAMESPACE).catch(() => undefined);
      const isDesired = pods?.some(({ metadata, spec }) => isRunning(metadata) && isManager(spec));
      if (pods && isDesired && !running?.running()) running = await start();
      if (pods && !isDesired) await running?.stop('SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await running?.stop('SIGKILL');
  })();
  const works = () =>
    eventually(async () => {
      if (!running?.running()) throw new Error('the Go operator does not run');
      for (const namespace of namespaces) {
        for (const kind of ['Broker', 'MeshSync']) {
          const [resource] = await kubernetes.list('meshery.io/v1alpha2', kind, namespace);
          const ready = resource?.status?.conditions?.find(({ type }) => type === 'Ready');
          if (ready?.status !== 'True') throw new Error(`${kind} of ${namespace} is not Ready by the Go operator`);
        }
      }
    }, 120);
  await works();
  return {
    works,
    stop: async () => {
      isStopped = true;
      await loop;
    },
  };
}

const isRunning = ({ deletionTimestamp }: KubernetesObject['metadata']) => !deletionTimestamp;
const isManager = (spec: KubernetesObject['spec']) => spec.containers[0].image.startsWith('meshery/meshery-operator:');
