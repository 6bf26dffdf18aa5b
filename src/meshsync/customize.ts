import { API_GROUP, STORAGE_VERSION } from '../api/schema.ts';
import type { CustomizeResponse } from '../metacontroller/envelope.ts';
import { meshSyncNames } from './names.ts';
import type { MeshSyncCustomizeRequest } from './request.ts';
import { resolveMeshSync } from './spec.ts';

/**
 * What a MeshSync's sync needs to see besides its children: its Broker with the Secret that holds the token, and whoever
 * holds the names of the children.
 */
export function customizeMeshSync({ parent }: MeshSyncCustomizeRequest): CustomizeResponse {
  const { name, namespace } = parent.metadata;
  const { meshsync, brokerAuth } = meshSyncNames(name);
  const meshSync = resolveMeshSync(parent);
  const broker = 'broker' in meshSync && meshSync.broker.type === 'native' ? meshSync.broker : undefined;
  return {
    relatedResources: [
      { apiVersion: 'apps/v1', resource: 'deployments', namespace, names: [meshsync] },
      { apiVersion: 'v1', resource: 'serviceaccounts', namespace, names: [meshsync] },
      { apiVersion: 'v1', resource: 'secrets', namespace, names: [brokerAuth] },
      ...(broker
        ? [
            {
              apiVersion: `${API_GROUP}/${STORAGE_VERSION}`,
              resource: 'brokers',
              namespace: broker.namespace,
              names: [broker.name],
            },
            { apiVersion: 'v1', resource: 'secrets', namespace: broker.namespace, names: [broker.authSecret] },
          ]
        : []),
    ],
  };
}
