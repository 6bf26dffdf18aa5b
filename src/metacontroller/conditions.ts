import { Type } from '@sinclair/typebox';
import { compiled } from '../schema/compiled.ts';
import type { FieldError } from '../schema/validate.ts';
import { Condition } from './condition.ts';
import type { Parent } from './request.ts';

/** A condition of a resource, as part of its API. */
interface ConditionDescription {
  description: string;
  /** The status that `Ready` requires. A condition without one is informational. */
  desired?: 'True' | 'False';
  /** The meaning of each reason, which begins with the status that it belongs to. */
  reasons: Record<string, string>;
  /**
   * Those of its reasons that end only when a person edits something. All others end by themselves, or when another object
   * arrives: whoever applies several objects together may wait for them.
   */
  needEdits?: readonly string[];
  /** Whether it tells what an annotation asks for. */
  asked?: true;
}

/** The conditions of a resource by type: the code can set no others, and the reference lists them all. */
export type ConditionTable = Record<string, ConditionDescription>;

/** A condition without its transition time. */
export interface ConditionInput extends Pick<Condition, 'type' | 'status' | 'reason' | 'message'> {
  /** The status that `Ready` requires. */
  desired?: 'True' | 'False';
}

/** Why a spec can't be applied, and what to do about it. */
export interface Problem {
  reason: string;
  message: string;
}

/** Returns a constructor of conditions that accepts only the types and reasons of a table. */
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

/** The conditions of all kinds. Ready comes first: it summarizes the others. */
export const commonConditions = {
  Ready: {
    description: 'Whether the resource serves as specified.',
    reasons: {
      Ready: 'True: it serves. While it is False, the reason is that of the first condition that is not met.',
    },
  },
  Stalled: {
    description: 'Present only while Ready is False until a person edits something, such as the spec or a Secret.',
    reasons: {},
  },
  Reconciling: {
    description: 'Present only while a paused resource has a spec that is not applied.',
    asked: true,
    reasons: { Paused: 'True: it is applied when the annotation is removed.' },
  },
  SpecApplied: {
    description: 'Whether the whole spec is applied to the children.',
    desired: 'True',
    needEdits: ['InvalidSpec'],
    reasons: {
      Applied: 'True: no field of the spec is deferred.',
      InvalidSpec: 'False: a field is invalid; existing children are left unchanged.',
    },
  },
  NamesAvailable: {
    description: 'Whether the names of all children are free of conflicts.',
    desired: 'True',
    needEdits: ['NameConflict'],
    reasons: {
      NoConflicts: 'True: no other object has the name of a child.',
      NameConflict: 'False: another object has the name of a child; it is left unchanged.',
      NamePending: 'False: an object with the name of a child is being deleted; the child is created then.',
    },
  },
  ChildrenCreated: {
    description: 'Present only while a child is missing that an earlier sync should have created.',
    desired: 'True',
    reasons: {
      Creating: 'Unknown: a child is missing and is being created; Ready does not wait for it.',
      ChildNotCreated:
        'False: a child is still missing some seconds later. Kubernetes refuses it, and the Events of the resource say why.',
    },
  },
  ReconciliationPaused: {
    description: 'Present only while reconciliation is paused.',
    asked: true,
    reasons: { AnnotationSet: 'True: all children are left unchanged until the annotation is removed.' },
  },
  CredentialsExposed: {
    description: 'Present only while a Secret of the resource has a copy of its values in an annotation.',
    reasons: {
      LastAppliedAnnotation:
        'True: Metacontroller runs with dynamic-apply; the message explains how to remove the copy.',
    },
  },
  AnnotationIgnored: {
    description:
      'Present only while an annotation that pauses or hibernates the resource has a value without a meaning.',
    reasons: { UnknownValue: 'True: the annotation has no effect; the message names the values that have a meaning.' },
  },
  Hibernated: {
    description: 'Present only while the resource hibernates.',
    desired: 'False',
    asked: true,
    reasons: { Hibernated: 'True: the pods are scaled to zero until the annotation is removed.' },
  },
} as const satisfies ConditionTable;

const condition = conditionFactory(commonConditions);

/** Ready, with reason and message of the first condition whose status is not the desired one. */
export function ready(conditions: ConditionInput[], message: string): ConditionInput {
  const unmet = conditions.find(({ status, desired = status }) => status !== desired);
  return unmet
    ? { type: 'Ready', status: 'False', reason: unmet.reason, message: unmet.message }
    : condition('Ready', 'True', 'Ready', message);
}

