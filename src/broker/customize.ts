import { MAX_SIZE } from '../api/broker.ts';
import { kinds } from '../kubernetes/kinds.ts';
import type { Parent } from '../metacontroller/request.ts';
import { named, type RelatedResourceRule } from '../metacontroller/response.ts';
import { natsBoxName } from './children/nats-box.ts';
import { serverServiceNames } from './children/services.ts';
import { brokerNames } from './contract.ts';
import { BROKER_LABEL } from './labels.ts';
import { resolveBroker, secretNames } from './spec.ts';

/**
 * The related objects of a Broker: objects with the names of its children, the Secrets that the spec names, and, for a node
 * port, the pods, whose host addresses are published. Requesting pods makes Metacontroller watch the pods of the whole
 * cluster, so it is done for that Service type only.
 */
export function customizeBroker(parent: Parent): RelatedResourceRule[] {
  const { name, namespace } = parent.metadata;
  const { nats, headless, external, config, auth, server } = brokerNames(name);
  const resolved = resolveBroker(parent);
  const broker = 'path' in resolved ? undefined : resolved;
  const secrets = [auth, server, ...(broker ? secretNames(broker) : [])];
  const { type, exposeMonitor } = broker?.service ?? { type: 'ClusterIP' };
  const services = [
    ...[nats, headless],
    ...(type !== 'ClusterIP' && !exposeMonitor ? [external] : []),
    // Of all servers that there may be: while servers are removed, there are more than the spec has.
    ...(broker ? serverServiceNames(broker, MAX_SIZE) : []),
  ];
  const { apiVersion, resource } = kinds.pod;
  return [
    named(kinds.secret, namespace, secrets),
    named(kinds.configMap, namespace, [config]),
    named(kinds.service, namespace, services),
    named(kinds.statefulSet, namespace, [nats]),
    named(kinds.podDisruptionBudget, namespace, [nats]), // for any size: the servers may still be more than desired
    ...(broker?.natsBox ? [named(kinds.deployment, namespace, [natsBoxName(broker)])] : []),
    ...(broker?.networkPolicy ? [named(kinds.networkPolicy, namespace, [nats])] : []),
    ...(type === 'NodePort'
      ? [{ apiVersion, resource, namespace, labelSelector: { matchLabels: { [BROKER_LABEL]: name } } }]
      : []),
  ];
}
