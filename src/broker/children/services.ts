import type { V1Service, V1ServicePort, V1ServiceSpec } from '@kubernetes/client-node';
import type { ObservedService } from '../../kubernetes/kinds.ts';
import { COMPONENT_TYPE, MANAGEMENT_PLANE } from '../../kubernetes/labels.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { brokerLabels } from '../labels.ts';
import { PORTS } from '../nats.ts';
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
  const monitor = withNodePort(port('monitor', 'http'), made.service.nodePorts.monitor);
  return service(made, broker.names.nats, selector, observed, [natsPort(made), monitor]);
}

/** The settings of a Service that have a meaning inside the cluster. */
function internal({ port, ipFamilyPolicy, ipFamilies }: BrokerService): BrokerService {
  return {
    ...{ type: 'ClusterIP', annotations: {}, port, nodePorts: {}, loadBalancerSourceRanges: [] },
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
  return service(broker, broker.names.external, selector, observed, [natsPort(broker)]);
}

function service(
  broker: Broker,
  name: string,
  selector: Record<string, string>,
  observed: ObservedService | undefined,
  ports: V1ServicePort[],
): Manifest<V1Service> {
  const { type, annotations, externalTrafficPolicy, loadBalancerSourceRanges } = broker.service;
  const loadBalancerClass = effectiveLoadBalancerClass(broker, observed);
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
      ...(externalTrafficPolicy && { externalTrafficPolicy }),
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
      ports: [port('nats', 'tcp'), ...(broker.size > 1 ? [port('cluster', 'tcp')] : []), port('monitor', 'http')],
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

function withNodePort(servicePort: V1ServicePort, nodePort: number | undefined): V1ServicePort {
  return nodePort === undefined ? servicePort : { ...servicePort, nodePort };
}

function port(name: keyof typeof PORTS, appProtocol: 'tcp' | 'http'): V1ServicePort {
  return { name, appProtocol, port: PORTS[name], protocol: 'TCP', targetPort: name };
}
