import { isIPv6 } from 'node:net';
import type { BrokerStatus } from '../api/broker.ts';
import type { ObservedPod, ObservedService } from '../metacontroller/observed.ts';
import type { Requirement } from '../metacontroller/ready.ts';
import { PORTS } from './nats.ts';
import type { Broker } from './spec.ts';

/** Addresses of a broker, and whether those that were asked for are known. */
export interface Endpoint {
  addresses: NonNullable<BrokerStatus['endpoint']>;
  condition: Requirement;
}

/**
 * The endpoints as the observed client Service has them, `host:port` each.
 * @param pods the broker's pods, for the host address behind a node port
 * @param published the external endpoint of the last status; kept while it holds, so that it does not move about
 */
export function resolveEndpoint(
  broker: Broker,
  service: ObservedService | undefined,
  pods: ObservedPod[],
  published: string | undefined,
): Endpoint {
  const internal = service && internalAddress(service);
  const external = externalAddress(broker, service, pods, published);
  return {
    addresses: { ...(internal && { internal }), ...('address' in external && { external: external.address }) },
    condition: {
      type: 'EndpointPublished',
      wanted: 'True',
      ...(internal
        ? external.condition
        : { status: 'False', reason: 'ServicePending', message: 'The client Service has no address yet.' }),
    },
  };
}

type External = { address?: string; condition: Pick<Requirement, 'status' | 'reason' | 'message'> };

function externalAddress(
  broker: Broker,
  service: ObservedService | undefined,
  pods: ObservedPod[],
  published: string | undefined,
): External {
  const { type, externalEndpointOverride } = broker.service;
  if (externalEndpointOverride) {
    return known(externalEndpointOverride, 'Overridden', 'The external endpoint is the override of the spec.');
  }
  if (type === 'ClusterIP') {
    return {
      condition: {
        status: 'True',
        reason: 'ClusterInternal',
        message: 'The broker is reached inside the cluster only.',
      },
    };
  }
  const port = natsPort(service);
  if (service?.spec.type !== type || !port) {
    return pending('ServicePending', `The client Service is not of type ${type} yet.`);
  }
  if (type === 'LoadBalancer') {
    const ingress = service.status?.loadBalancer?.ingress?.find(({ ip, hostname }) => ip || hostname);
    const host = ingress?.ip || ingress?.hostname;
    return host
      ? known(hostAndPort(host, port.port), 'Published', 'The load balancer has an address.')
      : pending(
          'LoadBalancerPending',
          'The load balancer has no address yet; if that lasts, look at the events of the Service and whether the cluster has a load balancer.',
        );
  }
  if (!port.nodePort) return pending('NodePortPending', 'The client Service has no node port yet.');
  const address = nodeAddress(pods, port.nodePort, published);
  return address
    ? known(address, 'Published', 'The address is a node that runs a server of the broker.')
    : pending('NodePending', 'No pod of the broker is on a node yet.');
}

/**
 * A node that runs one of the pods. The published one stays as long as it does, or while no pod is on a node at all, as
 * when the only pod is being replaced.
 */
function nodeAddress(pods: ObservedPod[], nodePort: number, published: string | undefined): string | undefined {
  const candidates = pods
    .filter(({ metadata, status }) => status?.hostIP && !metadata.deletionTimestamp)
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map(({ status }) => hostAndPort(status?.hostIP ?? '', nodePort));
  const stays = published?.endsWith(`:${nodePort}`) && (candidates.length === 0 || candidates.includes(published));
  return stays ? published : candidates[0];
}

function internalAddress(service: ObservedService): string | undefined {
  const { clusterIP } = service.spec;
  const port = natsPort(service);
  return clusterIP && clusterIP !== 'None' && port ? hostAndPort(clusterIP, port.port) : undefined;
}

function natsPort(service: ObservedService | undefined) {
  const ports = service?.spec.ports ?? [];
  return ports.find(({ name }) => name === 'nats') ?? ports.find(({ port }) => port === PORTS.nats);
}

function hostAndPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

function known(address: string, reason: string, message: string): External {
  return { address, condition: { status: 'True', reason, message } };
}

function pending(reason: string, message: string): External {
  return { condition: { status: 'False', reason, message } };
}
