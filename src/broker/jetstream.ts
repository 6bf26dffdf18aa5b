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
  return {
    workload: { [JETSTREAM_ANNOTATION]: JSON.stringify(state) },
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
