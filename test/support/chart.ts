import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { metacontrollerCrds } from '../cluster/registration.ts';
import { goTools } from '../tools.ts';

const run = promisify(execFile);

/** Major versions of Helm that the tests run. */
export const HELMS = ['helm3', 'helm4'] as const;
export type HelmName = (typeof HELMS)[number];

/** Runs a Helm: the arguments after its name. Fails with what it wrote to the error output. */
export type Helm = (...args: string[]) => Promise<string>;

/**
 * A Helm that keeps its files in a folder.
 * @param kubeconfig of the cluster; without one only commands that need no cluster work
 */
export async function helm(name: HelmName, folder: string, kubeconfig = '/dev/null'): Promise<Helm> {
  const program = (await goTools([name]))[name];
  const environment = { PATH: process.env.PATH, HOME: folder, HELM_CACHE_HOME: join(folder, 'cache') };
  return async (...args) => {
    const options = { env: { ...environment, KUBECONFIG: kubeconfig }, maxBuffer: 1e8 };
    try {
      return (await run(program, args, options)).stdout;
    } catch (error) {
      throw new Error((error as { stderr?: string }).stderr?.trim() || String(error));
    }
  };
}

/** The arguments of Helm that set values: `key=value` each. */
export const set = (...values: string[]): string[] => values.flatMap((value) => ['--set', value]);

/** Values that Meshery Server sends with every installation. */
export const OF_SERVER = [
  'fullnameOverride=meshery-operator',
  'meshery-operator.enabled=true',
  'meshery-istio.enabled=false',
];

/** Serves the files of a folder over HTTP, as a chart repository, until it is closed. */
export async function serveFolder(folder: string): Promise<{ url: string; close: () => void }> {
  const server = createServer((request, response) => {
    const file = createReadStream(join(folder, basename(request.url ?? '')));
    file.on('error', () => response.writeHead(404).end()).pipe(response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

/** The chart of Metacontroller that the chart depends on: the folder or archive that `METACONTROLLER_CHART` names, if any. */
export const metacontrollerChart = process.env.METACONTROLLER_CHART;

/**
 * A copy of the chart, complete with its dependency, as a release has it. Without a chart of Metacontroller, the dependency is
 * a stand-in: the CRDs of Metacontroller, and a StatefulSet that runs nothing of it.
 * @param folder in which the copy is made
 * @param version of the chart and its application; default: that of the checkout
 */
export async function chart(folder: string, version?: string, dependsOn = metacontrollerChart): Promise<string> {
  const copy = join(folder, `meshery-operator-${version ?? 'own'}`);
  // What "helm dependency build" leaves in the checkout is no part of it.
  const own = (path: string) => !/^(charts|Chart\.lock)(\/|$)/.test(relative('manifests/chart', path));
  await cp('manifests/chart', copy, { recursive: true, filter: own });
  const file = join(copy, 'Chart.yaml');
  const metadata = parse(await readFile(file, 'utf8'));
  if (version) await writeFile(file, stringify({ ...metadata, version, appVersion: version }));
  const [dependency] = metadata.dependencies;
  const target = join(copy, 'charts', dependency.name);
  if (dependsOn) {
    const archive = (await stat(dependsOn)).isFile();
    await cp(dependsOn, archive ? `${target}.tgz` : target, { recursive: true });
  } else {
    await mkdir(join(target, 'templates'), { recursive: true });
    await mkdir(join(target, 'crds'));
    const { name } = dependency;
    await writeFile(join(target, 'Chart.yaml'), stringify({ apiVersion: 'v2', name, version: dependency.version }));
    const crds = metacontrollerCrds().map((crd) => `---\n${stringify(crd)}`);
    await writeFile(join(target, 'crds', 'crds.yaml'), crds.join(''));
    await writeFile(join(target, 'templates', 'statefulset.yaml'), stringify(standIn));
  }
  return copy;
}

const labels = { 'app.kubernetes.io/name': 'metacontroller' };
const standIn = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: {
    name: 'meshery-operator-metacontroller',
    namespace: '{{ .Values.namespaceOverride | default .Release.Namespace }}',
  },
  spec: {
    replicas: 0,
    serviceName: '',
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { containers: [{ name: 'metacontroller', image: 'ghcr.io/metacontroller/metacontroller:v4.17.2' }] },
    },
  },
};
