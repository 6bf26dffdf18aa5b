import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, connect as dial } from 'node:net';
import { join } from 'node:path';
import { OPERATOR } from '../../../src/operator.ts';
import { leastPrivileged } from '../../cluster/accounts.ts';
import { type ControlPlane, startControlPlane } from '../../cluster/control-plane.ts';
import { restricted } from '../../cluster/expectations.ts';
import type { Kubernetes, KubernetesObject } from '../../cluster/kubernetes.ts';
import { metacontrollerBinary, startMetacontroller } from '../../cluster/metacontroller.ts';
import { type Operator, startOperator } from '../../cluster/operator.ts';
import { until } from '../../cluster/processes.ts';
import { kustomize, metacontrollerCrds, registrations } from '../../cluster/registration.ts';
import { applyPatiently } from '../../cluster/world.ts';
import { startStateMetrics } from '../state-metrics.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';

/** The interval of the scrapes, in seconds. */
export const SCRAPE_INTERVAL = 5;

/** The token of Metacontroller. */
export const TOKEN = 'tHookTokenOfThePictures';

/** The operator with its monitoring, as the manifests install both, in a control plane with a real Metacontroller. */
export interface Installation {
  kubernetes: Kubernetes;
  prometheus: Prometheus;
  /** Where the hooks are called. */
  url: string;
  /** Replaces the pods of the operator, with more environment variables. */
  rollOut: (environment?: Record<string, string>) => Promise<void>;
  /** Changes the token that the operator requires. */
  requireToken: (token: string) => Promise<void>;
  stop: () => Promise<void>;
}

/** Starts everything; the pods of the operator are processes of this machine. */
export async function startInstallation(log: (line: string) => void): Promise<Installation> {
  const binary = metacontrollerBinary();
  if (!binary) throw new Error('METACONTROLLER must name the program of Metacontroller');
  const controlPlane = await startControlPlane(log);
  const { kubernetes, directory } = controlPlane;
  const undo: (() => Promise<unknown>)[] = [() => controlPlane.stop()];
  const stop = async () => {
    for (const step of undo.reverse()) await step();
  };
  try {
    await apply(kubernetes);
    const pods = await startPods(controlPlane);
    undo.push(() => pods.stop());
    const service = await startService(pods.ports);
    undo.push(() => service.close());
    for (const controller of await registrations(service.url, 'metacontroller/overlays/token')) {
      await applyPatiently(kubernetes, controller);
    }
    const kubeconfig = await leastPrivileged(controlPlane);
    const metacontroller = await startMetacontroller(binary, controlPlane, 'server-side-apply', kubeconfig);
    undo.push(() => metacontroller.stop());
    const stateMetrics = await startStateMetrics(controlPlane);
    undo.push(() => stateMetrics.process.stop());
    const scraped = [
      { job_name: 'meshery-operator-metrics', file_sd_configs: [{ files: [pods.targets] }] },
      { job_name: 'kube-state-metrics', static_configs: [{ targets: [stateMetrics.address] }] },
    ];
    const prometheus = await startPrometheus(directory, scraped, SCRAPE_INTERVAL);
    undo.push(() => prometheus.process.stop());
    return { kubernetes, prometheus, url: service.url, rollOut: pods.rollOut, requireToken: pods.requireToken, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function apply(kubernetes: Kubernetes): Promise<void> {
  for (const crd of metacontrollerCrds()) await kubernetes.apply(crd);
  for (const object of await kustomize('manifests')) {
    if (object.kind === 'Namespace') object.metadata.labels = restricted;
    await applyPatiently(kubernetes, object);
  }
  const metadata = { name: 'meshery-operator-token', namespace: OPERATOR.namespace };
  await kubernetes.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { token: TOKEN } });
}

/** The pods of the operator's Deployment, and a process for each. */
async function startPods({ kubernetes, directory }: ControlPlane) {
  const { name, namespace } = OPERATOR;
  const tokens = join(directory, 'token');
  const targets = join(directory, 'targets.json');
  let operators: Operator[] = [];

  /** Names of the pods, once there are as many as desired and none of them is one of the last. */
  const names = (last: string[]) =>
    until(
      'the pods of the operator',
      async () => {
        const deployment = await kubernetes.get('apps/v1', 'Deployment', name, namespace);
        const pods = (await kubernetes.list('v1', 'Pod', namespace)).filter(isOfOperator);
        const found = pods.map(({ metadata }) => metadata.name);
        return found.length === deployment?.spec.replicas && !found.some((each) => last.includes(each)) && found;
      },
      60,
    );
  let current: string[] = [];
  const start = async (environment: Record<string, string>) => {
    current = await names(current);
    const own = { HOOK_TOKEN_FILES: tokens, RELOAD_INTERVAL: '1000', ...environment };
    operators = await Promise.all(current.map(() => startOperator(directory, undefined, own)));
    // The labels are those that the Prometheus Operator makes of the ServiceMonitor.
    const service = 'meshery-operator-metrics';
    const groups = operators.map(({ monitoring }, index) => ({
      targets: [new URL(monitoring).host],
      labels: { namespace, service, endpoint: 'monitoring', container: 'manager', pod: current[index] },
    }));
    await writeFile(`${targets}.new`, JSON.stringify(groups));
    await rename(`${targets}.new`, targets);
  };
  const end = async () => {
    const ending = operators;
    operators = [];
    await Promise.all(ending.map((operator) => operator.process.stop()));
  };
  const requireToken = (token: string) => writeFile(tokens, token);

  await requireToken(TOKEN);
  await start({});
  return {
    targets,
    requireToken,
    ports: () => operators.map(({ url }) => Number(new URL(url).port)),
    rollOut: async (environment: Record<string, string> = {}) => {
      const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
      const spec = { template: { metadata: { annotations } } };
      await kubernetes.patch({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace }, spec });
      await end();
      await start(environment);
    },
    stop: end,
  };
}

function isOfOperator({ metadata }: KubernetesObject): boolean {
  return metadata.labels?.component === 'operator' && !metadata.deletionTimestamp;
}

/** Stands for the Service of the operator: each connection goes to the next pod, and without a pod none is accepted. */
async function startService(ports: () => number[]): Promise<{ url: string; close: () => Promise<void> }> {
  let count = 0;
  // Without Nagle's algorithm, as a Service passes packets on: otherwise it holds the rest of a request back.
  const server = createServer({ noDelay: true }, (socket) => {
    const ready = ports();
    const port = ready[count++ % ready.length];
    socket.on('error', () => socket.destroy());
    if (port === undefined) {
      socket.destroy();
      return;
    }
    const pod = dial({ port, host: '127.0.0.1', noDelay: true });
    pod.on('error', () => socket.destroy());
    pod.on('close', () => socket.destroy());
    socket.on('close', () => pod.destroy());
    socket.pipe(pod).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
