import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { leastPrivileged } from '../cluster/accounts.ts';
import { startDriver } from '../cluster/driver.ts';
import { connect } from '../cluster/kubernetes.ts';
import { metacontrollerBinary } from '../cluster/metacontroller.ts';
import { metacontrollerCrds } from '../cluster/registration.ts';
import { documentedCommands } from '../support/pages.ts';
import { goTools } from '../tools.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { imagesHere, METACONTROLLER } from './images.ts';

const run = promisify(execFile);

/** A cluster in which Metacontroller, or the test double, runs with the flags and rights that this repository ships. */
export interface World extends Cluster {
  /** The name of what drives the operator. */
  driver: string;
  /**
   * Runs the commands of a page of the documentation that begin with a text, as they are written but for an edit, until they
   * end or a signal ends them, and gives what they print.
   */
  documented: (page: string, start: string, edit?: (text: string) => string, signal?: AbortSignal) => Promise<string>;
  /** Runs a command of a shell with kubectl for the cluster and the command line of NATS, and gives what it prints. */
  command: (text: string) => Promise<string>;
}

export async function startWorld(log: (line: string) => void, nodes: number): Promise<World> {
  const cluster = await startCluster(log, imagesHere(), { nodes });
  const driver = metacontrollerBinary() ? await installMetacontroller(cluster) : await startDouble(cluster);
  log(`driven by ${driver}`);
  return {
    ...cluster,
    driver,
    documented: (...which) => runDocumented(cluster, ...which),
    command: (text) => runCommand(cluster, text),
  };
}

/** Metacontroller as a pod, with the flags and the least-privilege role of `metacontroller/install`. */
async function installMetacontroller(cluster: Cluster): Promise<string> {
  const { kubernetes } = cluster;
  for (const crd of metacontrollerCrds()) await kubernetes.apply(crd);
  await leastPrivileged(cluster);
  const { commandArgs } = parse(await readFile('metacontroller/install/values.yaml', 'utf8'));
  const labels = { 'app.kubernetes.io/name': 'metacontroller' };
  const probe = (path: string) => ({ httpGet: { port: 8081, path } });
  const container = {
    ...{ name: 'metacontroller', image: METACONTROLLER, args: commandArgs },
    ...{ livenessProbe: probe('/healthz'), readinessProbe: probe('/readyz') },
  };
  const metadata = { name: 'metacontroller', namespace: 'metacontroller', labels };
  await kubernetes.apply({
    ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata },
    spec: {
      ...{ replicas: 1, serviceName: '', selector: { matchLabels: labels } },
      template: { metadata: { labels }, spec: { serviceAccountName: 'metacontroller', containers: [container] } },
    },
  });
  await cluster.kubectl('rollout', 'status', 'statefulset/metacontroller', '-n', 'metacontroller', '--timeout=60s');
  return 'Metacontroller in a pod';
}

/** The test double as a process on the first node, which reaches the hooks through the Service of the operator. */
async function startDouble(cluster: Cluster): Promise<string> {
  for (const crd of metacontrollerCrds()) await cluster.kubernetes.apply(crd);
  const kubernetes = connect(await leastPrivileged(cluster));
  return startDriver({ kubernetes, directory: cluster.directory }).name;
}

/** Runs the code block of a page that begins with a text, as it is written but for an edit. */
async function runDocumented(
  cluster: Cluster,
  page: string,
  start: string,
  edit = (text: string) => text,
  signal?: AbortSignal,
): Promise<string> {
  return runCommand(cluster, edit(documentedCommands(page, start)), signal);
}

async function runCommand({ kubeconfig }: Cluster, text: string, signal?: AbortSignal): Promise<string> {
  const programs = await goTools(['kubectl', 'nats']);
  const path = [...Object.values(programs).map((program) => dirname(program)), process.env.PATH].join(':');
  const environment = { ...process.env, KUBECONFIG: kubeconfig, PATH: path };
  const options = { env: environment, maxBuffer: 1e8, ...(signal && { signal }) };
  return (await run('sh', ['-ec', text], options)).stdout;
}
