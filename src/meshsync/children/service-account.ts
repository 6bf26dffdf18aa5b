import type { V1ServiceAccount } from '@kubernetes/client-node';
import type { Manifest } from '../../metacontroller/object.ts';
import { meshSyncLabels } from '../labels.ts';
import type { MeshSync } from '../spec.ts';

/**
 * The ServiceAccount of MeshSync's pods. The installed ClusterRoleBinding binds it to the read-only ClusterRole
 * `meshery-meshsync`, since a child of a namespaced resource can't be cluster-scoped. Only pods that ask for it get its token.
 */
export function serviceAccount(meshSync: MeshSync): Manifest<V1ServiceAccount> {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {
      name: meshSync.names.meshsync,
      namespace: meshSync.namespace,
      labels: meshSyncLabels(meshSync),
    },
    automountServiceAccountToken: false,
  };
}
