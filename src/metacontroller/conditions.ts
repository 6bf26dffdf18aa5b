import { Type } from '@sinclair/typebox';
import { compiled } from '../schema/compiled.ts';
import type { FieldError } from '../schema/validate.ts';
import { Condition } from './condition.ts';
import type { Parent } from './request.ts';

/** A condition of a resource as its users may rely on it. */
interface ConditionDescription {
  description: string;
  /** The status that readiness needs. A condition without one only informs. */
  desired?: 'True' | 'False';
  /** What each reason says; it begins with the status that it goes with. */
  reasons: Record<string, string>;
}

/** Every condition of a resource by its type: what the code may say and what the reference lists. */
export type ConditionTable = Record<string, ConditionDescription>;

/** A condition before it knows since when it holds. */
export interface ConditionInput extends Pick<Condition, 'type' | 'status' | 'reason' | 'message'> {
  /** The status that readiness needs. */
  desired?: 'True' | 'False';
}

/** Why a spec can't be followed, and what to do about it. */
export interface Problem {
  reason: string;
  message: string;
}

/** Makes conditions of which type and reason stand in a table, and no others. */
export function conditionFactory<const Table extends ConditionTable>(table: Table) {
  return <Type extends string & keyof Table>(
    type: Type,
    status: Condition['status'],
    reason: string & keyof Table[Type]['reasons'],
    message: string,
  ): ConditionInput => {
    const desired = table[type]?.desired;
    return { type, status, reason, message, ...(desired && { desired }) };
  };
}

/** The conditions of every resource, whichever its kind. Ready comes first: it is the summary of the others. */
export const commonConditions = {
  Ready: {
    description: 'Whether what the spec says is serving.',
    reasons: {
      Ready: 'True: it is. While it is False, the reason is that of the first condition that stands in the way.',
    },
  },
  SpecApplied: {
    description: 'Whether the children were given all that the spec says.',
    desired: 'True',
    reasons: {
      Applied: 'True: no field of the spec is deferred.',
      InvalidSpec: 'False: a field can not be worked with; what exists stays as it is.',
    },
  },
  NamesAvailable: {
    description: 'Whether every child has its name to itself.',
    desired: 'True',
    reasons: {
      NoConflicts: 'True: it has.',
      NameConflict: 'False: another object has the name of a child, which is left alone.',
    },
  },
  ReconciliationPaused: {
    description: 'There only while the resource is paused.',
    reasons: { AnnotationSet: 'True: every child stays as it is until the annotation is removed.' },
  },
  Hibernated: {
    description: 'There only while the resource hibernates.',
    desired: 'False',
    reasons: { Hibernated: 'True: no pods run until the annotation is removed.' },
  },
} as const satisfies ConditionTable;

const condition = conditionFactory(commonConditions);

/** Ready, with reason and message of the first condition that has not the status that readiness needs. */
export function ready(conditions: ConditionInput[], message: string): ConditionInput {
  const unmet = conditions.find(({ status, desired = status }) => status !== desired);
  return unmet
    ? { type: 'Ready', status: 'False', reason: unmet.reason, message: unmet.message }
    : condition('Ready', 'True', 'Ready', message);
}

/** Whether every child has its name to itself. */
export function namesAvailable(conflicts: string[]): ConditionInput {
  return conflicts.length > 0
    ? condition('NamesAvailable', 'False', 'NameConflict', conflicts.join(' '))
    : condition('NamesAvailable', 'True', 'NoConflicts', 'No other object has the name of a child.');
}

/** Whether the children are given all that the spec says; `problem` tells what is left as it is and why. */
export function specApplied(problem?: Problem): ConditionInput {
  return problem
    ? { type: 'SpecApplied', status: 'False', desired: 'True', ...problem }
    : condition('SpecApplied', 'True', 'Applied', 'No field of the spec is deferred.');
}

/** The problem of a resource with a field that can't be worked with. */
export function invalidSpec({ path, message }: FieldError): Problem {
  return {
    reason: 'InvalidSpec',
    message: `${path} ${message}. Everything that exists stays as it is until this is corrected.`,
  };
}

/**
 * Conditions with their times. `lastTransitionTime` is kept while the status stays, so the same state always gives the same
 * conditions: Metacontroller re-enqueues a parent whose status differs in anything.
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
  const since = timestamp(previous.length === 0 ? firstTime(creationTimestamp, now) : now);
  return inputs.map(({ type, status, reason, message }) => {
    const before = previous.find((condition) => condition.type === type);
    return {
      type,
      status,
      ...(generation !== undefined && { observedGeneration: generation }),
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : since,
      reason,
      message,
    };
  });
}

/** Age at which a resource that has no conditions yet is not a new one any more. */
const NEW_MS = 120_000;

/**
 * Since when the first conditions of a resource hold: those of a new one since its creation. Its second sync often comes
 * before Metacontroller has seen what the first one wrote, and must write the same then.
 */
function firstTime(creationTimestamp: string | undefined, now: Date): Date {
  const created = Date.parse(creationTimestamp ?? '');
  const age = now.getTime() - created;
  return age >= 0 && age < NEW_MS ? new Date(created) : now;
}

/** A time as `metav1.Time` writes it: RFC 3339 in whole seconds. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

const hasConditions = compiled(Type.Object({ conditions: Type.Array(Type.Unknown()) }));
const isCondition = compiled(Condition);

/** More conditions than any resource has; a status that holds more was not written here. */
const MAX_CONDITIONS = 50;

/** The conditions of a status as it came; what is not a valid one is skipped. */
export function conditionsOf(status: unknown): Condition[] {
  if (!hasConditions.Check(status)) return [];
  return status.conditions
    .slice(0, MAX_CONDITIONS)
    .filter((condition): condition is Condition => isCondition.Check(condition));
}

/** How a condition of a resource changed; `from` is missing for one that is new, `to` for one that is gone. */
interface Transition {
  condition: string;
  from?: string;
  to?: string;
  reason?: string;
}

/** What changed in status or reason. */
export function transitions(before: Condition[], after: Condition[] = []): Transition[] {
  const changed = after.flatMap(({ type, status, reason }) => {
    const former = before.find((condition) => condition.type === type);
    if (former?.status === status && former.reason === reason) return [];
    return [{ condition: type, ...(former && { from: former.status }), to: status, reason }];
  });
  const gone = before.filter(({ type }) => !after.some((condition) => condition.type === type));
  return [...changed, ...gone.map(({ type, status }) => ({ condition: type, from: status }))];
}
