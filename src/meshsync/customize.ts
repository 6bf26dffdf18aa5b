import { API_GROUP, STORAGE_VERSION } from '../api/schema.ts';
import type { CustomizeResponse } from '../metacontroller/envelope.ts';
import { isInForce, LIST_IN_FORCE, meshSyncNames } from './names.ts';
import type { MeshSyncCustomizeRequest } from './request.ts';
import { resolveMeshSync } from './spec.ts';

const MESHSYNCS = { apiVersion: `${API_GROUP}/${STORAGE_VERSION}`, resource: 'meshsyncs' };
const IN_FORCE = { namespace: LIST_IN_FORCE.namespace, names: [LIST_IN_FORCE.name] };

/**
 * What a MeshSync's sync needs to see besides its children: its Broker with the Secret that holds the token, the Secrets
 * that its spec names, the MeshSync whose watch-list is in force, and whoever holds the names of the children. One rule for
 * each resource where that is possible: Metacontroller holds each object that changes against the rules of every parent.
 */
export function customizeMeshSync({ parent }: MeshSyncCustomizeRequest): CustomizeResponse {
  const { name, namespace } = parent.metadata;
  const { meshsync, brokerAuth } = meshSyncNames(name);
  const meshSync = resolveMeshSync(parent);
  const resolved = 'path' in meshSync ? undefined : meshSync;
  const broker = resolved?.broker.type === 'native' ? resolved.broker : undefined;
  const custom = resolved?.broker.type === 'custom' ? resolved.broker : undefined;
  const isBeside = broker?.namespace === namespace;
  const secrets = new Set(
    [brokerAuth, custom?.credentials?.name, custom?.ca?.name, isBeside ? broker.authSecret : undefined].flatMap(
      (secret) => secret ?? [],
    ),
  );
  return {
    relatedResources: [
      { apiVersion: 'apps/v1', resource: 'deployments', namespace, names: [meshsync] },
      { apiVersion: 'v1', resource: 'serviceaccounts', namespace, names: [meshsync] },
      { apiVersion: 'v1', resource: 'secrets', namespace, names: [...secrets] },
      ...(isInForce(name, namespace) ? [] : [{ ...MESHSYNCS, ...IN_FORCE }]),
      ...(broker
        ? [
            {
              apiVersion: `${API_GROUP}/${STORAGE_VERSION}`,
              resource: 'brokers',
              namespace: broker.namespace,
              names: [broker.name],
            },
            ...(isBeside
              ? []
              : [{ apiVersion: 'v1', resource: 'secrets', namespace: broker.namespace, names: [broker.authSecret] }]),
          ]
        : []),
    ],
  };
}
