import type { BrokerStatus } from '../api/broker.ts';
import type { CertificateProblem } from '../kubernetes/certificates.ts';
import { tagOf } from '../kubernetes/images.ts';
import type { ObservedPod, ObservedStatefulSet } from '../kubernetes/kinds.ts';
import { selectorString } from '../kubernetes/labels.ts';
import { progressing, replicaCounts } from '../kubernetes/rollout.ts';
import { childrenCreated } from '../metacontroller/children-created.ts';
import {
  type ConditionInput,
  conditionsOf,
  type NameConflict,
  namesAvailable,
  ready,
  specApplied,
  withTransitionTimes,
} from '../metacontroller/conditions.ts';
import { hibernation } from '../metacontroller/lifecycle.ts';
import type { Manifest } from '../metacontroller/object.ts';
import type { Parent } from '../metacontroller/request.ts';
import { effectiveLoadBalancerClass, fixedFamily } from './children/services.ts';
import { NATS_CONTAINER } from './children/stateful-set.ts';
import { type BrokerProblem, condition } from './conditions.ts';
import { brokerHost } from './contract.ts';
import { type BrokerServices, resolveEndpoint, unpublishedEndpoint } from './endpoint.ts';
import { JETSTREAM_PEERS_ANNOTATION } from './jetstream.ts';
import type { Broker } from './spec.ts';

/** The observed state that a broker's status is computed from. */
export interface BrokerObservation {
  /** Labels that select the pods. */
  selector: Record<string, string>;
  services: BrokerServices;
  statefulSet: ObservedStatefulSet | undefined;
  /** The StatefulSet of the response, `undefined` when there is none. */
  desired: Manifest | undefined;
  pods: ObservedPod[];
  nameConflicts: NameConflict[];
  /** The broker as it is applied: without the deferred change. */
  applied: Broker;
  /** How many servers count for the majority of JetStream. */
  jetStreamPeers: number;
  /** The change of the spec that is not applied to the StatefulSet. */
  deferredChange: BrokerProblem | undefined;
  /** Why clients in the cluster refuse the certificate, where there is one that they refuse. */
  certificateProblem: CertificateProblem | undefined;
  /** Which certificate that they accept expires soon. */
  certificateExpiry: string | undefined;
  /** The children of the response that are not observed yet. */
  missing: string[];
}

/** The status of a broker, from the observed state alone: Metacontroller writes it even if a child could not be applied. */
export function brokerStatus(
  { parent, lastStatus }: { parent: Parent; lastStatus: BrokerStatus | undefined },
  broker: Broker,
  observation: BrokerObservation,
  now: Date,
): BrokerStatus {
  const { selector, services, statefulSet, desired, pods } = observation;
  const hibernated = hibernation(parent);
  const size = hibernated.length > 0 ? 0 : broker.size;
  const { replicas, readyReplicas } = replicaCounts(statefulSet, desired ? size : 0);
  const published = lastStatus?.endpoint;
  const endpoint =
    published?.internal || published?.external || readyReplicas > 0
      ? resolveEndpoint(broker, services, pods, published?.external)
      : unpublishedEndpoint();
  const rollout = withEvents(progressing(statefulSet, desired, size, 'servers'), broker);
  const applied = specApplied(observation.deferredChange ?? deferredServiceChange(broker, services));
  const names = namesAvailable(observation.nameConflicts);
  const summary = (created: ConditionInput[]) =>
    ready([applied, names, ...hibernated, ...created, rollout, endpoint.condition], 'The broker is serving.');
  const created = childrenCreated(parent, observation.missing, summary([]), now);
  const warnings = [...resilience(observation), ...certificate(broker, observation)];
  const nats = statefulSet?.spec.template?.spec?.containers?.find(({ name }) => name === NATS_CONTAINER);
  const image = nats?.image ?? (desired && broker.nats.image);
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
      [summary(created), rollout, endpoint.condition, applied, names, ...created, ...warnings, ...hibernated],
      conditionsOf(parent.status),
      parent.metadata,
      now,
    ),
  };
}

