import { type Static, Type } from '@sinclair/typebox';
import { checksum } from '../kubernetes/checksum.ts';
import { isAtLeast, tagOf } from '../kubernetes/images.ts';
import type { ObservedStatefulSet } from '../kubernetes/kinds.ts';
import type { ObservedObject } from '../metacontroller/object.ts';
import { compiled } from '../schema/compiled.ts';
import { bytes } from '../schema/quantity.ts';
import type { Broker, JetStream } from './spec.ts';

/** Name of the volume of streams, and of its volume claim template. */
export const DATA_VOLUME = 'data';

/** Annotation with the limits of JetStream that were last applied, as JSON. */
export const JETSTREAM_ANNOTATION = 'meshery.io/jetstream';

/** Annotation of the pods that changes when a change of JetStream requires a restart. */
export const JETSTREAM_RESTART_ANNOTATION = 'meshery.io/jetstream-restart';

/**
 * Annotation of a StatefulSet with the number of servers that JetStream counts, while it is larger than that of the spec.
 * Only NATS knows when they have been removed, so administrators remove the annotation.
 */
export const JETSTREAM_PEERS_ANNOTATION = 'meshery.io/jetstream-peers';
/** Annotation with the number of servers whose volumes have streams. It is kept when JetStream is removed: the volumes are, too. */
export const STREAM_SERVERS_ANNOTATION = 'meshery.io/stream-servers';

const JetStreamState = Type.Object({
  servers: Type.Integer({ minimum: 1 }),
  /** Bytes that streams may take on disk and in memory, in decimal. */
  maxFileStore: Type.String({ pattern: '^\\d+$' }),
  maxMemoryStore: Type.String({ pattern: '^\\d+$' }),
});
type JetStreamState = Static<typeof JetStreamState>;

const check = compiled(JetStreamState);

/** What existing children tell about the JetStream that was last applied. */
export interface LastJetStream {
  /** The limits; `undefined` when they are unknown. */
  state?: JetStreamState;
  /** The restart annotation of the pods; `undefined` while they run without JetStream. */
  restart?: string;
  /** The number of servers whose volumes have streams; `undefined` when no volume has any. */
  streamServers?: number;
  /** The number of servers that JetStream counts, while it is larger than that of the spec. */
  peers?: number;
}

/**
 * Reads what was last applied. The ConfigMap has a copy of the annotations of the StatefulSet and its pods, so that they
 * survive when the StatefulSet is deleted.
 */
export function lastJetStream(
  statefulSet: ObservedStatefulSet | undefined,
  configMap: ObservedObject | undefined,
): LastJetStream {
  const state = stateOf(statefulSet) ?? stateOf(configMap);
  const pods = statefulSet ? statefulSet.spec.template : configMap;
  const restart = pods?.metadata?.annotations?.[JETSTREAM_RESTART_ANNOTATION];
  const streamServers = lastStreamServers(statefulSet, configMap, state);
  // Administrators remove the one of the StatefulSet: the copy counts only when that was deleted.
  const peers = (statefulSet ?? configMap)?.metadata.annotations?.[JETSTREAM_PEERS_ANNOTATION] ?? '';
  return {
    ...(state && { state }),
    ...(/^\d{1,3}$/.test(peers) && { peers: Number(peers) }),
    ...(restart !== undefined && { restart }),
    ...(streamServers !== undefined && { streamServers }),
  };
}

/** Of two annotations that differ, since one was edited, the one that fits the running servers counts. */
function lastStreamServers(
  statefulSet: ObservedStatefulSet | undefined,
  configMap: ObservedObject | undefined,
  state: JetStreamState | undefined,
): number | undefined {
  const { replicas = 0 } = statefulSet?.spec ?? {};
  const known = [configMap, statefulSet].flatMap((object) => {
    const annotation = object?.metadata.annotations?.[STREAM_SERVERS_ANNOTATION] ?? '';
    return /^[1-9]\d?$/.test(annotation) ? [Number(annotation)] : [];
  });
  const [first = stateServers(state) ?? (opensVolumes(statefulSet) && replicas > 0 ? replicas : undefined)] = known;
  return known.find((servers) => replicas > 0 && isSameMode(servers, replicas)) ?? first;
}

/** Before there was an annotation of their own, the number was part of the limits. */
function stateServers(state: JetStreamState | undefined): number | undefined {
  return state && state.maxFileStore !== '0' ? state.servers : undefined;
}

/** Whether both are a single server, or both a cluster: NATS drops the streams of the one in the other. */
export function isSameMode(left: number, right: number): boolean {
  return left > 1 === right > 1;
}

/** Whether the servers of a StatefulSet keep streams on volumes. */
export function opensVolumes(statefulSet: ObservedStatefulSet | undefined): boolean {
  const pods = statefulSet?.spec.template?.metadata?.annotations;
  return pods?.[JETSTREAM_RESTART_ANNOTATION] !== undefined && dataClaim(statefulSet) !== undefined;
}

/** The volume claim template for streams. */
export function dataClaim(statefulSet: ObservedStatefulSet | undefined) {
  return statefulSet?.spec.volumeClaimTemplates?.find(({ metadata }) => metadata.name === DATA_VOLUME);
}

