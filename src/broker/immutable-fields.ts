import type { ObservedStatefulSet } from '../kubernetes/kinds.ts';
import { bytes, canonicalQuantity } from '../schema/quantity.ts';
import type { BrokerProblem } from './conditions.ts';
import { lastJetStreamState } from './jetstream.ts';
import type { Broker, JetStream } from './spec.ts';

/** Name of the volume of streams, and of its volume claim template. */
export const DATA_VOLUME = 'data';

/** A Broker that can be applied to the observed StatefulSet. */
interface ApplicableBroker {
  broker: Broker;
  /** The change of the spec that is deferred, and what to do about it. */
  deferredChange?: BrokerProblem;
}

/**
 * Keeps the immutable fields of an observed StatefulSet. A change is deferred when Kubernetes would reject it on every sync
 * (volume claim templates), or when NATS would lose streams (between a single server and a cluster). Scaling down removes one
 * server at a time, each of which moves its clients to the remaining ones before the next is removed.
 */
export function withImmutableFields(broker: Broker, observed: ObservedStatefulSet | undefined): ApplicableBroker {
  if (!observed) return { broker };
  const { jetStream, deferredChange: deferredStorage } = withExistingVolumes(broker, observed);
  const { size, deferredChange: deferredSize } = nextSize(broker, observed);
  const deferredChange = deferredStorage ?? deferredSize;
  const { jetStream: _desired, ...rest } = broker;
  return { broker: { ...rest, size, ...(jetStream && { jetStream }) }, ...(deferredChange && { deferredChange }) };
}

/** JetStream on the existing volumes of the StatefulSet: its volume claim templates are immutable. */
function withExistingVolumes(
  broker: Broker,
  observed: ObservedStatefulSet,
): { jetStream?: JetStream; deferredChange?: BrokerProblem } {
  const { jetStream } = broker;
  const desired = jetStream?.fileStore;
  if (!desired) return jetStream ? { jetStream } : {};
  const { nats } = broker.names;
  const immutable = (message: string): BrokerProblem => ({ reason: 'ImmutableField', message });
  const claim = observed.spec.volumeClaimTemplates?.find(({ metadata }) => metadata.name === DATA_VOLUME)?.spec;
  if (!claim) {
    const { fileStore: _fileStore, ...others } = jetStream;
    const message = `spec.jetstream.fileStore can't be added to StatefulSet ${nats}, which was created without volumes. Delete it (${deletion(broker)}): it is re-created with volumes.`;
    return {
      ...(Object.keys(others).length > 0 && { jetStream: others }),
      deferredChange: immutable(message),
    };
  }
  const size = canonicalQuantity(claim.resources?.requests?.storage ?? desired.size);
  const { storageClassName } = claim;
  const maxSize = bytes(desired.maxSize ?? size) < bytes(size) ? desired.maxSize : size;
  const { maxSize: _maxSize, storageClassName: _class, ...others } = desired;
  const applicable: JetStream = {
    ...jetStream,
    fileStore: { ...others, size, ...(storageClassName && { storageClassName }), ...(maxSize && { maxSize }) },
  };
  const orphan = `delete the StatefulSet without its pods (${deletion(broker)} --cascade=orphan): they keep running, and the re-created StatefulSet adopts them`;
  if (desired.size !== size) {
    const message = `spec.jetstream.fileStore.size can't become ${desired.size} while StatefulSet ${nats} claims ${size}. To expand the volumes, set the size of the PersistentVolumeClaims ${DATA_VOLUME}-${nats}-*, if their StorageClass allows volume expansion; then ${orphan}.`;
    return { jetStream: applicable, deferredChange: immutable(message) };
  }
  if (desired.storageClassName && desired.storageClassName !== storageClassName) {
    const message = `spec.jetstream.fileStore.storageClassName can't become ${desired.storageClassName} while StatefulSet ${nats} claims ${storageClassName ?? "the cluster's default"}. Existing volumes keep theirs; for new ones, ${orphan}.`;
    return { jetStream: applicable, deferredChange: immutable(message) };
  }
  return { jetStream: applicable };
}

function nextSize(broker: Broker, observed: ObservedStatefulSet): { size: number; deferredChange?: BrokerProblem } {
  const { size, names, jetStream } = broker;
  const last = lastJetStreamState(observed);
  if (jetStream?.fileStore && last && last.maxFileStore !== '0' && last.servers > 1 !== size > 1) {
    const message = `spec.size can't change from ${last.servers} to ${size}: NATS drops the streams of a single server when it becomes a cluster, and those of a cluster when it becomes a single server. Back the streams up (nats account backup), delete StatefulSet ${names.nats} (${deletion(broker)}), which is then re-created, and restore them.`;
    return { size: last.servers, deferredChange: { reason: 'StreamsWouldBeLost', message } };
  }
  const { replicas: running = size } = observed.spec;
  if (size >= running) return { size };
  const { replicas: existing = 0, observedGeneration = 0 } = observed.status ?? {};
  const isScaled = existing <= running && observedGeneration >= (observed.metadata.generation ?? 0);
  return { size: isScaled ? running - 1 : running };
}

function deletion({ names, namespace }: Broker): string {
  return `kubectl delete statefulset ${names.nats} -n ${namespace}`;
}
