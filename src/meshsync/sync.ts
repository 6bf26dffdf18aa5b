import { carryOver } from '../metacontroller/carry-over.ts';
import { claim } from '../metacontroller/claim.ts';
import { type SyncContext, timestamp } from '../metacontroller/context.ts';
import type { SyncResponse } from '../metacontroller/envelope.ts';
import { invalidSpec, type Requirement } from '../metacontroller/ready.ts';
import { type Keep, respond } from '../metacontroller/sync.ts';
import { resolveBrokerReference } from './broker.ts';
import { brokerAuthSecret } from './children/broker-auth-secret.ts';
import { deployment } from './children/deployment.ts';
import { serviceAccount } from './children/service-account.ts';
import type { MeshSyncSyncRequest } from './request.ts';
import { type MeshSync, resolveMeshSync } from './spec.ts';
import { meshSyncStatus, previousMeshSyncStatus } from './status.ts';

/**
 * The sync hook of a MeshSync: a request in, the children that shall exist and the status out. While its broker can't be
 * worked out, because it is missing, being replaced or has no credentials yet, what runs is left as it is; what does not
 * run yet is not started, so that it never starts in vain.
 */
export function syncMeshSync(request: MeshSyncSyncRequest, context: SyncContext): SyncResponse {
  return respond(request, previousMeshSyncStatus(request.parent), context, (keep, hibernation) =>
    answer(request, context, keep, hibernation),
  );
}

function answer(
  request: MeshSyncSyncRequest,
  context: SyncContext,
  keep: Keep,
  hibernation: Requirement | undefined,
): SyncResponse {
  const { parent, related } = request;
  const meshSync = resolveMeshSync(parent, context.imageRegistry);
  if ('path' in meshSync) return keep(invalidSpec(meshSync));

  const claims = claimNames(request, meshSync);
  const { connection, condition } = resolveBrokerReference(meshSync, related);
  const secretTaken = connection?.needsSecret ? claims.secret.taken : undefined;
  const blocked = claims.serviceAccount.taken ?? secretTaken ?? claims.deployment.taken;
  const wanted = connection && !blocked ? deployment(meshSync, connection, claims.deployment.observed) : undefined;

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
      meshSync,
      wanted,
      {
        deployment: claims.deployment.observed,
        brokerUrl: connection?.url,
        brokerResolved: condition,
        taken: [claims.serviceAccount.taken, secretTaken, claims.deployment.taken].flatMap((taken) => taken ?? []),
        hibernation,
      },
      timestamp(context.now()),
    ),
    children: [
      ...(claims.serviceAccount.taken ? [] : [serviceAccount(meshSync)]),
      ...secrets,
      ...(wanted ? [wanted] : claims.deployment.observed ? [carryOver(claims.deployment.observed)] : []),
    ],
  };
}

function claimNames({ parent, children, related }: MeshSyncSyncRequest, { names }: MeshSync) {
  return {
    serviceAccount: claim(parent, names.meshsync, children['ServiceAccount.v1'], related?.['ServiceAccount.v1']),
    secret: claim(parent, names.brokerAuth, children['Secret.v1'], related?.['Secret.v1']),
    deployment: claim(parent, names.meshsync, children['Deployment.apps/v1'], related?.['Deployment.apps/v1']),
  };
}