/** A StatefulSet has no condition that tells why its pods are not created, only Events. */
function withEvents(progress: ConditionInput, { names, namespace }: Broker): ConditionInput {
  if (progress.reason !== 'Starting') return progress;
  const events = `kubectl describe statefulset ${names.nats} -n ${namespace}`;
  return { ...progress, message: `${progress.message} If pods are missing, the Events say why: ${events}.` };
}

/** The change of the spec that can't be applied to the Services. */
function deferredServiceChange(broker: Broker, { service, external }: BrokerServices): BrokerProblem | undefined {
  const { loadBalancerClass: desired, ipFamilies = [] } = broker.service;
  const effective = effectiveLoadBalancerClass(broker, external);
  // Without a class in the spec, the one that the cluster has set is accepted.
  if (desired !== undefined && desired !== effective) {
    return {
      reason: 'ImmutableField',
      message: `spec.service.loadBalancerClass can't become ${desired} while it is ${effective ?? 'unset'}: it is immutable while the type is LoadBalancer. Set the type to ClusterIP without a class, and both back when the Service has that type.`,
    };
  }
  const family = fixedFamily(broker, service) ?? fixedFamily(broker, external);
  if (family === undefined) return undefined;
  const { nats, headless } = broker.names;
  const names = [nats, headless, ...(external && external !== service ? [broker.names.external] : [])].join(' ');
  return {
    reason: 'ImmutableField',
    message: `spec.service.ipFamilies can't begin with ${ipFamilies[0]} while the Services have ${family}. Delete them (kubectl delete service ${names} -n ${broker.namespace}): they are re-created.`,
  };
}

/** How many failed servers JetStream tolerates: it needs a majority. */
function resilience({ applied, jetStreamPeers: peers }: BrokerObservation): ConditionInput[] {
  const { size, names, namespace, jetStream } = applied;
  if (!jetStream) return [];
  const majority = Math.floor(peers / 2) + 1;
  if (peers > size) {
    const left =
      size < majority
        ? `${size} are left, so it is unavailable. Set spec.size to ${majority}, then remove`
        : `${size} are left, so it tolerates the failure of ${size - majority}. Remove`;
    const message = `JetStream counts ${peers} servers and needs ${majority} of them: ${left} the others from the cluster (nats server cluster peer-remove, see docs/production.md), and then the annotation: kubectl annotate statefulset ${names.nats} -n ${namespace} ${JETSTREAM_PEERS_ANNOTATION}-`;
    return [condition('JetStreamResilient', 'False', 'RemovedServersCount', message)];
  }
  if (size === 1) {
    const message =
      'There is one server: streams are unavailable while it restarts. For redundancy, create a Broker with size 3.';
    return [condition('JetStreamResilient', 'False', 'SingleServer', message)];
  }
  if (size === 2) {
    const message = 'A majority of two servers needs both: streams are unavailable while either is down. Use 3.';
    return [condition('JetStreamResilient', 'False', 'NoQuorumWithoutBoth', message)];
  }
  const spare = Math.floor((size - 1) / 2);
  const isEven = size % 2 === 0;
  const wasteful = isEven ? `, no more than with ${size - 1} servers` : '';
  const message = `Streams with a replica on each of ${size} servers tolerate the failure of ${spare}${wasteful}.`;
  return [condition('JetStreamResilient', 'True', isEven ? 'EvenSize' : 'Quorum', message)];
}

/** Whether clients in the cluster, MeshSync among them, can trust the certificate. */
function certificate(
  { tls, names, namespace }: Broker,
  { certificateProblem: problem, certificateExpiry: expiry }: BrokerObservation,
): ConditionInput[] {
  if (!tls) return [];
  if (!problem && expiry) {
    const accepted = `Clients accept the certificate of Secret ${tls.secretName} now`;
    return [condition('CertificateCoversService', 'True', 'ExpiresSoon', `${accepted}, but ${expiry}`)];
  }
  if (!problem) {
    const message = `The certificate is valid for ${brokerHost(names.nats, namespace)}.`;
    return [condition('CertificateCoversService', 'True', 'Covered', message)];
  }
  const refused = `MeshSync and other clients in the cluster refuse the certificate of Secret ${tls.secretName}`;
  return [condition('CertificateCoversService', 'False', problem.reason, `${refused}: ${problem.message}`)];
}
