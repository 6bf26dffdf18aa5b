import { TypeCompiler } from '@sinclair/typebox/compiler';
import { BrokerStatus } from '../api/broker.ts';
import { tagOf } from '../kubernetes/images.ts';
import { selectorString } from '../kubernetes/labels.ts';
import type { Manifest } from '../kubernetes/manifest.ts';
import { withTransitionTimes } from '../metacontroller/conditions.ts';
import type { Parent } from '../metacontroller/envelope.ts';
import type { ObservedPod, ObservedService, ObservedStatefulSet } from '../metacontroller/observed.ts';
import { namesAvailable, type Requirement, ready, specApplied } from '../metacontroller/ready.ts';
import { progressing } from '../metacontroller/rollout.ts';
import { effectiveLoadBalancerClass } from './children/services.ts';
import { NATS_CONTAINER } from './children/stateful-set.ts';
import { resolveEndpoint } from './endpoint.ts';
import type { Broker } from './spec.ts';

const check = TypeCompiler.Compile(BrokerStatus);

/** The parent's last status, `undefined` when it has none or one of another shape. */
export function previousBrokerStatus(parent: Parent): BrokerStatus | undefined {
  return check.Check(parent.status) ? parent.status : undefined;
}

/** What a broker's status is worked out from. */
export interface BrokerObservation {
  service: ObservedService | undefined;
  statefulSet: ObservedStatefulSet | undefined;
  pods: ObservedPod[];
  /** What is said of names that other objects hold. */
  taken: string[];
  /** Set while the broker is to have no pods. */
  hibernation: Requirement | undefined;
}

/** The status of a broker, from what is observed alone: Metacontroller writes it even if a child could not be applied. */
export function brokerStatus(
  parent: Parent,
  broker: Broker,
  selector: Record<string, string>,
  wanted: Manifest | undefined,
  { service, statefulSet, pods, taken, hibernation }: BrokerObservation,
  now: string,
): BrokerStatus {
  const published = previousBrokerStatus(parent)?.endpoint?.external;
  const endpoint = resolveEndpoint(broker, service, pods, published);
  const rollout = progressing(statefulSet, wanted, hibernation ? 0 : broker.size, 'servers');
  const applied = loadBalancerClassApplied(broker, service);
  const names = namesAvailable(taken);
  const said = hibernation ? [hibernation] : [];
  const requirements = [applied, names, ...said, rollout, endpoint.condition];
  const nats = statefulSet?.spec.template?.spec?.containers?.find(({ name }) => name === NATS_CONTAINER);
  const version = nats?.image && tagOf(nats.image);
  const { generation } = parent.metadata;
  return {
    ...(generation !== undefined && { observedGeneration: generation }),
    replicas: statefulSet?.status?.replicas ?? 0,
    readyReplicas: statefulSet?.status?.readyReplicas ?? 0,
    selector: selectorString(selector),
    ...(version && { version }),
    ...(Object.keys(endpoint.addresses).length > 0 && { endpoint: endpoint.addresses }),
    conditions: withTransitionTimes(
      [ready(requirements, 'The broker serves.'), rollout, endpoint.condition, applied, names, ...said],
      parent.status,
      generation,
      now,
    ),
  };
}

function loadBalancerClassApplied(broker: Broker, service: ObservedService | undefined): Requirement {
  const wanted = broker.service.loadBalancerClass;
  const effective = effectiveLoadBalancerClass(broker, service);
  // Without a class in the spec, whichever the cluster has chosen is right.
  if (wanted === undefined || wanted === effective) return specApplied();
  return specApplied({
    reason: 'ImmutableField',
    message: `spec.service.loadBalancerClass can't become ${wanted} while it is ${effective ?? 'unset'}: Kubernetes fixes it as long as the type is LoadBalancer. Set the type to ClusterIP, then back.`,
  });
}
