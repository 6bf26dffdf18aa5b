import type { ObservedStatefulSet } from '../kubernetes/kinds.ts';
import { recommendedLabels } from '../kubernetes/labels.ts';
import { type BrokerNames, brokerNames } from './contract.ts';

/** Value of `app.kubernetes.io/name` by which Meshery Server finds broker pods. */
const NAME = 'nats';

/** Label of a broker's pods that no selector of an existing StatefulSet can override: the name of the Broker. */
export const BROKER_LABEL = 'meshery.io/broker';

/** A broker as far as labels go. */
interface NamedBroker {
  name: string;
  names: BrokerNames;
}

/** Labels of every child of a broker. */
export function brokerLabels({ names }: Pick<NamedBroker, 'names'>): Record<string, string> {
  return recommendedLabels(NAME, names.nats, NAME);
}

/** Labels of all broker pods, whatever the spec. */
export const podLabelKeys = [...Object.keys(brokerLabels({ names: brokerNames('') })), BROKER_LABEL];

/**
 * Labels that select a broker's pods, for the StatefulSet and the Services alike. The selector of an
 * existing StatefulSet is immutable, so it is kept.
 */
export function podSelector(broker: NamedBroker, observed: ObservedStatefulSet | undefined): Record<string, string> {
  return (
    observed?.spec.selector?.matchLabels ?? {
      'app.kubernetes.io/component': NAME,
      'app.kubernetes.io/instance': broker.names.nats,
      'app.kubernetes.io/name': NAME,
    }
  );
}

/** Labels of a broker's pods; they satisfy the selector. */
export function podLabels(broker: NamedBroker, selector: Record<string, string>): Record<string, string> {
  return { ...brokerLabels(broker), [BROKER_LABEL]: broker.name, ...selector };
}
