import type { V1Service, V1ServicePort } from '@kubernetes/client-node';
import type { Manifest } from '../../kubernetes/manifest.ts';
import type { ObservedService } from '../../metacontroller/observed.ts';
import { brokerLabels } from '../labels.ts';
import { PORTS } from '../nats.ts';
import type { Broker } from '../spec.ts';

/** The client Service `X-nats`: what clients connect to, inside the cluster and, by its type, outside. */
export function clientService(
  broker: Broker,
  selector: Record<string, string>,
  observed: ObservedService | undefined,
): Manifest<V1Service> {
  const { type, annotations, loadBalancerSourceRanges } = broker.service;
  const loadBalancerClass = effectiveLoadBalancerClass(broker, observed);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: broker.names.nats,
      namespace: broker.namespace,
      labels: brokerLabels(broker),
      annotations: { ...annotations, 'meshery/component-type': 'management-plane' },
    },
    spec: {
      type,
      ...(loadBalancerClass !== undefined && { loadBalancerClass }),
      ...(loadBalancerSourceRanges.length > 0 && { loadBalancerSourceRanges }),
      ports: [port('nats', 'tcp'), port('monitor', 'http')],
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
      ports: [port('nats', 'tcp'), ...(broker.size > 1 ? [port('cluster', 'tcp')] : []), port('monitor', 'http')],
      publishNotReadyAddresses: true,
      selector,
    },
  };
}

/** The load balancer class that can be asked for: Kubernetes lets it change only together with the type. */
export function effectiveLoadBalancerClass(broker: Broker, observed: ObservedService | undefined): string | undefined {
  const { type, loadBalancerClass } = broker.service;
  if (type !== 'LoadBalancer') return undefined;
  return observed?.spec.type === 'LoadBalancer' ? observed.spec.loadBalancerClass : loadBalancerClass;
}

function port(name: keyof typeof PORTS, appProtocol: 'tcp' | 'http'): V1ServicePort {
  return { name, appProtocol, port: PORTS[name], protocol: 'TCP', targetPort: name };
}
