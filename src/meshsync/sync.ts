import type { SyncContext } from '../api/context.ts';
import { withCommonMetadata } from '../kubernetes/common-metadata.ts';
import { kinds } from '../kubernetes/kinds.ts';
import { podSecurity } from '../kubernetes/pod-security.ts';
import { progressing } from '../kubernetes/rollout.ts';
import { missingChildren } from '../metacontroller/children-created.ts';
import { invalidSpec } from '../metacontroller/conditions.ts';
import { findChild } from '../metacontroller/find-child.ts';
import { keepChildren } from '../metacontroller/lifecycle.ts';
import type { Manifest } from '../metacontroller/object.ts';
import { reapplyLastApplied } from '../metacontroller/reapply.ts';
import { relatedOf } from '../metacontroller/request.ts';
import type { SyncResponse } from '../metacontroller/response.ts';
import { accessTo, resolveBrokerReference } from './broker.ts';
import { brokerAuthSecret } from './children/broker-auth-secret.ts';
import { deployment } from './children/deployment.ts';
import { serviceAccount } from './children/service-account.ts';
import { type MeshSyncRequest, meshSyncKind } from './kinds.ts';
import { ACTIVE_MESHSYNC, isActive } from './names.ts';
import { type MeshSync, resolveMeshSync } from './spec.ts';
import { meshSyncStatus } from './status.ts';
import { readWatchList } from './watch-list.ts';

/**
 * The sync of a MeshSync: from a request to the desired children and the status. While its broker is not resolved, because it
 * is missing, being replaced or has no credentials yet, a running Deployment is left unchanged, and none is created.
 */
export function syncMeshSync(request: MeshSyncRequest, context: SyncContext): SyncResponse {
  const meshSync = resolveMeshSync(request.parent, context);
  if ('path' in meshSync) return keepChildren(request, invalidSpec(meshSync), context);

  const found = findChildren(request, meshSync);
  const observed = found.deployment.observed;
  const { connection, condition } = resolveBrokerReference(meshSync, request, observed !== undefined);
  const watchList = readWatchList(meshSync.watchList, meshSync.tag);
  const otherList = otherWatchList(request, meshSync);
  const activeList = otherList && readWatchList(otherList, meshSync.tag);
  const nameConflicts = [
    meshSync.serviceAccountName ? undefined : found.serviceAccount.nameConflict,
    connection?.needsSecret ? found.secret.nameConflict : undefined,
    found.deployment.nameConflict,
  ].flatMap((conflict) => conflict ?? []);
  const list = activeList ?? watchList;
  // With an invalid list, MeshSync would watch more than intended: the Deployment is left unchanged.
  const desired =
    connection && nameConflicts.length === 0 && !('path' in watchList) && !('path' in list)
      ? withCommonMetadata(deployment(meshSync, accessTo(connection), list.checksum, observed), meshSync.commonMetadata)
      : undefined;

  // Without a new Deployment, running pods keep their Secret.
  const secrets =
    connection?.needsSecret && connection.credential && !found.secret.nameConflict
      ? [withCommonMetadata(brokerAuthSecret(meshSync, connection.credential, connection.ca), meshSync.commonMetadata)]
      : !desired && found.secret.observed
        ? [reapplyLastApplied(found.secret.observed)]
        : [];

  const children = [
    ...serviceAccounts(meshSync, found, desired),
    ...secrets,
    ...(desired ? [desired] : observed ? [reapplyLastApplied(observed)] : []),
  ];
  const now = context.now();

  return {
    status: meshSyncStatus(
      request.parent,
      meshSync,
      {
        deployment: observed,
        desired,
        brokerUrl: connection?.url,
        brokerResolved: condition,
        watchList,
        activeList,
        nameConflicts,
        podSecurity: podSecurity(desired?.spec?.template),
        missing: missingChildren(request, children),
      },
      now,
    ),
    children,
  };
}

/**
 * The ServiceAccount that the operator creates, unless the spec names another. An existing one is deleted only when no pod
 * runs as it any more: without it, those would lose their access.
 */
function serviceAccounts(
  meshSync: MeshSync,
  { serviceAccount: { observed, nameConflict }, deployment }: ReturnType<typeof findChildren>,
  desired: Manifest | undefined,
): object[] {
  const { serviceAccountName, names, size } = meshSync;
  if (nameConflict) return [];
  if (!serviceAccountName || serviceAccountName === names.meshsync) {
    return [withCommonMetadata(serviceAccount(meshSync), meshSync.commonMetadata)];
  }
  const isUnused = desired && progressing(deployment.observed, desired, size, 'MeshSync pods').status === 'False';
  return observed && !isUnused ? [reapplyLastApplied(observed)] : [];
}

/** `data` of the active watch-list, when it belongs to another resource. */
function otherWatchList(request: MeshSyncRequest, { name, namespace }: MeshSync): Record<string, string> | undefined {
  if (isActive(name, namespace)) return undefined;
  const active = relatedOf(request, meshSyncKind)[`${ACTIVE_MESHSYNC.namespace}/${ACTIVE_MESHSYNC.name}`];
  return active ? (active.spec?.['watch-list']?.data ?? {}) : undefined;
}

function findChildren(request: MeshSyncRequest, { names }: MeshSync) {
  return {
    serviceAccount: findChild(request, kinds.serviceAccount, names.meshsync),
    secret: findChild(request, kinds.secret, names.brokerAuth),
    deployment: findChild(request, kinds.deployment, names.meshsync),
  };
}
