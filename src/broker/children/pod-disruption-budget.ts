import type { V1PodDisruptionBudget } from '@kubernetes/client-node';
import type { Manifest } from '../../metacontroller/object.ts';
import { brokerLabels } from '../labels.ts';
import type { Broker } from '../spec.ts';

/** Whether a broker has servers that can take over from one that is drained; a budget for one would block its node. */
export function hasDisruptionBudget(broker: Broker): boolean {
  return broker.size > 1;
}

/** The PodDisruptionBudget `X-nats`: drains take one server at a time, and one that is broken anyway whenever they like. */
export function podDisruptionBudget(broker: Broker, selector: Record<string, string>): Manifest<V1PodDisruptionBudget> {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: broker.names.nats, namespace: broker.namespace, labels: brokerLabels(broker) },
    spec: { maxUnavailable: 1, selector: { matchLabels: selector }, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
  };
}
