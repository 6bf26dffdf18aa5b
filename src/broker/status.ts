import { BrokerStatus } from '../api/broker.ts';
import { compiled } from '../api/compiled.ts';
import type { CertificateProblem } from '../kubernetes/certificates.ts';
import { tagOf } from '../kubernetes/images.ts';
import { selectorString } from '../kubernetes/labels.ts';
import type { Manifest } from '../kubernetes/manifest.ts';
import { type ConditionInput, conditionsOf, withTransitionTimes } from '../metacontroller/conditions.ts';
import type { Parent } from '../metacontroller/envelope.ts';
import type { ObservedPod, ObservedService, ObservedStatefulSet } from '../metacontroller/observed.ts';
import { namesAvailable, type Requirement, ready, specApplied } from '../metacontroller/ready.ts';
import { progressing, replicaCounts } from '../metacontroller/rollout.ts';
import { effectiveLoadBalancerClass, fixedFamily } from './children/services.ts';
import { NATS_CONTAINER } from './children/stateful-set.ts';
import { resolveEndpoint, unpublishedEndpoint } from './endpoint.ts';
import type { Feasible } from './in-place.ts';
import { brokerHost } from './nats.ts';
import type { Broker } from './spec.ts';

const check = compiled(BrokerStatus);

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
  /** What of the spec the StatefulSet is not asked for. */
  heldBack: Feasible['heldBack'];
  /** Why clients in the cluster refuse the certificate, where there is one that they refuse. */
  certificateProblem: CertificateProblem | undefined;
  /** Set while the broker is to have no pods. */
  hibernation: Requirement | undefined;
}

/**
 * The status of a broker, from what is observed alone: Metacontroller writes it even if a child could not be applied.
 * @param previous its last status, `undefined` when it was of no use
 */
export function brokerStatus(
  parent: Parent,
  previous: BrokerStatus | undefined,
  broker: Broker,
  selector: Record<string, string>,
  wanted: Manifest | undefined,
  { service, statefulSet, pods, taken, heldBack, certificateProblem, hibernation }: BrokerObservation,
  now: Date,
): BrokerStatus {
  const size = hibernation ? 0 : broker.size;
  const { replicas, readyReplicas } = replicaCounts(statefulSet, wanted ? size : 0);
  const published = previous?.endpoint;
  const endpoint =
    published?.internal || published?.external || readyReplicas > 0
      ? resolveEndpoint(broker, service, pods, published?.external)
      : unpublishedEndpoint();
  const rollout = progressing(statefulSet, wanted, size, 'servers');
  const applied = specApplied(heldBack ?? serviceHeldBack(broker, service));
  const names = namesAvailable(taken);
  const said = hibernation ? [hibernation] : [];
  const requirements = [applied, names, ...said, rollout, endpoint.condition];
  const warnings = [...resilience(broker), ...certificate(broker, certificateProblem)];
  const nats = statefulSet?.spec.template?.spec?.containers?.find(({ name }) => name === NATS_CONTAINER);
  const image = nats?.image ?? (wanted && broker.nats.image);
  const version = image && tagOf(image);
  const { generation } = parent.metadata;
  return {
    replicas,
    readyReplicas,
    desiredReplicas: size,
    clustered: (statefulSet?.spec.replicas ?? replicas) > 1,
    selector: selectorString(selector),
    ...(generation !== undefined && { observedGeneration: generation }),
    ...(version && { version }),
    ...(Object.keys(endpoint.addresses).length > 0 && { endpoint: endpoint.addresses }),
    conditions: withTransitionTimes(
      [ready(requirements, 'The broker serves.'), rollout, endpoint.condition, applied, names, ...warnings, ...said],
      previous?.conditions ?? conditionsOf(parent.status),
      parent.metadata,
      now,
    ),
  };
}

/** What of the spec the client Service can't be given. */
function serviceHeldBack(broker: Broker, service: ObservedService | undefined): Feasible['heldBack'] {
  const { loadBalancerClass: wanted, ipFamilies = [] } = broker.service;
  const effective = effectiveLoadBalancerClass(broker, service);
  // Without a class in the spec, whichever the cluster has chosen is right.
  if (wanted !== undefined && wanted !== effective) {
    return {
      reason: 'ImmutableField',
      message: `spec.service.loadBalancerClass can't become ${wanted} while it is ${effective ?? 'unset'}: Kubernetes fixes it as long as the type is LoadBalancer. Set the type to ClusterIP, then back.`,
    };
  }
  const family = fixedFamily(broker, service);
  if (family === undefined) return undefined;
  const { nats, headless } = broker.names;
  return {
    reason: 'ImmutableField',
    message: `spec.service.ipFamilies can't begin with ${ipFamilies[0]} while the Services have ${family}. Delete them (kubectl delete service ${nats} ${headless} -n ${broker.namespace}): they are made anew.`,
  };
}

/** How many failures JetStream outlives: it needs a majority of its servers. */
function resilience({ size, jetStream }: Broker): ConditionInput[] {
  if (!jetStream) return [];
  const spare = Math.floor((size - 1) / 2);
  const type = 'JetStreamResilient';
  if (size === 1) {
    const message =
      'There is one server: while it restarts, streams wait. For servers that stand in, make a Broker with size 3.';
    return [{ type, status: 'False', reason: 'SingleServer', message }];
  }
  if (size === 2) {
    const message = 'Of two servers both are needed for a majority: without either, streams stop. Use 3.';
    return [{ type, status: 'False', reason: 'NoQuorumWithoutBoth', message }];
  }
  const wasteful = size % 2 === 0 ? `, no more than ${size - 1} would` : '';
  const message = `Streams with a replica on each of ${size} servers outlive ${spare} of them${wasteful}.`;
  return [{ type, status: 'True', reason: size % 2 === 0 ? 'EvenSize' : 'Quorum', message }];
}

/** Whether clients in the cluster, MeshSync among them, can trust the certificate. */
function certificate({ tls, names, namespace }: Broker, problem: CertificateProblem | undefined): ConditionInput[] {
  if (!tls) return [];
  const type = 'CertificateCoversService';
  if (!problem) {
    const message = `The certificate is good for ${brokerHost(names.nats, namespace)}.`;
    return [{ type, status: 'True', reason: 'Covered', message }];
  }
  const { reason, message } = problem;
  const refused = `MeshSync and other clients in the cluster refuse the certificate of Secret ${tls.secretName}`;
  return [{ type, status: 'False', reason, message: `${refused}: ${message}` }];
}
