import { MONITOR_PORT } from '../api/broker.ts';
import { brokerHost, CLIENT_PORT } from './contract.ts';
import type { Broker } from './spec.ts';

/** Ports of a NATS server, by their names in the Services. */
export const PORTS = { nats: CLIENT_PORT, cluster: 6222, monitor: MONITOR_PORT } as const;

/** Port of the exporter, with the name that the NATS Helm chart and PodMonitors for it use. */
export const METRICS_PORT = { name: 'prom-metrics', port: 7777 } as const;

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
