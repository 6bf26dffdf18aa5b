import { brokerHost, CLIENT_PORT } from './contract.ts';
import type { Broker } from './spec.ts';

/** Ports of a NATS server, by the names that its Services give them. */
export const PORTS = { nats: CLIENT_PORT, cluster: 6222, monitor: 8222 } as const;

/** Port of the exporter, by the name that the NATS Helm chart gives it, and PodMonitors made for that. */
export const METRICS_PORT = { name: 'prom-metrics', port: 7777 } as const;

/** DNS names of a broker's servers, which the headless Service gives to the pods of the StatefulSet. */
export function natsServerAddresses(broker: Broker, serviceName: string): string[] {
  return Array.from(
    { length: broker.size },
    (_, ordinal) => `${broker.names.nats}-${ordinal}.${serviceName}.${broker.namespace}.svc`,
  );
}

/** The URL by which clients in the cluster connect, without credentials. */
export function clientUrl({ names, namespace, service, tls }: Broker): string {
  return `${tls ? 'tls' : 'nats'}://${brokerHost(names.nats, namespace)}:${service.port}`;
}
