import { brokerKind } from '../broker/contract.ts';
import { kinds } from '../kubernetes/kinds.ts';
import type { Parent } from '../metacontroller/request.ts';
import { named, type RelatedResourceRule } from '../metacontroller/response.ts';
import { meshSyncKind } from './kinds.ts';
import { ACTIVE_MESHSYNC, isActive, meshSyncNames } from './names.ts';
import { resolveMeshSync } from './spec.ts';

/**
 * What a MeshSync's sync needs to see besides its children: its Broker with the Secret that holds the token, the Secrets
 * that its spec names, the MeshSync whose watch-list is active, and whoever has the names of the children. One rule for each
 * resource where that is possible: Metacontroller holds each object that changes against the rules of every parent.
 */
export function customizeMeshSync(parent: Parent): RelatedResourceRule[] {
  const { name, namespace } = parent.metadata;
  const { meshsync, brokerAuth } = meshSyncNames(name);
  const meshSync = resolveMeshSync(parent);
  const reference = 'path' in meshSync ? undefined : meshSync.broker;
  const broker = reference?.type === 'native' ? reference : undefined;
  const custom = reference?.type === 'custom' ? reference : undefined;
  const isBeside = broker?.namespace === namespace;
  const secrets = [brokerAuth, custom?.credentials?.name, custom?.ca?.name, isBeside ? broker.authSecret : undefined];
  return [
    named(kinds.deployment, namespace, [meshsync]),
    named(kinds.serviceAccount, namespace, [meshsync]),
    named(
      kinds.secret,
      namespace,
      secrets.flatMap((secret) => secret ?? []),
    ),
    ...(isActive(name, namespace) ? [] : [named(meshSyncKind, ACTIVE_MESHSYNC.namespace, [ACTIVE_MESHSYNC.name])]),
    ...(broker ? [named(brokerKind, broker.namespace, [broker.name])] : []),
    ...(broker && !isBeside ? [named(kinds.secret, broker.namespace, [broker.authSecret])] : []),
  ];
}