/**
 * The bytes that streams may use of a volume by default: three quarters. As measured, an empty volume of 100Mi has 86 % with
 * ext4, one of 500Mi has 82 % with XFS, and one of 1Gi has 90 % with either; and the limit does not count the index, which
 * takes up to a sixth of streams of small messages.
 */
export function defaultMaxFileStore(size: string): bigint {
  return (bytes(size) * 3n) / 4n;
}

/**
 * The last limit, in bytes, where it is more than the default and still fits on the volume: earlier versions allowed streams to
 * use the whole volume, and those that do would be refused with less.
 */
export function keptMaxSize(size: string, { state }: LastJetStream): string | undefined {
  const last = BigInt(state?.maxFileStore ?? 0);
  return last > defaultMaxFileStore(size) && last <= bytes(size) ? `${last}` : undefined;
}

/** The limits of JetStream to apply, `undefined` without it. */
export function jetStreamState({ size, jetStream }: Broker): JetStreamState | undefined {
  if (!jetStream) return undefined;
  const { fileStore, memoryStore } = jetStream;
  return {
    servers: size,
    maxFileStore: String(fileStore ? maxFileStore(fileStore) : 0n),
    maxMemoryStore: String(memoryStore ? bytes(memoryStore.maxSize) : 0n),
  };
}

function maxFileStore({ size, maxSize }: NonNullable<JetStream['fileStore']>): bigint {
  if (!maxSize) return defaultMaxFileStore(size);
  return maxSize.endsWith('%') ? (bytes(size) * BigInt(maxSize.slice(0, -1))) / 100n : bytes(maxSize);
}

/** Whether streams are kept on volumes that outlive the pods. */
export function hasPersistentStore(jetStream: JetStream | undefined): boolean {
  return jetStream?.fileStore !== undefined && !jetStream.fileStore.inMemory;
}

function stateOf(object: ObservedObject | undefined): JetStreamState | undefined {
  const annotation = object?.metadata.annotations?.[JETSTREAM_ANNOTATION];
  if (!annotation) return undefined;
  try {
    const state: unknown = JSON.parse(annotation);
    return check.Check(state) ? state : undefined;
  } catch {
    return undefined;
  }
}

/**
 * How many servers count for the majority that JetStream needs. NATS keeps a server that was removed by scaling down until it
 * is told that it will not return. A single server needs no majority.
 */
export function jetStreamPeers({ size }: Broker, { state, peers }: LastJetStream): number {
  return size === 1 ? 1 : Math.max(size, state?.servers ?? 0, peers ?? 0);
}

/** The annotations of the StatefulSet and those of its pods. */
export interface JetStreamAnnotations {
  workload: Record<string, string>;
  pods: Record<string, string>;
}

/** First release that applies increased limits on reload. */
const FIRST_TO_GROW_BY_RELOAD = '2.14.0';

/**
 * The annotations for JetStream: of the StatefulSet, of its pods, and all of them of the ConfigMap. NATS applies increased
 * limits on reload, and rejects the whole configuration when they decrease. So the annotation of the pods is kept while limits
 * increase, and changes, which rolls the pods, otherwise.
 * @param broker as `withImmutableFields` returns it
 * @param observed `undefined` when the StatefulSet is created
 */
export function jetStreamAnnotations(
  broker: Broker,
  last: LastJetStream,
  observed: ObservedStatefulSet | undefined,
): JetStreamAnnotations {
  const state = jetStreamState(broker);
  const hasVolumes = observed ? dataClaim(observed) : hasPersistentStore(broker.jetStream);
  const streamServers = state && hasVolumes ? broker.size : last.streamServers;
  const peers = jetStreamPeers(broker, last);
  return {
    workload: {
      ...(state && { [JETSTREAM_ANNOTATION]: JSON.stringify(state) }),
      ...(state && peers > broker.size && { [JETSTREAM_PEERS_ANNOTATION]: `${peers}` }),
      ...(streamServers !== undefined && { [STREAM_SERVERS_ANNOTATION]: `${streamServers}` }),
    },
    pods: state ? { [JETSTREAM_RESTART_ANNOTATION]: restart(broker, state, last) } : {},
  };
}

function restart(broker: Broker, next: JetStreamState, { restart: started, state: last }: LastJetStream): string {
  const limits = `${next.maxFileStore}/${next.maxMemoryStore}`;
  if (started === undefined) return limits;
  const changes = LIMITS.map((limit) => change(last?.[limit], next[limit]));
  const canReload = isAtLeast(tagOf(broker.nats.image) ?? '', FIRST_TO_GROW_BY_RELOAD);
  const needsNoRestart = changes.every((how) => how === 'none' || (how === 'increased' && canReload));
  // Includes the previous value, so that it changes even when the limits return to former ones.
  return needsNoRestart ? started : checksum(`${started} ${limits}`);
}

const LIMITS = ['maxFileStore', 'maxMemoryStore'] as const;

/** Enabling or disabling a store is not an increase of its limit. */
function change(last: string | undefined, next: string): 'none' | 'increased' | 'other' {
  if (last === next) return 'none';
  return last !== undefined && last !== '0' && BigInt(next) > BigInt(last) ? 'increased' : 'other';
}
