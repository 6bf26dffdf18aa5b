import type { V1Secret } from '@kubernetes/client-node';
import { encode } from '../../kubernetes/secrets.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import type { BrokerConnection } from '../broker.ts';
import { meshSyncLabels } from '../labels.ts';
import type { MeshSync } from '../spec.ts';

/**
 * The Secret `X-broker-auth`, created when MeshSync's pods can read no other: the token of a Broker in another namespace under
 * `token`, or a URL with credentials under `url`; and the CA certificates that MeshSync must trust.
 * @param ca CA certificates, included unless they are in another Secret of the namespace
 */
export function brokerAuthSecret(
  meshSync: MeshSync,
  { key, value }: NonNullable<BrokerConnection['credential']>,
  ca: BrokerConnection['ca'],
): Manifest<V1Secret> {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: meshSync.names.brokerAuth,
      namespace: meshSync.namespace,
      labels: meshSyncLabels(meshSync),
    },
    data: { [key]: encode(value), ...(ca?.name === meshSync.names.brokerAuth && { [ca.key]: encode(ca.value) }) },
  };
}
