import type { V1Secret } from '@kubernetes/client-node';
import { encode } from '../../kubernetes/secrets.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { AUTH_KEYS, defaultUrl } from '../contract.ts';
import { type Credentials, ROUTE_PASSWORD_KEY, type ServerCredentials } from '../credentials.ts';
import { brokerLabels } from '../labels.ts';
import { clientUrl } from '../nats.ts';
import type { Broker } from '../spec.ts';
import { CREDENTIALS_FILE, credentialsFile } from './server-secret.ts';

/**
 * The Secret `X-nats-auth`: what clients in the cluster need to connect. Its `type` is immutable, so it is left to the API
 * server.
 * @param ca CA certificates that clients must trust
 */
export function authSecret(broker: Broker, { token }: Credentials, ca: string | undefined): Manifest<V1Secret> {
  const url = clientUrl(broker);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: broker.names.auth, namespace: broker.namespace, labels: brokerLabels(broker) },
    data: {
      [AUTH_KEYS.token]: encode(token),
      ...(ca && { [AUTH_KEYS.ca]: encode(ca) }),
      ...(url !== defaultUrl(broker.names.nats, broker.namespace) && { [AUTH_KEYS.url]: encode(url) }),
    },
  };
}

/**
 * The same for a broker whose pods may still be those of release 2.0, which mount their configuration from this
 * Secret.
 */
export function withServerKeys(
  { data, ...secret }: Manifest<V1Secret>,
  broker: Broker,
  credentials: ServerCredentials,
  serviceName: string,
): Manifest<V1Secret> {
  return {
    ...secret,
    data: {
      ...data,
      [ROUTE_PASSWORD_KEY]: encode(credentials.routePassword),
      [CREDENTIALS_FILE]: encode(credentialsFile(broker, credentials, serviceName)),
    },
  };
}
