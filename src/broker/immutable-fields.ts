import { isDeepStrictEqual } from 'node:util';
import { MAX_SIZE } from '../api/broker.ts';
import type { CommonMetadata } from '../kubernetes/common-metadata.ts';
import type { ObservedStatefulSet } from '../kubernetes/kinds.ts';
import { bytes, canonicalQuantity, compareQuantities } from '../schema/quantity.ts';
import type { BrokerProblem } from './conditions.ts';
import {
  DATA_VOLUME,
  dataClaim,
  hasPersistentStore,
  isSameMode,
  keptMaxSize,
  type LastJetStream,
  opensVolumes,
} from './jetstream.ts';
import { ACCEPT_STREAM_LOSS, type Broker, type JetStream } from './spec.ts';

/** A Broker that can be applied to the observed StatefulSet. */
interface ApplicableBroker {
  broker: Broker;
  /** The change of the spec that is deferred, and what to do about it. */
  deferredChange?: BrokerProblem;
}

/**
 * Keeps the immutable fields of an observed StatefulSet, and the streams on the volumes of one that may be deleted. A change is
 * deferred when Kubernetes would reject it on every sync (volume claim templates), or when NATS would lose streams (between a
 * single server and a cluster). While streams would be lost, no other advice is given: some of it deletes the StatefulSet.
 * Scaling down removes one server at a time, each of which moves its clients to the remaining ones before the next is removed.
 */
export function withImmutableFields(
  broker: Broker,
  observed: ObservedStatefulSet | undefined,
  last: LastJetStream,
): ApplicableBroker {
  const { jetStream: desired, ...rest } = broker;
  const { jetStream, deferredChange: deferredStorage } = withExistingVolumes(broker, observed);
  const { size, keepsVolumesClosed, deferredChange: deferredSize } = withStreams(broker, observed, last);
  const applicable = keepsVolumesClosed ? withoutVolumes(desired, observed) : withLimit(jetStream, last);
  const deferredChange = deferredSize ?? deferredStorage;
  return {
    broker: { ...rest, size, ...(applicable && { jetStream: applicable }) },
    ...(deferredChange && { deferredChange }),
  };
}

/** JetStream on the existing volumes of the StatefulSet: its volume claim templates are immutable. */
function withExistingVolumes(
  broker: Broker,
  observed: ObservedStatefulSet | undefined,
): { jetStream?: JetStream; deferredChange?: BrokerProblem } {
  const { jetStream } = broker;
  const desired = jetStream?.fileStore;
  if (!desired || !observed) return jetStream ? { jetStream } : {};
  const { nats } = broker.names;
  const immutable = (message: string): BrokerProblem => ({ reason: 'ImmutableField', message });
  const template = dataClaim(observed);
  if (desired.inMemory) {
    if (!template) return { jetStream };
    const message = `spec.jetstream.fileStore.medium can't become Memory while StatefulSet ${nats} has volumes. Back the streams up, then delete it (${deletion(broker)}): it is re-created without volumes. The claims are kept, unless whenDeleted is Delete.`;
    return { jetStream: withClaim(jetStream, desired, template), deferredChange: immutable(message) };
  }
  if (!template) {
    const message = `spec.jetstream.fileStore can't be added to StatefulSet ${nats}, which was created without volumes. Delete it (${deletion(broker)}): it is re-created with volumes.`;
    const applicable = withoutVolumes(jetStream, observed);
    return { ...(applicable && { jetStream: applicable }), deferredChange: immutable(message) };
  }
  const { storageClassName } = template.spec ?? {};
  const applicable = withClaim(jetStream, desired, template);
  const { size } = applicable.fileStore;
  const orphan = `delete the StatefulSet without its pods (${deletion(broker)} --cascade=orphan): they keep running, and the re-created StatefulSet adopts them`;
  if (bytes(desired.size) < bytes(size)) {
    const message = `spec.jetstream.fileStore.size can't become ${desired.size}: volumes can't shrink. Set it back to ${size}; to use less of the volumes, set maxSize.`;
    return { jetStream: applicable, deferredChange: immutable(message) };
  }
  if (desired.size !== size) {
    const message = `spec.jetstream.fileStore.size can't become ${desired.size} while StatefulSet ${nats} claims ${size}. To expand the volumes, set the size of the PersistentVolumeClaims ${DATA_VOLUME}-${nats}-*; when all of them have it, ${orphan}. If their StorageClass does not allow volume expansion, set the size back.`;
    return { jetStream: applicable, deferredChange: immutable(message) };
  }
  if (desired.storageClassName !== undefined && desired.storageClassName !== storageClassName) {
    const message = `spec.jetstream.fileStore.storageClassName can't become ${className(desired.storageClassName)} while StatefulSet ${nats} claims ${className(storageClassName)}. Existing volumes keep theirs; for new ones, ${orphan}. Otherwise, remove the field.`;
    return { jetStream: applicable, deferredChange: immutable(message) };
  }
  if (desired.metadata && !hasMetadata(template.metadata, desired.metadata)) {
    const message = `spec.jetstream.fileStore.labels and annotations can't change in StatefulSet ${nats}. Set them on the existing claims (kubectl label, kubectl annotate pvc -n ${broker.namespace} -l app.kubernetes.io/instance=${nats}); then ${orphan}, for new claims.`;
    return { jetStream: applicable, deferredChange: immutable(message) };
  }
  return { jetStream: applicable };
}

