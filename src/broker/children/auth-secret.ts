import type { V1Secret } from '@kubernetes/client-node';
import type { Manifest } from '../../kubernetes/manifest.ts';
import { type Credentials, encode, ROUTE_PASSWORD_KEY, TOKEN_KEY } from '../credentials.ts';
import { brokerLabels } from '../labels.ts';
import { natsServerAddresses, PORTS } from '../nats.ts';
import type { Broker } from '../spec.ts';

/** Key of the file that nats.conf includes: every setting that holds a credential. */
export const CREDENTIALS_FILE = 'credentials.conf';

/**
 * The Secret `X-nats-auth`: the credentials as values, and as the part of the servers' configuration that holds them.
 * Its `type` is left to the API server, since it can't change.
 */
export function authSecret(broker: Broker, credentials: Credentials, serviceName: string): Manifest<V1Secret> {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: broker.names.auth, namespace: broker.namespace, labels: brokerLabels(broker) },
    data: {
      [TOKEN_KEY]: encode(credentials.token),
      [ROUTE_PASSWORD_KEY]: encode(credentials.routePassword),
      [CREDENTIALS_FILE]: encode(credentialsFile(broker, credentials, serviceName)),
    },
  };
}

/** Values are quoted: NATS would read an unquoted one that looks like a number as one. */
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
