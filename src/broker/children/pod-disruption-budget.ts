import type { V1PodDisruptionBudget } from '@kubernetes/client-node';
import type { Manifest } from '../../metacontroller/object.ts';
import { brokerLabels } from '../labels.ts';
import type { Broker } from '../spec.ts';

/** Whether other servers can take over from one that is evicted; a budget for a single server would block drains. */
export function hasDisruptionBudget({ size, disruptionBudget }: Broker): boolean {
  return size > 1 && disruptionBudget !== undefined;
}

/** The PodDisruptionBudget `X-nats`: by default, one server may be evicted at a time, an unhealthy one at any time. */
export function podDisruptionBudget(broker: Broker, selector: Record<string, string>): Manifest<V1PodDisruptionBudget> {
  const {
    minAvailable,
    maxUnavailable = 1,
    unhealthyPodEvictionPolicy = 'AlwaysAllow',
  } = broker.disruptionBudget ?? {};
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: broker.names.nats, namespace: broker.namespace, labels: brokerLabels(broker) },
    spec: {
      ...(minAvailable === undefined ? { maxUnavailable } : { minAvailable }),
      selector: { matchLabels: selector },
      unhealthyPodEvictionPolicy,
    },
  };
}
