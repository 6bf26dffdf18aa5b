import type { CustomizeResponse } from '../metacontroller/envelope.ts';
import { wantsDisruptionBudget } from './children/pod-disruption-budget.ts';
import { BROKER_LABEL } from './labels.ts';
import { brokerNames } from './names.ts';
import type { BrokerCustomizeRequest } from './request.ts';
import { resolveBroker } from './spec.ts';

/**
 * What a Broker's sync needs to see besides its children: whoever holds the names of the children, the Secrets that the
 * spec names, and, for a node port, the pods, whose hosts are where it is reached. Asking for pods makes Metacontroller
 * watch the pods of the whole cluster, so it is done for that type only.
 */
export function customizeBroker({ parent }: BrokerCustomizeRequest): CustomizeResponse {
  const { name, namespace } = parent.metadata;
  const { nats, headless, config, auth } = brokerNames(name);
  const resolved = resolveBroker(parent);
  const broker = 'path' in resolved ? undefined : resolved;
  const secrets = [auth, broker?.tls?.secretName, broker?.tokenSecretRef?.name].flatMap((secret) => secret ?? []);
  return {
    relatedResources: [
      { apiVersion: 'v1', resource: 'secrets', namespace, names: [...new Set(secrets)] },
      { apiVersion: 'v1', resource: 'configmaps', namespace, names: [config] },
      { apiVersion: 'v1', resource: 'services', namespace, names: [nats, headless] },
      { apiVersion: 'apps/v1', resource: 'statefulsets', namespace, names: [nats] },
      ...(broker && wantsDisruptionBudget(broker)
        ? [{ apiVersion: 'policy/v1', resource: 'poddisruptionbudgets', namespace, names: [nats] }]
        : []),
      ...(broker?.networkPolicy
        ? [{ apiVersion: 'networking.k8s.io/v1', resource: 'networkpolicies', namespace, names: [nats] }]
        : []),
      ...(broker?.service.type === 'NodePort'
        ? [{ apiVersion: 'v1', resource: 'pods', namespace, labelSelector: { matchLabels: { [BROKER_LABEL]: name } } }]
        : []),
    ],
  };
}
