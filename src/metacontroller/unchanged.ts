import type { Condition } from '../api/schema.ts';
import { annotationConditions } from './annotations.ts';
import { type ConditionInput, withTransitionTimes } from './conditions.ts';
import type { SyncContext } from './context.ts';
import type { Parent } from './envelope.ts';
import { conditionTypes, ready, specApplied } from './ready.ts';

/** The conditions that say why a spec can't be followed. */
export function refusal(problem: { reason: string; message: string }): ConditionInput[] {
  const requirement = specApplied(problem);
  return [ready([requirement], ''), requirement];
}

/**
 * The status of an answer that changes no child: the last one, with some conditions in the place of those that it had.
 * @param previous the last status, `undefined` when it was of no use
 * @param inputs what is to be said now
 */
export function unchangedStatus(
  { metadata }: Parent,
  previous: { conditions?: Condition[] } | undefined,
  inputs: ConditionInput[],
  context: SyncContext,
): object {
  const said = new Set<string>([...inputs.map(({ type }) => type), ...annotationConditions]);
  const others = previous?.conditions?.filter(({ type }) => !said.has(type)) ?? [];
  const conditions = withTransitionTimes(inputs, previous?.conditions ?? [], metadata, context.now());
  return {
    ...previous,
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
    conditions: [...conditions, ...others].sort(readyFirst),
  };
}

function readyFirst(left: Condition, right: Condition): number {
  return Number(right.type === conditionTypes.ready) - Number(left.type === conditionTypes.ready);
}
