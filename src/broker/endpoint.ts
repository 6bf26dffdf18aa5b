import { isIPv6 } from 'node:net';
import type { BrokerStatus } from '../api/broker.ts';
import type { ObservedPod, ObservedService } from '../kubernetes/kinds.ts';
import type { ConditionInput } from '../metacontroller/conditions.ts';
import { condition } from './conditions.ts';
import { PORTS } from './nats.ts';
import type { Broker } from './spec.ts';

/** Addresses of a broker, and whether the desired ones are known. */
export interface Endpoint {
  addresses: NonNullable<BrokerStatus['endpoint']>;
  condition: ConditionInput;
}

/** The observed Services of clients, inside and outside the cluster; often the same. */
export interface BrokerServices {
  service: ObservedService | undefined;
  external: ObservedService | undefined;
  /** Those of single servers. */
  servers?: (ObservedService | undefined)[];
}

/**
 * The endpoints of the observed Services, `host:port` each.
 * @param pods the broker's pods, for the host addresses of a node port
 * @param published the external endpoint of the last status; kept while it is valid, so that it is stable
 */
export function resolveEndpoint(
  broker: Broker,
  { service, external }: BrokerServices,
  pods: ObservedPod[],
  published: string | undefined,
): Endpoint {
  const internal = service ? internalAddresses(service) : [];
  const outside = externalAddress(broker, external, pods, published);
  const { addresses = [] } = outside;
  return {
    addresses: {
      ...(internal[0] && { internal: internal[0] }),
      ...(addresses[0] && { external: addresses[0] }),
      ...(internal.length > 1 && { internalAddresses: internal }),
      ...(addresses.length > 1 && { externalAddresses: addresses.toSorted() }),
    },
    condition: internal[0]
      ? (missing(broker, { service, external }) ?? outside.condition)
      : unpublished('ServicePending', 'The client Service has no address yet.'),
  };
}

/**
 * The endpoints until the first server is ready: no client can connect yet, and each address that the client Service is
 * assigned would cost a status write.
 */
export function unpublishedEndpoint(): Endpoint {
  const message = 'The endpoints are published when the first server is ready.';
  return { addresses: {}, condition: unpublished('ServersPending', message) };
}

/**
 * Desired fields that the Services do not have: briefly after a change, or permanently when the API server rejects it,
 * which Metacontroller does not report to the hook.
 */
function missing({ service: desired }: Broker, { service, external }: BrokerServices): ConditionInput | undefined {
  const policy = desired.ipFamilyPolicy;
  const pending: string[] = [];
  if ([service, external].some((each) => natsPort(each)?.port !== desired.port)) pending.push(`port ${desired.port}`);
  const { nats, monitor } = desired.nodePorts;
  const nodePorts = [{ name: 'nats', nodePort: nats }, { name: 'monitor', nodePort: monitor }, ...desired.extraPorts];
  for (const { name, nodePort } of nodePorts) {
    const observed = external?.spec.ports?.find((port) => port.name === name)?.nodePort;
    if (nodePort === undefined || nodePort === observed) continue;
    pending.push(
      `node port ${nodePort} (if this persists, it is already allocated or outside the cluster's node port range)`,
    );
  }
  if (policy && [service, external].some((each) => each?.spec.ipFamilyPolicy !== policy)) {
    pending.push(`ipFamilyPolicy ${policy} (if this persists, the cluster is single-stack)`);
  }
  if (pending.length === 0) return undefined;
  const message = `The Services of clients do not have ${pending.join(', ')} yet. The Events of the Broker show whether the API server rejects them.`;
  return unpublished('ServicePending', message);
}

/** Addresses, the one to publish first. */
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
  if (type === 'ClusterIP') return known([], 'ClusterInternal', 'The broker is exposed inside the cluster only.');
  const port = natsPort(service);
  if (service?.spec.type !== type || !port) {
    return {
      condition: unpublished(
        'ServicePending',
        `The Service for clients outside the cluster is not of type ${type} yet.`,
      ),
    };
  }
  if (type === 'LoadBalancer') {
    const hosts = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip || hostname || []);
    const addresses = hosts.map((host) => hostAndPort(host, port.port));
    if (addresses[0])
      return known(publishedFirst(addresses, published), 'Published', 'The load balancer has an address.');
    const message =
      'The load balancer has no address yet; if this persists, check the Events of the Service and whether the cluster has a load balancer.';
    return { condition: unpublished('LoadBalancerPending', message) };
  }
  if (!port.nodePort) {
    return {
      condition: unpublished('NodePortPending', 'The Service for clients outside the cluster has no node port yet.'),
    };
  }
  const addresses = nodeAddresses(pods, port.nodePort, published);
  return addresses.length > 0
    ? known(addresses, 'Published', 'The address is a node that runs a server of the broker.')
    : { condition: unpublished('NodePending', 'No pod of the broker is on a node yet.') };
}

/**
 * All addresses of the nodes that run the pods. The published one is kept while it is among them, or while no pod is on a
 * node, such as when the only pod is being replaced.
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

/** Addresses without duplicates. The one that is already published comes first, so that it is stable. */
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
