import type { V1NetworkPolicy, V1NetworkPolicyIngressRule, V1NetworkPolicyPeer } from '@kubernetes/client-node';
import type { Manifest } from '../../metacontroller/object.ts';
import { brokerLabels } from '../labels.ts';
import { listenersOf, METRICS_PORT, PORTS } from '../nats.ts';
import type { Broker } from '../spec.ts';
import { natsBoxSelector } from './nats-box.ts';

/** Every pod of the cluster. */
const anyPod: V1NetworkPolicyPeer = { namespaceSelector: {} };

/** MeshSync queries the monitoring port before it connects. */
const meshSync: V1NetworkPolicyPeer = {
  namespaceSelector: {},
  podSelector: { matchLabels: { component: 'meshsync' } },
};

/** Every pod of the namespace of the broker. */
const sameNamespace: V1NetworkPolicyPeer = { podSelector: {} };

/**
 * The NetworkPolicy `X-nats`: restricts the peers of the client, monitoring, exporter and route ports. Probes come from the
 * pod's own node, which every network plugin allows.
 */
export function networkPolicy(broker: Broker, selector: Record<string, string>): Manifest<V1NetworkPolicy> {
  const policy = broker.networkPolicy ?? {};
  const box = broker.natsBox && [{ podSelector: { matchLabels: natsBoxSelector(broker) } }];
  const named = policy.clients && [...policy.clients, ...(box ?? [])];
  const clients = named ?? (broker.service.type === 'ClusterIP' ? [anyPod] : undefined);
  const { monitor = [meshSync, sameNamespace], metrics = [anyPod] } = policy;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: broker.names.nats, namespace: broker.namespace, labels: brokerLabels(broker) },
    spec: {
      podSelector: { matchLabels: selector },
      policyTypes: ['Ingress'],
      ingress: [
        rule(PORTS.nats, clients),
        ...broker.service.extraPorts.map(({ targetPort }) => rule(targetPort, clients)),
        rule(PORTS.monitor, monitor),
        ...listenersOf(broker).map(({ port }) => rule(port, clients)),
        ...(broker.size > 1 ? [rule(PORTS.cluster, [{ podSelector: { matchLabels: selector } }])] : []),
        ...(broker.promExporter ? [rule(METRICS_PORT.port, metrics)] : []),
      ],
    },
  };
}

/** @param from peers; `undefined` allows all */
function rule(port: number | string, from: V1NetworkPolicyPeer[] | undefined): V1NetworkPolicyIngressRule {
  return { ports: [{ port, protocol: 'TCP' }], ...(from && { from }) };
}
