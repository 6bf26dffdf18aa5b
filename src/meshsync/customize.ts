import { brokerKind } from '../broker/contract.ts';
import { kinds } from '../kubernetes/kinds.ts';
import type { Parent } from '../metacontroller/request.ts';
import { named, type RelatedResourceRule } from '../metacontroller/response.ts';
import { meshSyncKind } from './kinds.ts';
import { ACTIVE_MESHSYNC, isActive, meshSyncNames } from './names.ts';
import { resolveMeshSync } from './spec.ts';

/**
 * The related objects of a MeshSync: its Broker with the Secret of the token, the Secrets that its spec names, the MeshSync
 * whose watch-list is active, and objects with the names of its children. One rule per resource where possible:
 * Metacontroller matches each changed object against the rules of every parent.
 */
export function customizeMeshSync(parent: Parent): RelatedResourceRule[] {
  const { name, namespace } = parent.metadata;
  const { meshsync, brokerAuth } = meshSyncNames(name);
  const meshSync = resolveMeshSync(parent);
  const reference = 'path' in meshSync ? undefined : meshSync.broker;
  const broker = reference?.type === 'native' ? reference : undefined;
  const custom = reference?.type === 'custom' ? reference : undefined;
  const isSameNamespace = broker?.namespace === namespace;
  const secrets = [
    brokerAuth,
    custom?.credentials?.name,
    custom?.ca?.name,
    isSameNamespace ? broker.authSecret : undefined,
  ];
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
    ...(broker && !isSameNamespace ? [named(kinds.secret, broker.namespace, [broker.authSecret])] : []),
  ];
}
