import { Type } from '@sinclair/typebox';
import { compiled } from '../api/compiled.ts';
import { Condition } from '../api/schema.ts';
import { timestamp } from './context.ts';
import type { Parent } from './envelope.ts';

/** A condition before it knows since when it holds. */
export type ConditionInput = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/**
 * Conditions with their times. `lastTransitionTime` is carried over while the status stays, so the same state always
 * gives the same conditions: Metacontroller re-enqueues a parent whose status differs in anything.
 * @param previous conditions of the parent as they came
 * @param metadata of the parent
 * @param now the present, used for transitions only
 */
export function withTransitionTimes(
  inputs: ConditionInput[],
  previous: Condition[],
  { generation, creationTimestamp }: Pick<Parent['metadata'], 'generation' | 'creationTimestamp'>,
  now: Date,
): Condition[] {
  const since = () => timestamp(previous.length === 0 ? firstTime(creationTimestamp, now) : now);
  return inputs.map((input) => {
    const before = previous.find((condition) => condition.type === input.type);
    return {
      type: input.type,
      status: input.status,
      ...(generation !== undefined && { observedGeneration: generation }),
      lastTransitionTime: before?.status === input.status ? before.lastTransitionTime : since(),
      reason: input.reason,
      message: input.message,
    };
  });
}

/** Age at which a resource that has no conditions yet is not a new one any more, in milliseconds. */
const NEW = 120_000;

/**
 * Since when the first conditions of a resource hold: those of a new one since its creation. Its second sync often comes
 * before Metacontroller has seen what the first one wrote, and must write the same then.
 */
function firstTime(creationTimestamp: string | undefined, now: Date): Date {
  const created = Date.parse(creationTimestamp ?? '');
  const age = now.getTime() - created;
  return age >= 0 && age < NEW ? new Date(created) : now;
}

const hasConditions = compiled(Type.Object({ conditions: Type.Array(Type.Unknown()) }));
const isCondition = compiled(Condition);

/** More conditions than any resource of ours has; a status that holds more was not written here. */
const MOST = 50;

/** The conditions of a status as it came; what is not a valid one is passed over. */
export function conditionsOf(status: unknown): Condition[] {
  if (!hasConditions.Check(status)) return [];
  return status.conditions.slice(0, MOST).filter((condition): condition is Condition => isCondition.Check(condition));
}

/** How a condition of a resource changed; `from` is missing for one that is new, `to` for one that is gone. */
export interface Transition {
  condition: string;
  from?: string;
  to?: string;
  reason?: string;
}

/**
 * What changed in status or reason.
 * @param before the parent's status as it came
 */
export function transitions(before: unknown, after: Condition[] = []): Transition[] {
  if (hasConditions.Check(before) && isUnchanged(before.conditions, after)) return [];
  const previous = conditionsOf(before);
  const changed = after.flatMap(({ type, status, reason }) => {
    const former = previous.find((condition) => condition.type === type);
    if (former?.status === status && former.reason === reason) return [];
    return [{ condition: type, ...(former && { from: former.status }), to: status, reason }];
  });
  const gone = previous.filter(({ type }) => !after.some((condition) => condition.type === type));
  return [...changed, ...gone.map(({ type, status }) => ({ condition: type, from: status }))];
}

/** Whether conditions are the same in what transitions tell, and in the same order. */
function isUnchanged(before: unknown[], after: Condition[]): boolean {
  return (
    before.length === after.length &&
    after.every(({ type, status, reason }, index) => {
      const former = before[index] as Partial<Condition> | null;
      return former?.type === type && former.status === status && former.reason === reason;
    })
  );
}
