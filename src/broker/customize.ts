import { kinds } from '../kubernetes/kinds.ts';
import type { Parent } from '../metacontroller/request.ts';
import { named, type RelatedResourceRule } from '../metacontroller/response.ts';
import { brokerNames } from './contract.ts';
import { BROKER_LABEL } from './labels.ts';
import { resolveBroker } from './spec.ts';

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
  const secrets = [auth, server, broker?.tls?.secretName, broker?.tokenSecretRef?.name].flatMap(
    (secret) => secret ?? [],
  );
  const { type, exposeMonitor } = broker?.service ?? { type: 'ClusterIP' };
  const { apiVersion, resource } = kinds.pod;
  return [
    named(kinds.secret, namespace, secrets),
    named(kinds.configMap, namespace, [config]),
    named(kinds.service, namespace, [nats, headless, ...(type !== 'ClusterIP' && !exposeMonitor ? [external] : [])]),
    named(kinds.statefulSet, namespace, [nats]),
    named(kinds.podDisruptionBudget, namespace, [nats]), // for any size: the servers may still be more than desired
    ...(broker?.networkPolicy ? [named(kinds.networkPolicy, namespace, [nats])] : []),
    ...(type === 'NodePort'
      ? [{ apiVersion, resource, namespace, labelSelector: { matchLabels: { [BROKER_LABEL]: name } } }]
      : []),
  ];
}