/** Another object with the name of a child. */
export interface NameConflict {
  /** Names the object, and what to do. */
  message: string;
  /** Whether it is being deleted anyway. */
  isPassing: boolean;
}

/** Whether the names of all children are free of conflicts. */
export function namesAvailable(conflicts: NameConflict[]): ConditionInput {
  if (conflicts.length === 0) {
    return condition('NamesAvailable', 'True', 'NoConflicts', 'No other object has the name of a child.');
  }
  const reason = conflicts.every(({ isPassing }) => isPassing) ? 'NamePending' : 'NameConflict';
  return condition('NamesAvailable', 'False', reason, conflicts.map(({ message }) => message).join(' '));
}

/** All reasons of a table and of the common conditions that end only when a person edits something. */
export function reasonsThatNeedEdits(table: ConditionTable): ReadonlySet<string> {
  const all: ConditionTable = { ...commonConditions, ...table };
  return new Set(Object.values(all).flatMap(({ needEdits = [] }) => needEdits));
}

/**
 * The condition Stalled, with reason and message of Ready; none while Ready is True, is of an earlier generation, or may become
 * True without an edit.
 * @param needEdits the reasons that end only when a person edits something
 * @param generation of the parent
 */
export function stalled(
  conditions: Condition[],
  needEdits: ReadonlySet<string>,
  generation: number | undefined,
): ConditionInput[] {
  const summary = conditions.find(({ type }) => type === 'Ready');
  if (summary?.status !== 'False' || summary.observedGeneration !== generation) return [];
  const { reason, message } = summary;
  return needEdits.has(reason) ? [{ type: 'Stalled', status: 'True', reason, message }] : [];
}

/** Whether the whole spec is applied to the children; `problem` describes the deferred part. */
export function specApplied(problem?: Problem): ConditionInput {
  return problem
    ? { type: 'SpecApplied', status: 'False', desired: 'True', ...problem }
    : condition('SpecApplied', 'True', 'Applied', 'No field of the spec is deferred.');
}

/** The problem of a resource with an invalid field. */
export function invalidSpec({ path, message }: FieldError): Problem {
  return {
    reason: 'InvalidSpec',
    message: `${path} ${message}. Existing children are left unchanged until this is corrected.`,
  };
}

/**
 * Conditions with their transition times. `lastTransitionTime` is kept while the status is unchanged, so the same state
 * always gives the same conditions: Metacontroller re-enqueues a parent with any change in its status.
 * @param previous observed conditions of the parent
 * @param metadata of the parent
 * @param now current time, used for transitions only
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

/** Age from which a resource without conditions is no longer considered new. */
const NEW_MS = 120_000;

/**
 * Transition time of the first conditions of a resource: for a new one, its creation. Its second sync often comes before
 * Metacontroller has observed the status of the first, and must then write the same.
 */
function firstTime(creationTimestamp: string | undefined, now: Date): Date {
  const created = Date.parse(creationTimestamp ?? '');
  const age = now.getTime() - created;
  return age >= 0 && age < NEW_MS ? new Date(created) : now;
}

/** A time in the format of `metav1.Time`: RFC 3339 in whole seconds. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

const hasConditions = compiled(Type.Object({ conditions: Type.Array(Type.Unknown()) }));
const isCondition = compiled(Condition);

/** More conditions than any resource has; a status with more was not written by this operator. */
const MAX_CONDITIONS = 50;

/** The conditions of an observed status; invalid ones are skipped. */
export function conditionsOf(status: unknown): Condition[] {
  if (!hasConditions.Check(status)) return [];
  return status.conditions
    .slice(0, MAX_CONDITIONS)
    .filter((condition): condition is Condition => isCondition.Check(condition));
}

/** A change of a condition; `from` is absent for a new condition, `to` for a removed one. */
interface Transition {
  condition: string;
  from?: string;
  to?: string;
  reason?: string;
}

/** The conditions whose status or reason changed. */
export function transitions(before: Condition[], after: Condition[]): Transition[] {
  const changed = after.flatMap(({ type, status, reason }) => {
    const previous = before.find((condition) => condition.type === type);
    if (previous?.status === status && previous.reason === reason) return [];
    return [{ condition: type, ...(previous && { from: previous.status }), to: status, reason }];
  });
  const removed = before.filter(({ type }) => !after.some((condition) => condition.type === type));
  return [...changed, ...removed.map(({ type, status }) => ({ condition: type, from: status }))];
}
