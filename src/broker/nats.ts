import { MONITOR_PORT } from '../api/broker.ts';
import { EXPORTER_PORT, USERS_LINK_PORT, USERS_PORT } from '../api/nats.ts';
import { brokerHost, CLIENT_PORT } from './contract.ts';
import type { Broker } from './spec.ts';

/** Ports of a NATS server, by their names in the Services. */
export const PORTS = { nats: CLIENT_PORT, cluster: 6222, monitor: MONITOR_PORT } as const;

/** Ports of the temporary server of administrators, on the loopback interface of a pod. */
export const SYSTEM_PORTS = { nats: 4223, cluster: 6223 };

/**
 * How the server of `auth.users` in a pod connects to the other one: on loopback, unless other leaf nodes may connect too, of
 * which none can have this name.
 */
export const USERS_LINK = { user: '~users', port: USERS_LINK_PORT };

/** A listener besides those of all brokers, by the name of its port in pods and Services. */
export interface Listener {
  name: 'users' | 'leafnodes' | 'websocket';
  port: number;
  /** Which server of a pod has it. */
  server: 'nats' | 'users';
  protocol: 'tcp' | 'http' | 'https';
}

/** The further listeners of a broker. */
export function listenersOf({ users, leafNodes, webSocket }: Broker): Listener[] {
  const hasUsers = users.length > 0;
  const { listener } = leafNodes ?? {};
  return [
    ...(hasUsers ? [{ name: 'users', port: USERS_PORT, server: 'users', protocol: 'tcp' } as const] : []),
    ...(listener ? [{ name: 'leafnodes', port: listener.port, server: 'nats', protocol: 'tcp' } as const] : []),
    ...(webSocket
      ? [
          {
            ...({ name: 'websocket', port: webSocket.port, server: hasUsers ? 'users' : 'nats' } as const),
            protocol: webSocket.tlsSecret ? ('https' as const) : ('http' as const),
          },
        ]
      : []),
  ];
}

/** Port of the exporter, with the name that the NATS Helm chart and PodMonitors for it use. */
export const METRICS_PORT = { name: 'prom-metrics', port: EXPORTER_PORT } as const;

/** DNS names of a broker's servers: those of the StatefulSet's pods in the headless Service. */
export function natsServerAddresses(broker: Broker, serviceName: string): string[] {
  return Array.from(
    { length: broker.size },
    (_, ordinal) => `${broker.names.nats}-${ordinal}.${serviceName}.${broker.namespace}.svc`,
  );
}

/** The URL for clients in the cluster, without credentials. */
export function clientUrl({ names, namespace, service, tls }: Broker): string {
  return `${tls ? 'tls' : 'nats'}://${brokerHost(names.nats, namespace)}:${service.port}`;
}
