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

const CONDITION = 'EndpointPublished';

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
    condition: {
      type: CONDITION,
      wanted: 'True',
      ...(!internal[0]
        ? { status: 'False', reason: 'ServicePending', message: 'The client Service has no address yet.' }
        : (missing(broker, service) ?? external.condition)),
    },
  };
}

/**
 * What is said of the endpoints while a first server starts: nobody is answered there yet, and each step by which the client
 * Service gets them would cost a write.
 */
export function unpublishedEndpoint(): Endpoint {
  const message = 'The endpoints are published with the first server that is ready.';
  return {
    addresses: {},
    condition: { type: CONDITION, wanted: 'True', status: 'False', reason: 'ServersPending', message },
  };
}

/**
 * What the client Service was asked for and does not have: for a moment after a change, or for good when the API server
 * refuses it, which nobody tells the hook.
 */
function missing({ service: wanted }: Broker, service: ObservedService | undefined): State | undefined {
  const policy = wanted.ipFamilyPolicy;
  const lacks: string[] = [];
  if (natsPort(service)?.port !== wanted.port) lacks.push(`port ${wanted.port}`);
  for (const name of ['nats', 'monitor'] as const) {
    const nodePort = wanted.nodePorts[name];
    const observed = service?.spec.ports?.find((port) => port.name === name)?.nodePort;
    if (nodePort === undefined || nodePort === observed) continue;
    lacks.push(`node port ${nodePort} (if that lasts, it is taken, or outside of the cluster's range)`);
  }
  if (policy && service?.spec.ipFamilyPolicy !== policy) {
    lacks.push(`ipFamilyPolicy ${policy} (if that lasts, the cluster has one family only)`);
  }
  if (lacks.length === 0) return undefined;
  const message = `The client Service does not have ${lacks.join(', ')} yet. Events of the Broker tell when the API server refuses it.`;
  return { status: 'False', reason: 'ServicePending', message };
}

type State = Pick<Requirement, 'status' | 'reason' | 'message'>;

/** Addresses with the one to publish first. */
type External = { addresses?: string[]; condition: State };

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
    const hosts = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip || hostname || []);
    const addresses = hosts.map((host) => hostAndPort(host, port.port));
    return addresses[0]
      ? known(publishedFirst(addresses, published), 'Published', 'The load balancer has an address.')
      : pending(
          'LoadBalancerPending',
          'The load balancer has no address yet; if that lasts, look at the events of the Service and whether the cluster has a load balancer.',
        );
  }
  if (!port.nodePort) return pending('NodePortPending', 'The client Service has no node port yet.');
  const addresses = nodeAddresses(pods, port.nodePort, published);
  return addresses.length > 0
    ? known(addresses, 'Published', 'The address is a node that runs a server of the broker.')
    : pending('NodePending', 'No pod of the broker is on a node yet.');
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

function known(addresses: string[], reason: string, message: string): External {
  return { addresses, condition: { status: 'True', reason, message } };
}

function pending(reason: string, message: string): External {
  return { condition: { status: 'False', reason, message } };
}
