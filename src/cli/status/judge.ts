import { Type } from '@sinclair/typebox';
import { BrokerStatus, brokerDefaults } from '../../api/broker.ts';
import { meshSyncDefaults, MeshSyncStatus as ReportedMeshSync } from '../../api/meshsync.ts';
import { conditionsOf } from '../../metacontroller/conditions.ts';
import { compiled } from '../../schema/compiled.ts';
import type { Event, Pod, Resource } from '../cluster/objects.ts';
import { type Belongings, belongingsOf } from './belongings.ts';
import { childrenOf } from './children.ts';
import { judgeConditions } from './conditions.ts';
import { type Details, keyOf } from './details.ts';
import { type EventIndex, indexEvents, messageOf, recentEvents } from './events.ts';
import type { Snapshot } from './gather.ts';
import { liveStatus } from './live.ts';
import { meshSyncStatus } from './meshsync.ts';
import type { MeshSyncStatus, Reported, ResourceStatus, Status } from './model.ts';
import { podStatus } from './pods.ts';

const hasSize = compiled(Type.Object({ size: Type.Integer() }));
const statuses = { Broker: compiled(BrokerStatus), MeshSync: compiled(ReportedMeshSync) };

/** What a snapshot of a cluster says about its Brokers and MeshSyncs. */
export function judge(snapshot: Snapshot, details: Details): Status {
  const belongings = belongingsOf(snapshot);
  const events = indexEvents(snapshot.events);
  const pulls = indexEvents(snapshot.pulls);
  const resources = snapshot.resources.map((resource) =>
    resourceStatus(resource, belongings(resource), { snapshot, details, events, pulls }),
  );
  return {
    context: snapshot.context,
    ready: resources.length > 0 && resources.every(({ ready }) => ready),
    resources,
    notes: [...new Set([...snapshot.notes, ...details.notes])],
  };
}

interface Evidence {
  snapshot: Snapshot;
  details: Details;
  events: EventIndex;
  pulls: EventIndex;
}

function resourceStatus(
  resource: Resource,
  owned: Belongings,
  { snapshot, details, events, pulls }: Evidence,
): ResourceStatus {
  const { kind, metadata } = resource;
  const judged = judgeConditions(resource);
  const meshSync = kind === 'MeshSync' ? meshSyncStatus(resource, snapshot) : undefined;
  const { size, readyReplicas = 0, version } = reportedStatus(resource);
  const desiredPods = judged.hibernated ? 0 : size;
  const pods = owned.pods.map((pod) =>
    podStatus(pod, {
      events: [...events.of(pod.metadata.uid), ...eventsOfClaims(pod, events)],
      pulls: pulls.of(pod.metadata.uid),
      log: (container) => details.logs.get(`${keyOf(pod)}/${container}`) ?? [],
    }),
  );
  const ofWorkload = [owned.workload, ...owned.replicaSets].flatMap((each) => events.of(each?.metadata.uid));
  const ofPods = owned.pods.flatMap((pod) => [...events.of(pod.metadata.uid), ...eventsOfClaims(pod, events)]);
  return {
    kind,
    namespace: metadata.namespace,
    name: metadata.name,
    ...(metadata.creationTimestamp && { created: metadata.creationTimestamp }),
    ...judged,
    conditions: judged.conditions.filter((condition) => !isOfUnusedList(condition, resource, meshSync)),
    desiredPods,
    readyPods: readyReplicas,
    ...(version && { version }),
    children: childrenOf(resource, owned.children, snapshot),
    refusals: owned.pods.length < desiredPods ? refusals(owned, ofWorkload) : [],
    pods,
    events: recentEvents(
      [...events.of(metadata.uid), ...ofWorkload, ...ofPods],
      judged.ready ? readySince(resource) : '',
    ),
    ...(kind === 'Broker' && { broker: brokerStatus(resource, owned.pods, details) }),
    ...(meshSync && { meshSync }),
  };
}

/** A warning about the list of a MeshSync that does not count, since that of another is in force. */
function isOfUnusedList({ type, status }: Reported, { metadata }: Resource, meshSync: MeshSyncStatus | undefined) {
  if (!meshSync || type !== 'WatchListValid' || status !== 'True') return false;
  const { kind, source } = meshSync.watchList;
  return kind !== 'default' && source !== `${metadata.namespace}/${metadata.name}`;
}

/** Since when a resource is as Ready as it is: probes and syncs fail while programs start. */
function readySince({ status }: Resource): string {
  return conditionsOf(status).find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '';
}

function reportedStatus(resource: Resource): { size: number; readyReplicas?: number; version?: string } {
  const { spec, status } = resource;
  const fallback = resource.kind === 'Broker' ? brokerDefaults.size : meshSyncDefaults.size;
  const size = hasSize.Check(spec) ? spec.size : fallback;
  return statuses[resource.kind].Check(status) ? { ...status, size } : { size };
}

function brokerStatus(resource: Resource, pods: Pod[], { servers }: Details): NonNullable<ResourceStatus['broker']> {
  const { internal, external } = statuses.Broker.Check(resource.status) ? (resource.status.endpoint ?? {}) : {};
  const monitored = pods.flatMap((pod) => {
    const answers = servers.get(keyOf(pod));
    return answers ? [[pod.metadata.name, answers] satisfies [string, typeof answers]] : [];
  });
  return {
    ...(internal && { internal }),
    ...(external && { external }),
    ...(monitored.length > 0 && { live: liveStatus(monitored) }),
  };
}

/** Why Kubernetes does not create pods: a quota or a policy, for example. */
function refusals({ workload }: Belongings, events: Event[]): string[] {
  const failure = workload?.status?.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  );
  if (failure?.message) return [failure.message];
  const [latest] = events.filter(({ reason }) => reason === 'FailedCreate');
  return latest ? [messageOf(latest)] : [];
}

function eventsOfClaims({ metadata, spec }: Pod, events: EventIndex): Event[] {
  return (spec.volumes ?? []).flatMap(({ persistentVolumeClaim: claim }) =>
    claim ? events.named('PersistentVolumeClaim', metadata.namespace ?? '', claim.claimName) : [],
  );
}
