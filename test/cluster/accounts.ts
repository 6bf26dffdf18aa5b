import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { ControlPlane } from './control-plane.ts';
import type { KubernetesObject } from './kubernetes.ts';

/** Writes a kubeconfig of a ServiceAccount, with a token from the API server, and returns its path. */
export async function kubeconfigOf(
  { kubernetes, kubeconfig, directory }: ControlPlane,
  namespace: string,
  account: string,
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const { body } = await kubernetes.request('POST', path, { spec: { expirationSeconds: 24 * 3_600 } });
  const { token } = (body as KubernetesObject).status ?? {};
  const admin = JSON.parse(await readFile(kubeconfig, 'utf8'));
  const file = join(directory, `kubeconfig-${namespace}-${account}`);
  await writeFile(file, JSON.stringify({ ...admin, users: [{ name: 'admin', user: { token } }] }), { mode: 0o600 });
  return file;
}

/** A kubeconfig for Metacontroller with exactly the rights in `metacontroller/install/least-privilege`. */
export async function leastPrivileged(controlPlane: ControlPlane): Promise<string> {
  const role = parse(await readFile('metacontroller/install/least-privilege/cluster-role.yaml', 'utf8'));
  return kubeconfigWith(controlPlane, role, 'metacontroller', 'metacontroller');
}

/** A kubeconfig of a new ServiceAccount with exactly the rights of a ClusterRole. */
export async function kubeconfigWith(
  controlPlane: ControlPlane,
  role: KubernetesObject,
  namespace: string,
  name: string,
): Promise<string> {
  const { kubernetes } = controlPlane;
  const group = 'rbac.authorization.k8s.io';
  for (const object of [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    role,
    {
      ...{ apiVersion: `${group}/v1`, kind: 'ClusterRoleBinding', metadata: { name } },
      roleRef: { apiGroup: group, kind: 'ClusterRole', name: role.metadata.name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  ]) {
    await kubernetes.apply(object);
  }
  return kubeconfigOf(controlPlane, namespace, name);
}
