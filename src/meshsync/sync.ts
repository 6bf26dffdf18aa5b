import type { MeshSyncStatus } from '../api/meshsync.ts';
import type { Manifest } from '../kubernetes/manifest.ts';
import { type Memory, memoryOf } from '../memory.ts';
import { carryOver } from '../metacontroller/carry-over.ts';
import { claim } from '../metacontroller/claim.ts';
import type { SyncContext } from '../metacontroller/context.ts';
import type { SyncResponse } from '../metacontroller/envelope.ts';
import { invalidSpec, type Requirement } from '../metacontroller/ready.ts';
import { progressing } from '../metacontroller/rollout.ts';
import { type Keep, respond } from '../metacontroller/sync.ts';
import { accessTo, resolveBrokerReference } from './broker.ts';
import { brokerAuthSecret } from './children/broker-auth-secret.ts';
import { deployment } from './children/deployment.ts';
import { serviceAccount } from './children/service-account.ts';
import { isInForce, LIST_IN_FORCE } from './names.ts';
import type { MeshSyncSyncRequest } from './request.ts';
import { type MeshSync, resolveMeshSync } from './spec.ts';
import { meshSyncStatus, previousMeshSyncStatus } from './status.ts';
import { readWatchList } from './watch-list.ts';

/**
 * The sync hook of a MeshSync: a request in, the children that shall exist and the status out. While its broker can't be
 * worked out, because it is missing, being replaced or has no credentials yet, what runs is left as it is; what does not
 * run yet is not started, so that it never starts in vain.
 */
export function syncMeshSync(request: MeshSyncSyncRequest, context: SyncContext): SyncResponse {
  const previous = memoryOf(request).make(previousMeshSyncStatus, request.parent);
  return respond(request, previous, context, (keep, hibernation) =>
    answer(request, previous, context, keep, hibernation),
  );
}

function answer(
  request: MeshSyncSyncRequest,
  previous: MeshSyncStatus | undefined,
  context: SyncContext,
  keep: Keep,
  hibernation: Requirement | undefined,
): SyncResponse {
  const { parent, related } = request;
  const memory = memoryOf(request);
  const meshSync = memory.make(resolveMeshSync, parent, context.imageRegistry);
  if ('path' in meshSync) return keep(invalidSpec(meshSync));

  const claims = claimNames(request, meshSync);
  const { connection, condition } = resolveBrokerReference(meshSync, related, claims.deployment.observed !== undefined);
  const list = readWatchList(meshSync.watchList, meshSync.tag);
  const data = listInForce(meshSync, related);
  const inForce = data && readWatchList(data, meshSync.tag);
  const secretTaken = connection?.needsSecret ? claims.secret.taken : undefined;
  const accountTaken = meshSync.serviceAccountName ? undefined : claims.serviceAccount.taken;
  const blocked = accountTaken ?? secretTaken ?? claims.deployment.taken;
  const read = inForce ?? list;
  // With a list that it can't read, MeshSync would watch more than it is meant to: what runs stays as it is.
  const wanted =
    connection && !blocked && !('path' in list) && !('path' in read)
      ? memory.make(deployment, meshSync, accessTo(connection), read.checksum, claims.deployment.observed)
      : undefined;

  // Without a new Deployment, what runs goes on reading the Secret that it has.
  const secrets =
    connection?.needsSecret && connection.credential && !secretTaken
      ? [brokerAuthSecret(meshSync, connection.credential, connection.ca)]
      : !wanted && claims.secret.observed
        ? [carryOver(claims.secret.observed)]
        : [];

  return {
    status: meshSyncStatus(
      parent,
      previous,
      meshSync,
      wanted,
      {
        deployment: claims.deployment.observed,
        brokerUrl: connection?.url,
        brokerResolved: condition,
        watchList: list,
        inForce,
        taken: [accountTaken, secretTaken, claims.deployment.taken].flatMap((taken) => taken ?? []),
        hibernation,
      },
      context.now(),
    ),
    children: [
      ...serviceAccounts(meshSync, claims, wanted, memory),
      ...secrets,
      ...(wanted ? [wanted] : claims.deployment.observed ? [carryOver(claims.deployment.observed)] : []),
    ],
  };
}

/**
 * The ServiceAccount of its own, unless the spec names another. One that was made before goes once no pod can run as it any
 * more: without it, those would lose their access.
 */
function serviceAccounts(
  meshSync: MeshSync,
  { serviceAccount: { observed, taken }, deployment }: Claims,
  wanted: Manifest | undefined,
  memory: Memory,
): object[] {
  const { serviceAccountName, names, size } = meshSync;
  if (taken) return [];
  if (!serviceAccountName || serviceAccountName === names.meshsync) return [memory.make(serviceAccount, meshSync)];
  const left = wanted && progressing(deployment.observed, wanted, size, 'MeshSync pods').status === 'False';
  return observed && !left ? [carryOver(observed)] : [];
}

/** `data` of the watch-list that MeshSync will read, when it is that of another resource. */
function listInForce(
  { name, namespace }: MeshSync,
  related: MeshSyncSyncRequest['related'],
): Record<string, string> | undefined {
  if (isInForce(name, namespace)) return undefined;
  const { namespace: where, name: what } = LIST_IN_FORCE;
  const main = related?.['MeshSync.meshery.io/v1alpha2']?.[`${where}/${what}`];
  return main ? (main.spec?.['watch-list']?.data ?? {}) : undefined;
}

type Claims = ReturnType<typeof claimNames>;

function claimNames({ parent, children, related }: MeshSyncSyncRequest, { names }: MeshSync) {
  return {
    serviceAccount: claim(parent, names.meshsync, children['ServiceAccount.v1'], related?.['ServiceAccount.v1']),
    secret: claim(parent, names.brokerAuth, children['Secret.v1'], related?.['Secret.v1']),
    deployment: claim(parent, names.meshsync, children['Deployment.apps/v1'], related?.['Deployment.apps/v1']),
  };
}
