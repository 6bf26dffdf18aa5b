import type { V1Service, V1ServicePort, V1ServiceSpec } from '@kubernetes/client-node';
import type { ObservedService } from '../../kubernetes/kinds.ts';
import { COMPONENT_TYPE, MANAGEMENT_PLANE } from '../../kubernetes/labels.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { brokerLabels } from '../labels.ts';
import { listenersOf, PORTS } from '../nats.ts';
import type { Broker, BrokerService } from '../spec.ts';

/**
 * Whether clients outside the cluster connect to a Service of their own. A Service exposes all of its ports, and inside the
 * cluster MeshSync and Meshery Server need the monitoring port on the client Service. One that exposes it already is kept,
 * since another Service would have other addresses.
 * @param observed the client Service
 */
export function hasExternalService(
  { service: { type, exposeMonitor } }: Broker,
  observed: ObservedService | undefined,
): boolean {
  if (type === 'ClusterIP') return false;
  return !(exposeMonitor ?? (observed?.spec.type ?? 'ClusterIP') !== 'ClusterIP');
}

/**
 * The client Service `X-nats`: clients connect to it inside the cluster and, depending on its type, from outside.
 * @param isInternal whether clients outside have a Service of their own
 */
export function clientService(
  broker: Broker,
  selector: Record<string, string>,
  observed: ObservedService | undefined,
  isInternal: boolean,
): Manifest<V1Service> {
  const made = isInternal ? { ...broker, service: internal(broker.service) } : broker;
  const monitor = withNodePort(port('monitor', monitorProtocol(broker)), made.service.nodePorts.monitor);
  const ports = [natsPort(made), monitor, ...listenerPorts(made), ...extraPorts(made)];
  return service(made, broker.names.nats, selector, observed, ports);
}

/** The settings of a Service that have a meaning inside the cluster. */
function internal(service: BrokerService): BrokerService {
  const { port, ipFamilyPolicy, ipFamilies, clusterIP, affinityTimeoutSeconds, extraPorts, perServer } = service;
  return {
    ...{ type: 'ClusterIP', annotations: {}, port, nodePorts: {}, loadBalancerSourceRanges: [], perServer },
    extraPorts: extraPorts.map(({ nodePort: _outside, ...inside }) => inside),
    ...(clusterIP && { clusterIP }),
    ...(affinityTimeoutSeconds !== undefined && { affinityTimeoutSeconds }),
    ...(ipFamilyPolicy && { ipFamilyPolicy }),
    ...(ipFamilies && { ipFamilies }),
  };
}

/** The Service `X-nats-external` for clients outside the cluster, without the monitoring port. */
export function externalService(
  broker: Broker,
  selector: Record<string, string>,
  observed: ObservedService | undefined,
): Manifest<V1Service> {
  const { clusterIP: _client, ...made } = broker.service;
  const ports = [natsPort(broker), ...listenerPorts(broker), ...extraPorts(broker)];
  return service({ ...broker, service: made }, broker.names.external, selector, observed, ports);
}

/** Name of the Service of one server, which is that of its pod. */
function serverServiceName({ names }: Pick<Broker, 'names'>, ordinal: number): string {
  return `${names.nats}-${ordinal}`;
}

/** The names of these Services; none where the spec wants none. */
export function serverServiceNames(broker: Broker, servers = broker.size): string[] {
  if (!broker.service.perServer) return [];
  return Array.from({ length: servers }, (_, ordinal) => serverServiceName(broker, ordinal));
}

/** The Service `X-nats-0` and so on: one server alone, with what can be the same in several Services. */
export function serverService(
  broker: Broker,
  ordinal: number,
  selector: Record<string, string>,
  observed: ObservedService | undefined,
): Manifest<V1Service> {
  const { clusterIP: _ip, healthCheckNodePort: _check, affinityTimeoutSeconds: _affinity, ...own } = broker.service;
  const name = serverServiceName(broker, ordinal);
  const one = { ...selector, 'statefulset.kubernetes.io/pod-name': name };
  const made = { ...broker, service: { ...own, nodePorts: {} } };
  return service(made, name, one, observed, [natsPort(made), ...listenerPorts(made)]);
}

function service(
  broker: Broker,
  name: string,
  selector: Record<string, string>,
  observed: ObservedService | undefined,
  ports: V1ServicePort[],
): Manifest<V1Service> {
  const { type, annotations, externalTrafficPolicy, loadBalancerSourceRanges } = broker.service;
  const { affinityTimeoutSeconds } = broker.service;
  const loadBalancerClass = effectiveLoadBalancerClass(broker, observed);
  const clusterIP = effectiveClusterIP(broker, observed);
  const healthCheckNodePort = effectiveHealthCheckNodePort(broker, observed);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: broker.namespace,
      labels: brokerLabels(broker),
      annotations: { ...annotations, [COMPONENT_TYPE]: MANAGEMENT_PLANE },
    },
    spec: {
      type,
      ...addressFamilies(broker, observed),
      ...(clusterIP && { clusterIP }),
      ...(externalTrafficPolicy && { externalTrafficPolicy }),
      ...(healthCheckNodePort !== undefined && { healthCheckNodePort }),
      ...(affinityTimeoutSeconds !== undefined && {
        sessionAffinity: 'ClientIP',
        // Written out: a default that nobody has applied would stay, and be refused, when the affinity is removed.
        sessionAffinityConfig: { clientIP: { timeoutSeconds: affinityTimeoutSeconds } },
      }),
      ...(loadBalancerClass !== undefined && { loadBalancerClass }),
      ...(loadBalancerSourceRanges.length > 0 && { loadBalancerSourceRanges }),
      ports,
      selector,
    },
  };
}

