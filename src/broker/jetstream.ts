import { type Static, Type } from '@sinclair/typebox';
import { checksum } from '../kubernetes/checksum.ts';
import { isAtLeast, tagOf } from '../kubernetes/images.ts';
import type { ObservedStatefulSet } from '../kubernetes/kinds.ts';
import { compiled } from '../schema/compiled.ts';
import { bytes } from '../schema/quantity.ts';
import type { Broker } from './spec.ts';

/** Annotation of a StatefulSet with the limits of JetStream that were last applied, as JSON. */
export const JETSTREAM_ANNOTATION = 'meshery.io/jetstream';

/** Annotation of the pods that changes when a change of JetStream requires a restart. */
export const JETSTREAM_RESTART_ANNOTATION = 'meshery.io/jetstream-restart';

/**
 * Annotation of a StatefulSet with the number of servers that JetStream counts, while it is larger than that of the spec.
 * Only NATS knows when they have been removed, so administrators remove the annotation.
 */
export const JETSTREAM_PEERS_ANNOTATION = 'meshery.io/jetstream-peers';

const JetStreamState = Type.Object({
  servers: Type.Integer({ minimum: 1 }),
  /** Bytes that streams may take on disk and in memory, in decimal. */
  maxFileStore: Type.String({ pattern: '^\\d+$' }),
  maxMemoryStore: Type.String({ pattern: '^\\d+$' }),
});
type JetStreamState = Static<typeof JetStreamState>;

const check = compiled(JetStreamState);

/** The limits of JetStream to apply, `undefined` without it. */
export function jetStreamState({ size, jetStream }: Broker): JetStreamState | undefined {
  if (!jetStream) return undefined;
  const { fileStore, memoryStore } = jetStream;
  return {
    servers: size,
    maxFileStore: String(fileStore ? bytes(fileStore.maxSize ?? fileStore.size) : 0n),
    maxMemoryStore: String(memoryStore ? bytes(memoryStore.maxSize) : 0n),
  };
}

/** What was last applied to an existing StatefulSet, `undefined` when it is unknown. */
export function lastJetStreamState(observed: ObservedStatefulSet | undefined): JetStreamState | undefined {
  const annotation = observed?.metadata.annotations?.[JETSTREAM_ANNOTATION];
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
export function jetStreamPeers({ size }: Broker, observed: ObservedStatefulSet | undefined): number {
  if (size === 1) return 1;
  const recorded = observed?.metadata.annotations?.[JETSTREAM_PEERS_ANNOTATION] ?? '';
  return Math.max(size, lastJetStreamState(observed)?.servers ?? 0, /^\d{1,3}$/.test(recorded) ? Number(recorded) : 0);
}

/** First release that applies increased limits on reload. */
const FIRST_TO_GROW_BY_RELOAD = '2.14.0';

/**
 * The annotations of the StatefulSet and its pods for JetStream. NATS applies increased limits on reload, and rejects the
 * whole configuration when they decrease. So the annotation of the pods is kept while limits increase, and changes, which
 * rolls the pods, otherwise.
 */
export function jetStreamAnnotations(
  broker: Broker,
  observed: ObservedStatefulSet | undefined,
): { workload: Record<string, string>; pods: Record<string, string> } {
  const state = jetStreamState(broker);
  if (!state) return { workload: {}, pods: {} };
  const peers = jetStreamPeers(broker, observed);
  return {
    workload: {
      [JETSTREAM_ANNOTATION]: JSON.stringify(state),
      ...(peers > broker.size && { [JETSTREAM_PEERS_ANNOTATION]: String(peers) }),
    },
    pods: { [JETSTREAM_RESTART_ANNOTATION]: restart(broker, state, observed) },
  };
}

function restart(broker: Broker, next: JetStreamState, observed: ObservedStatefulSet | undefined): string {
  const started = observed?.spec.template?.metadata?.annotations?.[JETSTREAM_RESTART_ANNOTATION];
  const limits = `${next.maxFileStore}/${next.maxMemoryStore}`;
  if (started === undefined) return limits;
  const last = lastJetStreamState(observed);
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