/** Whether a claim template has these labels and annotations, and no others. */
function hasMetadata({ labels = {}, annotations = {} }: CommonMetadata, desired: CommonMetadata): boolean {
  return isDeepStrictEqual({ labels, annotations }, { labels: {}, annotations: {}, ...desired });
}

type FileStore = NonNullable<JetStream['fileStore']>;

/** JetStream on the volumes of an existing claim template. */
function withClaim(
  jetStream: JetStream,
  { maxSize, storageClassName: _class, inMemory: _medium, ...others }: FileStore,
  { spec = {} }: NonNullable<ReturnType<typeof dataClaim>>,
): JetStream & { fileStore: FileStore } {
  const { storageClassName, resources } = spec;
  const size = canonicalQuantity(resources?.requests?.storage ?? others.size);
  return {
    ...jetStream,
    fileStore: {
      ...others,
      size,
      ...(storageClassName !== undefined && { storageClassName }),
      ...(maxSize && (maxSize.endsWith('%') || compareQuantities(maxSize, size) <= 0) && { maxSize }),
    },
  };
}

function className(storageClassName: string | undefined): string {
  return storageClassName === '' ? 'no class (the empty string)' : (storageClassName ?? "the cluster's default");
}

/** JetStream with the last limit, where the spec has none and the last one is to be kept. */
function withLimit(jetStream: JetStream | undefined, last: LastJetStream): JetStream | undefined {
  const { fileStore } = jetStream ?? {};
  const maxSize = fileStore && !fileStore.maxSize && keptMaxSize(fileStore.size, last);
  return fileStore && maxSize ? { ...jetStream, fileStore: { ...fileStore, maxSize } } : jetStream;
}

/** JetStream that does not open the volumes of streams: in memory only, and not at all where the StatefulSet mounts them. */
function withoutVolumes(
  jetStream: JetStream | undefined,
  observed: ObservedStatefulSet | undefined,
): JetStream | undefined {
  if (!jetStream?.memoryStore || dataClaim(observed)) return undefined;
  const { fileStore: _volumes, ...rest } = jetStream;
  return rest;
}

