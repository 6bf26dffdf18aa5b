import type { V1Service, V1ServicePort, V1ServiceSpec } from '@kubernetes/client-node';
import type { ObservedService } from '../../kubernetes/kinds.ts';
import { COMPONENT_TYPE, MANAGEMENT_PLANE } from '../../kubernetes/labels.ts';
import type { Manifest } from '../../metacontroller/object.ts';
import { brokerLabels } from '../labels.ts';
import { PORTS } from '../nats.ts';
import type { Broker } from '../spec.ts';

/** The client Service `X-nats`: what clients connect to, inside the cluster and, by its type, outside. */
export function clientService(
  broker: Broker,
  selector: Record<string, string>,
  observed: ObservedService | undefined,
): Manifest<V1Service> {
  const { type, annotations, externalTrafficPolicy, loadBalancerSourceRanges, nodePorts } = broker.service;
  const loadBalancerClass = effectiveLoadBalancerClass(broker, observed);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: broker.names.nats,
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
      ports: [
        withNodePort({ ...port('nats', 'tcp'), port: broker.service.port }, nodePorts.nats),
        withNodePort(port('monitor', 'http'), nodePorts.monitor),
      ],
      selector,
    },
  };
}

/**
 * The headless Service `X-nats-headless`, which names the pods. It publishes addresses before the pods are ready, since
 * servers of a cluster become ready by reaching each other.
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

/** The load balancer class that can be applied: Kubernetes lets it change only together with the type. */
export function effectiveLoadBalancerClass(broker: Broker, observed: ObservedService | undefined): string | undefined {
  const { type, loadBalancerClass } = broker.service;
  if (type !== 'LoadBalancer') return undefined;
  return observed?.spec.type === 'LoadBalancer' ? observed.spec.loadBalancerClass : loadBalancerClass;
}

/**
 * Families of addresses of a Service, as far as they can be applied. The first one can't change. One that Kubernetes has
 * added by the policy is applied too, or it would be taken for a change on every sync; and what had two families keeps them
 * until the spec says one.
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

/** The family that a Service keeps though the spec says another, `undefined` when there is none. */
export function fixedFamily({ service: { ipFamilies } }: Broker, observed: ObservedService | undefined) {
  const current = observed?.spec.ipFamilies?.[0];
  return current !== undefined && ipFamilies && ipFamilies[0] !== current ? current : undefined;
}

function withNodePort(servicePort: V1ServicePort, nodePort: number | undefined): V1ServicePort {
  return nodePort === undefined ? servicePort : { ...servicePort, nodePort };
}

function port(name: keyof typeof PORTS, appProtocol: 'tcp' | 'http'): V1ServicePort {
  return { name, appProtocol, port: PORTS[name], protocol: 'TCP', targetPort: name };
}
