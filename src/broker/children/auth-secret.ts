import type { V1Secret } from '@kubernetes/client-node';
import { encode } from '../../kubernetes/secrets.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { AUTH_KEYS, defaultUrl } from '../contract.ts';
import { type Credentials, ROUTE_PASSWORD_KEY } from '../credentials.ts';
import { brokerLabels } from '../labels.ts';
import { clientUrl, natsServerAddresses, PORTS } from '../nats.ts';
import type { Broker } from '../spec.ts';

/** Key of the file that nats.conf includes: all settings that contain a credential. */
export const CREDENTIALS_FILE = 'credentials.conf';

/**
 * The Secret `X-nats-auth`: the credentials as values and as the part of the servers' configuration that contains them; and
 * the CA certificates and the URL for clients in the cluster. Its `type` is immutable, so it is left to the API server.
 * @param ca CA certificates that clients must trust
 */
export function authSecret(
  broker: Broker,
  credentials: Credentials,
  ca: string | undefined,
  serviceName: string,
): Manifest<V1Secret> {
  const url = clientUrl(broker);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: broker.names.auth, namespace: broker.namespace, labels: brokerLabels(broker) },
    data: {
      [AUTH_KEYS.token]: encode(credentials.token),
      [ROUTE_PASSWORD_KEY]: encode(credentials.routePassword),
      [CREDENTIALS_FILE]: encode(credentialsFile(broker, credentials, serviceName)),
      ...(ca && { [AUTH_KEYS.ca]: encode(ca) }),
      ...(url !== defaultUrl(broker.names.nats, broker.namespace) && { [AUTH_KEYS.url]: encode(url) }),
    },
  };
}

/** Values are quoted: NATS would parse an unquoted one that looks like a number as a number. */
function credentialsFile(broker: Broker, { token, routePassword }: Credentials, serviceName: string): string {
  const authorization = `authorization { token: "${token}" }\n`;
  if (broker.size === 1) return authorization;
  const routes = natsServerAddresses(broker, serviceName).map(
    (address) => `    "nats://${ROUTE_USER}:${routePassword}@${address}:${PORTS.cluster}"\n`,
  );
  return `${authorization}cluster {
  name: "${broker.names.nats}"
  port: ${PORTS.cluster}
  no_advertise: true
  authorization { user: "${ROUTE_USER}", password: "${routePassword}", timeout: 5 }
  routes: [
${routes.join('')}  ]
}
`;
}

const ROUTE_USER = 'route';