/**
 * The headless Service `X-nats-headless`, which gives the pods their DNS names. It publishes addresses of pods that are not
 * ready, since the servers of a cluster become ready by connecting to each other.
 */
export function headlessService(
  broker: Broker,
  selector: Record<string, string>,
  observed: ObservedService | undefined,
): Manifest<V1Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: broker.names.headless, namespace: broker.namespace, labels: brokerLabels(broker) },
    spec: {
      clusterIP: observed?.spec.clusterIP ?? 'None',
      ...addressFamilies(broker, observed),
      ports: [
        port('nats', 'tcp'),
        ...(broker.size > 1 ? [port('cluster', 'tcp')] : []),
        port('monitor', monitorProtocol(broker)),
      ],
      publishNotReadyAddresses: true,
      selector,
    },
  };
}

/** The load balancer class that can be applied: it is immutable while the type stays LoadBalancer. */
export function effectiveLoadBalancerClass(broker: Broker, observed: ObservedService | undefined): string | undefined {
  const { type, loadBalancerClass } = broker.service;
  if (type !== 'LoadBalancer') return undefined;
  return observed?.spec.type === 'LoadBalancer' ? observed.spec.loadBalancerClass : loadBalancerClass;
}

/** The address that can be applied: it is immutable. */
export function effectiveClusterIP(broker: Broker, observed: ObservedService | undefined): string | undefined {
  const { clusterIP } = broker.service;
  return clusterIP && (observed?.spec.clusterIP || clusterIP);
}

/** The node port of health checks that can be applied: it is immutable while the Service has one. */
export function effectiveHealthCheckNodePort(
  broker: Broker,
  observed: ObservedService | undefined,
): number | undefined {
  const { healthCheckNodePort } = broker.service;
  return healthCheckNodePort && (observed?.spec.healthCheckNodePort || healthCheckNodePort);
}

/**
 * The IP families of a Service that can be applied. The first one is immutable. A family that Kubernetes has added by the
 * policy is applied too, or it would be a change on every sync. A dual-stack Service without a policy in the spec becomes
 * single-stack.
 */
function addressFamilies(
  { service: { ipFamilies, ipFamilyPolicy } }: Broker,
  observed: ObservedService | undefined,
): Pick<V1ServiceSpec, 'ipFamilies' | 'ipFamilyPolicy'> {
  const current = observed?.spec.ipFamilies ?? [];
  const isDual = (observed?.spec.ipFamilyPolicy ?? 'SingleStack') !== 'SingleStack';
  const policy = ipFamilyPolicy ?? (isDual ? 'SingleStack' : undefined);
  const isFixed = current[0] !== undefined && current[0] !== ipFamilies?.[0];
  const isAdded = ipFamilies?.length === 1 && current.length === 2 && policy !== undefined && policy !== 'SingleStack';
  return {
    ...(policy && { ipFamilyPolicy: policy }),
    ...(ipFamilies && { ipFamilies: isFixed || isAdded ? current : ipFamilies }),
  };
}

/** The immutable first family of a Service that differs from the desired one, `undefined` when there is none. */
export function fixedFamily({ service: { ipFamilies } }: Broker, observed: ObservedService | undefined) {
  const current = observed?.spec.ipFamilies?.[0];
  return current !== undefined && ipFamilies && ipFamilies[0] !== current ? current : undefined;
}

function natsPort({ service: { port: number, nodePorts } }: Broker): V1ServicePort {
  return withNodePort({ ...port('nats', 'tcp'), port: number }, nodePorts.nats);
}

function extraPorts({ service }: Broker): V1ServicePort[] {
  return service.extraPorts.map((each) => ({ ...each, protocol: 'TCP' }));
}

function listenerPorts(broker: Broker): V1ServicePort[] {
  return listenersOf(broker).map(({ name, port, protocol }) =>
    withNodePort(
      { name, appProtocol: protocol, port, protocol: 'TCP', targetPort: name },
      broker.service.nodePorts[name],
    ),
  );
}

function withNodePort(servicePort: V1ServicePort, nodePort: number | undefined): V1ServicePort {
  return nodePort === undefined ? servicePort : { ...servicePort, nodePort };
}

function monitorProtocol({ tls }: Broker): 'http' | 'https' {
  return tls?.monitor ? 'https' : 'http';
}

function port(name: keyof typeof PORTS, appProtocol: 'tcp' | 'http' | 'https'): V1ServicePort {
  return { name, appProtocol, port: PORTS[name], protocol: 'TCP', targetPort: name };
}
