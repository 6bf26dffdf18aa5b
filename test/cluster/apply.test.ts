import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { goTool } from '../tools.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { kustomize, metacontrollerCrds, openCrd } from './registration.ts';

const run = promisify(execFile);

/** The folders that are applied, each after those that it needs. */
const folders = [
  ...['manifests', 'manifests/crds', 'manifests/operator', 'manifests/meshsync'],
  ...['manifests/overlays/token', 'manifests/overlays/tls', 'manifests/overlays/mutual-tls'],
  ...['metacontroller', 'metacontroller/overlays/token'],
  ...['metacontroller/overlays/tls', 'metacontroller/overlays/mutual-tls'],
  ...['manifests/samples', 'manifests/monitoring', 'manifests/monitoring/kube-state-metrics'],
];

describe('kubectl', () => {
  let controlPlane: ControlPlane;
  let kubectl: (...args: string[]) => Promise<string>;
  let failed = false;

  beforeAll(async () => {
    controlPlane = await startControlPlane(() => {});
    const { kubernetes, kubeconfig } = controlPlane;
    const monitoring = (kind: string) => openCrd('monitoring.coreos.com', 'v1', kind, `${kind.toLowerCase()}s`);
    for (const crd of [...metacontrollerCrds(), monitoring('ServiceMonitor'), monitoring('PrometheusRule')]) {
      await kubernetes.apply(crd);
    }
    await kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'monitoring' } });
    const program = await goTool('kubectl');
    kubectl = async (...args) => (await run(program, ['--kubeconfig', kubeconfig, ...args])).stdout;
  });
  afterAll(() => controlPlane?.stop(failed));

  it('knows every folder that the README lists', async () => {
    const readme = await readFile('README.md', 'utf8');
    const listed = [...readme.matchAll(/^\| `((?:manifests|metacontroller)\S*)` \|/gm)].map(([, folder]) => folder);
    expect(folders).toEqual(expect.arrayContaining(listed));
  });

  it.each(folders)('finds nothing to change in %s once that is applied', async (folder) => {
    onTestFailed(() => {
      failed = true;
    });
    const { kubernetes } = controlPlane;
    const generations = async () => {
      const objects = (await kustomize(folder)).map(({ apiVersion, kind, metadata: { name, namespace } }) =>
        kubernetes.get(apiVersion, kind, name, namespace),
      );
      return (await Promise.all(objects)).map((object) => [
        `${object?.kind}/${object?.metadata.name}`,
        object?.metadata.generation,
      ]);
    };
    // Custom resources are not served immediately after their CRD is applied.
    await kubectl('apply', '-k', folder);
    await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s');
    const before = await generations();

    const applied = (await kubectl('apply', '-k', folder)).trim().split('\n');
    expect(applied).toHaveLength(before.length);
    // kubectl sends the selector of a PodDisruptionBudget each time, since its patch strategy is "replace".
    const isSent = (line: string) => !line.endsWith(' unchanged') && !line.startsWith('poddisruptionbudget.policy/');
    expect(applied.filter(isSent)).toEqual([]);
    expect(await generations()).toEqual(before);
    expect(await kubectl('diff', '-k', folder)).toBe('');
  });
});
