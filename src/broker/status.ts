import type { BrokerStatus } from '../api/broker.ts';
import type { CertificateProblem } from '../kubernetes/certificates.ts';
import { tagOf } from '../kubernetes/images.ts';
import type { ObservedDeployment, ObservedPod, ObservedStatefulSet } from '../kubernetes/kinds.ts';
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
import { natsBoxName } from './children/nats-box.ts';
import {
  effectiveClusterIP,
  effectiveHealthCheckNodePort,
  effectiveLoadBalancerClass,
  fixedFamily,
} from './children/services.ts';
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
  /** The Deployment of the command line; `undefined` while there is none. */
  natsBox: ObservedDeployment | undefined;
  /** Why the pods do not meet the restricted Pod Security Standard. */
  podSecurity: ConditionInput[];
  /** The same two of the certificates of the routes. */
  routeCertificateProblem: CertificateProblem | undefined;
  routeCertificateExpiry: string | undefined;
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
  const warnings = [
    ...resilience(observation),
    ...certificate(broker, observation),
    ...routes(broker, observation),
    ...observation.podSecurity,
    // While the broker hibernates, nobody expects its command line.
    ...(hibernated.length > 0 ? [] : natsBoxAvailable(broker, observation)),
  ];
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
function deferredServiceChange(
  broker: Broker,
  { service, external, servers = [] }: BrokerServices,
): BrokerProblem | undefined {
  const { loadBalancerClass: desired, ipFamilies = [] } = broker.service;
  const effective = effectiveLoadBalancerClass(broker, external);
  // Without a class in the spec, the one that the cluster has set is accepted.
  if (desired !== undefined && desired !== effective) {
    return {
      reason: 'ImmutableField',
      message: `spec.service.loadBalancerClass can't become ${desired} while it is ${effective ?? 'unset'}: it is immutable while the type is LoadBalancer. Set the type to ClusterIP without a class, and both back when the Service has that type.`,
    };
  }
  const { nats: client } = broker.names;
  const [address, healthCheck] = [effectiveClusterIP(broker, service), effectiveHealthCheckNodePort(broker, external)];
  const { clusterIP, healthCheckNodePort } = broker.service;
  if (clusterIP !== address) {
    return {
      reason: 'ImmutableField',
      message: `spec.service.clusterIP can't become ${clusterIP} while Service ${client} has ${address}. Delete it (kubectl delete service ${client} -n ${broker.namespace}): it is re-created.`,
    };
  }
  if (healthCheckNodePort !== healthCheck) {
    return {
      reason: 'ImmutableField',
      message: `spec.service.healthCheckNodePort can't become ${healthCheckNodePort} while the Service has ${healthCheck}. Remove it and set externalTrafficPolicy to Cluster, and both back when the Service has that policy.`,
    };
  }
  const family = [service, external, ...servers].map((each) => fixedFamily(broker, each)).find((fixed) => fixed);
  if (family === undefined) return undefined;
  const { nats, headless } = broker.names;
  const names = [
    ...[nats, headless],
    ...(external && external !== service ? [broker.names.external] : []),
    ...servers.flatMap((each) => each?.metadata.name ?? []),
  ].join(' ');
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

/** Whether the command line can be used. Nothing else depends on it. */
function natsBoxAvailable(broker: Broker, { natsBox }: BrokerObservation): ConditionInput[] {
  if (!broker.natsBox) return [];
  const [name, { namespace }] = [natsBoxName(broker), broker];
  if ((natsBox?.status?.availableReplicas ?? 0) > 0) {
    const message = `To use it: kubectl exec -it deployment/${name} -n ${namespace} -- nats`;
    return [condition('NatsBoxAvailable', 'True', 'Available', message)];
  }
  const message = `The pod is not ready. If this persists, see kubectl describe pod -l app.kubernetes.io/instance=${name} -n ${namespace}.`;
  return [condition('NatsBoxAvailable', 'False', 'Unavailable', message)];
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

/** Whether the servers accept the certificates of each other; one that they would never accept is not applied. */
function routes(
  { routesSecret, size }: Broker,
  { routeCertificateProblem: problem, routeCertificateExpiry: expiry }: BrokerObservation,
): ConditionInput[] {
  if (!routesSecret || size === 1) return [];
  const secret = `the certificate of Secret ${routesSecret}`;
  if (problem) {
    const reason = problem.reason === 'Expired' ? 'Expired' : 'NotYetValid';
    return [condition('RouteCertificateValid', 'False', reason, `The servers refuse ${secret}: ${problem.message}`)];
  }
  return expiry
    ? [condition('RouteCertificateValid', 'True', 'ExpiresSoon', `The servers accept ${secret} now, but ${expiry}`)]
    : [condition('RouteCertificateValid', 'True', 'Valid', `The servers accept ${secret}.`)];
}
