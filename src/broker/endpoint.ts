import { isIPv6 } from 'node:net';
import type { BrokerStatus } from '../api/broker.ts';
import type { ObservedPod, ObservedService } from '../kubernetes/kinds.ts';
import type { ConditionInput } from '../metacontroller/conditions.ts';
import { condition } from './conditions.ts';
import { PORTS } from './nats.ts';
import type { Broker } from './spec.ts';

/** Addresses of a broker, and whether those that the spec says are known. */
export interface Endpoint {
  addresses: NonNullable<BrokerStatus['endpoint']>;
  condition: ConditionInput;
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
  const internal = service ? internalAddresses(service) : [];
  const external = externalAddress(broker, service, pods, published);
  const { addresses = [] } = external;
  return {
    addresses: {
      ...(internal[0] && { internal: internal[0] }),
      ...(addresses[0] && { external: addresses[0] }),
      ...(internal.length > 1 && { internalAddresses: internal }),
      ...(addresses.length > 1 && { externalAddresses: addresses.toSorted() }),
    },
    condition: internal[0]
      ? (missing(broker, service) ?? external.condition)
      : unpublished('ServicePending', 'The client Service has no address yet.'),
  };
}

/**
 * The endpoints while a first server starts: nobody is answered there yet, and each step by which the client Service gets
 * them would cost a write.
 */
export function unpublishedEndpoint(): Endpoint {
  const message = 'The endpoints are published with the first server that is ready.';
  return { addresses: {}, condition: unpublished('ServersPending', message) };
}

/**
 * What the client Service should have and has not: for a moment after a change, or for good when the API server refuses it,
 * which nobody tells the hook.
 */
function missing({ service: desired }: Broker, service: ObservedService | undefined): ConditionInput | undefined {
  const policy = desired.ipFamilyPolicy;
  const lacks: string[] = [];
  if (natsPort(service)?.port !== desired.port) lacks.push(`port ${desired.port}`);
  for (const name of ['nats', 'monitor'] as const) {
    const nodePort = desired.nodePorts[name];
    const observed = service?.spec.ports?.find((port) => port.name === name)?.nodePort;
    if (nodePort === undefined || nodePort === observed) continue;
    lacks.push(`node port ${nodePort} (if that lasts, it is taken, or outside of the cluster's range)`);
  }
  if (policy && service?.spec.ipFamilyPolicy !== policy) {
    lacks.push(`ipFamilyPolicy ${policy} (if that lasts, the cluster has one family only)`);
  }
  if (lacks.length === 0) return undefined;
  const message = `The client Service does not have ${lacks.join(', ')} yet. Events of the Broker tell when the API server refuses it.`;
  return unpublished('ServicePending', message);
}

/** Addresses with the one to publish first. */
type External = { addresses?: string[]; condition: ConditionInput };

function externalAddress(
  broker: Broker,
  service: ObservedService | undefined,
  pods: ObservedPod[],
  published: string | undefined,
): External {
  const { type, externalEndpointOverride } = broker.service;
  if (externalEndpointOverride) {
    return known([externalEndpointOverride], 'Overridden', 'The external endpoint is the override of the spec.');
  }
  if (type === 'ClusterIP') return known([], 'ClusterInternal', 'The broker is reached inside the cluster only.');
  const port = natsPort(service);
  if (service?.spec.type !== type || !port) {
    return { condition: unpublished('ServicePending', `The client Service is not of type ${type} yet.`) };
  }
  if (type === 'LoadBalancer') {
    const hosts = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip || hostname || []);
    const addresses = hosts.map((host) => hostAndPort(host, port.port));
    if (addresses[0])
      return known(publishedFirst(addresses, published), 'Published', 'The load balancer has an address.');
    const message =
      'The load balancer has no address yet; if that lasts, look at the events of the Service and whether the cluster has a load balancer.';
    return { condition: unpublished('LoadBalancerPending', message) };
  }
  if (!port.nodePort) {
    return { condition: unpublished('NodePortPending', 'The client Service has no node port yet.') };
  }
  const addresses = nodeAddresses(pods, port.nodePort, published);
  return addresses.length > 0
    ? known(addresses, 'Published', 'The address is a node that runs a server of the broker.')
    : { condition: unpublished('NodePending', 'No pod of the broker is on a node yet.') };
}

/**
 * The nodes that run the pods, by all of their addresses. The published one stays as long as it is among them, or while
 * no pod is on a node at all, as when the only pod is being replaced.
 */
function nodeAddresses(pods: ObservedPod[], nodePort: number, published: string | undefined): string[] {
  const candidates = pods
    .filter(({ metadata }) => !metadata.deletionTimestamp)
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap(({ status }) => [status?.hostIP, ...(status?.hostIPs ?? []).map(({ ip }) => ip)])
    .flatMap((ip) => (ip ? hostAndPort(ip, nodePort) : []));
  if (candidates.length === 0) return published?.endsWith(`:${nodePort}`) ? [published] : [];
  return publishedFirst(candidates, published);
}

/** Addresses without repetition. The one that is published already comes first, so that it does not move about. */
function publishedFirst(addresses: string[], published: string | undefined): string[] {
  const first = published !== undefined && addresses.includes(published) ? [published] : [];
  return [...new Set([...first, ...addresses])];
}

function internalAddresses(service: ObservedService): string[] {
  const { clusterIP, clusterIPs = [] } = service.spec;
  const port = natsPort(service)?.port;
  if (!clusterIP || clusterIP === 'None' || port === undefined) return [];
  return [...new Set([clusterIP, ...clusterIPs])].map((ip) => hostAndPort(ip, port));
}

function natsPort(service: ObservedService | undefined) {
  const ports = service?.spec.ports ?? [];
  return ports.find(({ name }) => name === 'nats') ?? ports.find(({ port }) => port === PORTS.nats);
}

function hostAndPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

type Reason = Parameters<typeof condition<'EndpointPublished'>>[2];

function known(addresses: string[], reason: Reason, message: string): External {
  return { addresses, condition: condition('EndpointPublished', 'True', reason, message) };
}

function unpublished(reason: Reason, message: string): ConditionInput {
  return condition('EndpointPublished', 'False', reason, message);
}
