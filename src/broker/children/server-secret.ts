import type { V1Secret } from '@kubernetes/client-node';
import { encode } from '../../kubernetes/secrets.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { type Credentials, ROUTE_PASSWORD_KEY } from '../credentials.ts';
import { brokerLabels } from '../labels.ts';
import { natsServerAddresses, PORTS } from '../nats.ts';
import type { Broker } from '../spec.ts';

/** Key of the file that nats.conf includes: all settings that contain a credential. */
export const CREDENTIALS_FILE = 'credentials.conf';

/** Key of the configuration of a temporary server with a user of the system account; only with several servers. */
export const SYSTEM_FILE = 'system.conf';

/**
 * The Secret `X-nats-server`: what a server needs to join the broker, as values and as configuration. Clients can't read it:
 * the route password gives access to every account.
 */
export function serverSecret(broker: Broker, credentials: Credentials, serviceName: string): Manifest<V1Secret> {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: broker.names.server, namespace: broker.namespace, labels: brokerLabels(broker) },
    data: {
      [ROUTE_PASSWORD_KEY]: encode(credentials.routePassword),
      [CREDENTIALS_FILE]: encode(credentialsFile(broker, credentials, serviceName)),
      ...(broker.size > 1 && { [SYSTEM_FILE]: encode(systemFile(broker, credentials, serviceName)) }),
    },
  };
}

/** Values are quoted: NATS would parse an unquoted one that looks like a number as a number. */
export function credentialsFile(broker: Broker, credentials: Credentials, serviceName: string): string {
  const authorization = `authorization { token: "${credentials.token}" }\n`;
  if (broker.size === 1) return authorization;
  return `${authorization}${cluster(broker, credentials, serviceName, `port: ${PORTS.cluster}`)}`;
}

/**
 * NATS refuses users of the system account beside a token, and a token as an argument would show in the lists of processes.
 * So administrators start one more server in a pod for as long as they need that account: it joins the cluster without
 * JetStream, and is reached from within the pod only. The block `authorization` keeps it from accepting anonymous clients.
 */
function systemFile(broker: Broker, credentials: Credentials, serviceName: string): string {
  return `listen: "127.0.0.1:${SYSTEM_PORTS.nats}"
authorization { timeout: 5 }
accounts { $SYS { users: [{ user: "${SYSTEM_USER}", password: "${credentials.routePassword}" }] } }
${cluster(broker, credentials, serviceName, `listen: "127.0.0.1:${SYSTEM_PORTS.cluster}"`)}`;
}

function cluster(broker: Broker, { routePassword }: Credentials, serviceName: string, listen: string): string {
  const routes = natsServerAddresses(broker, serviceName).map(
    (address) => `    "nats://${ROUTE_USER}:${routePassword}@${address}:${PORTS.cluster}"\n`,
  );
  return `cluster {
  name: "${broker.names.nats}"
  ${listen}
  no_advertise: true
  authorization { user: "${ROUTE_USER}", password: "${routePassword}", timeout: 5 }
  routes: [
${routes.join('')}  ]
}
`;
}

const ROUTE_USER = 'route';

/** User of the system account; its password is that of the routes, which gives the same access. */
const SYSTEM_USER = 'system';

/** Ports of the temporary server, on the loopback interface of a pod. */
const SYSTEM_PORTS = { nats: 4223, cluster: 6223 };