/** The next size that keeps the streams, and whether JetStream must not open their volumes yet. */
function withStreams(
  broker: Broker,
  observed: ObservedStatefulSet | undefined,
  { streamServers }: LastJetStream,
): { size: number; keepsVolumesClosed?: boolean; deferredChange?: BrokerProblem } {
  const { size, jetStream, acceptsStreamLoss } = broker;
  const next = nextSize(size, observed);
  if (streamServers === undefined) return { size: next };
  const isKept = isSameMode(streamServers, size);
  if (!isKept && acceptsStreamLoss) return { size: next };
  const running = runningServers(observed) || undefined; // none while it hibernates
  // Where somebody else scaled the StatefulSet, the next step may be of the other mode.
  const kept = [next, size, running].find((each) => each && isSameMode(streamServers, each)) ?? streamServers;
  const usesVolumes = hasPersistentStore(jetStream) || (jetStream && dataClaim(observed));
  // The mode stays until no pod has the volumes open any more, not even one whose StatefulSet was deleted without it. A
  // template of the other mode tells that none had when it was applied.
  const isOtherMode = observed && !isSameMode(streamServers, isClustered(observed) ? 2 : 1);
  const isClosed = observed && !opensVolumes(observed) && (isOtherMode || isSettled(observed));
  if (!usesVolumes) return { size: isClosed ? next : kept };
  if (observed && !opensVolumes(observed)) {
    if (isClosed && isKept && isSameMode(streamServers, running ?? next)) return { size: next };
    const what = 'The volumes are not used';
    return {
      size: isClosed ? next : kept,
      keepsVolumesClosed: true,
      ...(!isKept && { deferredChange: streamsWouldBeLost(broker, streamServers, what) }),
    };
  }
  if (!isKept) {
    const what = `spec.size can't change from ${streamServers} to ${size}`;
    return { size: streamServers, deferredChange: streamsWouldBeLost(broker, streamServers, what) };
  }
  return { size: kept };
}

function streamsWouldBeLost({ name, namespace, size }: Broker, servers: number, what: string): BrokerProblem {
  const mode = servers === 1 ? 'a single server' : `a cluster of ${servers} servers`;
  const message = `${what}: the volumes have the streams of ${mode}, and NATS drops them when a single server becomes a cluster, or a cluster a single server. Set spec.size back to ${servers}. To change it all the same, back the streams up first (nats account backup), accept their loss (kubectl annotate broker ${name} -n ${namespace} --overwrite ${ACCEPT_STREAM_LOSS}=${size}), and restore them.`;
  return { reason: 'StreamsWouldBeLost', message };
}

/** The servers of a StatefulSet; more than a Broker may have, as after `kubectl scale`, are removed at once. */
function runningServers(observed: ObservedStatefulSet | undefined): number | undefined {
  const { replicas } = observed?.spec ?? {};
  return replicas === undefined ? undefined : Math.min(replicas, MAX_SIZE);
}

function nextSize(size: number, observed: ObservedStatefulSet | undefined): number {
  const running = runningServers(observed) ?? size;
  if (!observed || size >= running) return size;
  return isScaled(observed, running) ? running - 1 : running;
}

function isScaled({ metadata, status }: ObservedStatefulSet, running: number): boolean {
  const { replicas: existing = 0, observedGeneration = 0 } = status ?? {};
  return existing <= running && observedGeneration >= (metadata.generation ?? 0);
}

/** Whether the template of the pods is of servers that form a cluster. */
function isClustered({ spec }: ObservedStatefulSet): boolean {
  return Boolean(spec.template?.spec?.containers?.some(({ ports }) => ports?.some(({ name }) => name === 'cluster')));
}

/** Whether all pods are those of the current template. */
function isSettled(observed: ObservedStatefulSet): boolean {
  const { replicas = 0, updatedReplicas = 0 } = observed.status ?? {};
  return isScaled(observed, observed.spec.replicas ?? 1) && updatedReplicas >= replicas;
}

function deletion({ names, namespace }: Broker): string {
  return `kubectl delete statefulset ${names.nats} -n ${namespace}`;
}
