import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kubeconfigWith } from '../cluster/accounts.ts';
import type { ControlPlane } from '../cluster/control-plane.ts';
import { freePort, type RunningProcess, startProcess } from '../cluster/processes.ts';
import { kustomize } from '../cluster/registration.ts';
import { goTool } from '../tools.ts';

const FOLDER = 'manifests/monitoring/kube-state-metrics';

/** Starts kube-state-metrics with the configuration and the RBAC rules of the manifests, and returns its address too. */
export async function startStateMetrics(
  controlPlane: ControlPlane,
): Promise<{ process: RunningProcess; address: string }> {
  const objects = await kustomize(FOLDER);
  const [configMap] = objects.filter(({ kind }) => kind === 'ConfigMap');
  const [role] = objects.filter(({ kind }) => kind === 'ClusterRole');
  if (!configMap || !role) throw new Error(`${FOLDER} lacks a ConfigMap or a ClusterRole`);
  const config = join(controlPlane.directory, 'kube-state-metrics.yaml');
  await writeFile(config, configMap.data?.['config.yaml'] ?? '');
  const kubeconfig = await kubeconfigWith(controlPlane, role, 'monitoring', 'kube-state-metrics');
  const [port, telemetry] = [await freePort(), await freePort()];
  const started = startProcess(
    'kube-state-metrics',
    await goTool('kube-state-metrics'),
    [
      ...['--kubeconfig', kubeconfig, '--custom-resource-state-config-file', config, '--custom-resource-state-only'],
      ...['--host', '127.0.0.1', '--port', `${port}`],
      ...['--telemetry-host', '127.0.0.1', '--telemetry-port', `${telemetry}`],
    ],
    controlPlane.directory,
  );
  return { process: started, address: `127.0.0.1:${port}` };
}
