import { bytes, canonicalQuantity } from '../kubernetes/quantity.ts';
import type { ObservedStatefulSet } from '../metacontroller/observed.ts';
import { lastJetStreamState } from './jetstream.ts';
import type { Broker, JetStream } from './spec.ts';

/** Name of the volume that streams are kept on, and of its claim in a StatefulSet. */
export const DATA_VOLUME = 'data';

/** A Broker as it can be asked for now, given what exists. */
export interface Feasible {
  broker: Broker;
  /** What of the spec is not asked for, and what to do about it. */
  heldBack?: HeldBack;
}

interface HeldBack {
  reason: string;
  message: string;
}

/**
 * Takes back what can't be done to a StatefulSet that exists: Kubernetes would refuse it on every sync (volume claims),
 * or NATS would lose streams over it (a change between one server and a cluster). A smaller size is reached one server
 * after the other, each of which hands its clients to those that stay before the next one goes.
 */
export function feasible(broker: Broker, observed: ObservedStatefulSet | undefined): Feasible {
  if (!observed) return { broker };
  const { jetStream, heldBack: storageHeldBack } = feasibleJetStream(broker, observed);
  const { size, heldBack: sizeHeldBack } = feasibleSize(broker, observed);
  const heldBack = storageHeldBack ?? sizeHeldBack;
  if (!heldBack && jetStream === broker.jetStream && size === broker.size) return { broker };
  const { jetStream: _wanted, ...rest } = broker;
  return { broker: { ...rest, size, ...(jetStream && { jetStream }) }, ...(heldBack && { heldBack }) };
}

/** JetStream on the volumes that the StatefulSet has: its claims can't change. */
function feasibleJetStream(
  broker: Broker,
  observed: ObservedStatefulSet,
): { jetStream?: JetStream; heldBack?: HeldBack } {
  const { jetStream } = broker;
  const wanted = jetStream?.fileStore;
  if (!wanted) return jetStream ? { jetStream } : {};
  const { nats } = broker.names;
  const held = (message: string): HeldBack => ({ reason: 'ImmutableField', message });
  const claim = observed.spec.volumeClaimTemplates?.find(({ metadata }) => metadata.name === DATA_VOLUME)?.spec;
  if (!claim) {
    const { fileStore: _fileStore, ...others } = jetStream;
    const message = `spec.jetstream.fileStore can't be given to StatefulSet ${nats}, which was made without volumes. Delete it (${deletion(broker)}): it is made anew with them.`;
    return { ...(Object.keys(others).length > 0 && { jetStream: others }), heldBack: held(message) };
  }
  const size = canonicalQuantity(claim.resources?.requests?.storage ?? wanted.size);
  const { storageClassName } = claim;
  const maxSize = bytes(wanted.maxSize ?? size) < bytes(size) ? wanted.maxSize : size;
  const { maxSize: _maxSize, storageClassName: _class, ...others } = wanted;
  const effective: JetStream = {
    ...jetStream,
    fileStore: { ...others, size, ...(storageClassName && { storageClassName }), ...(maxSize && { maxSize }) },
  };
  const anew = `delete the StatefulSet without its pods (${deletion(broker)} --cascade=orphan): they go on running, and it is made anew around them`;
  if (wanted.size !== size) {
    const message = `spec.jetstream.fileStore.size can't become ${wanted.size} while StatefulSet ${nats} claims ${size}. To grow the volumes, set the size of the PersistentVolumeClaims ${DATA_VOLUME}-${nats}-*, if their StorageClass lets them grow; then ${anew}.`;
    return { jetStream: effective, heldBack: held(message) };
  }
  if (wanted.storageClassName && wanted.storageClassName !== storageClassName) {
    const message = `spec.jetstream.fileStore.storageClassName can't become ${wanted.storageClassName} while StatefulSet ${nats} claims ${storageClassName ?? "the cluster's default"}. Volumes that exist keep theirs; for new ones, ${anew}.`;
    return { jetStream: effective, heldBack: held(message) };
  }
  return { jetStream: effective };
}

function feasibleSize(broker: Broker, observed: ObservedStatefulSet): { size: number; heldBack?: HeldBack } {
  const { size, names, jetStream } = broker;
  const last = lastJetStreamState(observed);
  if (jetStream?.fileStore && last && last.maxFileStore !== '0' && last.servers > 1 !== size > 1) {
    const message = `spec.size can't go from ${last.servers} to ${size}: NATS drops the streams of a single server when it becomes a cluster, and those of a cluster when it becomes a single server. Back the streams up (nats account backup), delete StatefulSet ${names.nats} (${deletion(broker)}), which is then made anew, and restore them.`;
    return { size: last.servers, heldBack: { reason: 'StreamsWouldBeLost', message } };
  }
  const { replicas: running = size } = observed.spec;
  if (size >= running) return { size };
  const { replicas: left = 0, observedGeneration = 0 } = observed.status ?? {};
  const arrived = left <= running && observedGeneration >= (observed.metadata.generation ?? 0);
  return { size: arrived ? running - 1 : running };
}

function deletion({ names, namespace }: Broker): string {
  return `kubectl delete statefulset ${names.nats} -n ${namespace}`;
}
