import type { FieldError } from '../api/validate.ts';
import type { ConditionInput } from './conditions.ts';

/** Types of the conditions that both kinds have. Ready comes first: it is the summary of the others. */
export const conditionTypes = {
  ready: 'Ready',
  progressing: 'Progressing',
  specApplied: 'SpecApplied',
  namesAvailable: 'NamesAvailable',
  paused: 'ReconciliationPaused',
} as const;

/** A condition that keeps the resource from being ready as long as it has the other status. */
export interface Requirement extends ConditionInput {
  /** The status that readiness needs. */
  wanted: 'True' | 'False';
}

/** Ready, with reason and message of the first requirement that is not met. */
export function ready(requirements: Requirement[], message: string): ConditionInput {
  const unmet = requirements.find((requirement) => requirement.status !== requirement.wanted);
  return unmet
    ? { type: conditionTypes.ready, status: 'False', reason: unmet.reason, message: unmet.message }
    : { type: conditionTypes.ready, status: 'True', reason: 'Ready', message };
}

/** Whether every child has its name to itself. */
export function namesAvailable(taken: string[]): Requirement {
  return {
    type: conditionTypes.namesAvailable,
    wanted: 'True',
    ...(taken.length > 0
      ? { status: 'False', reason: 'NameTaken', message: taken.join(' ') }
      : { status: 'True', reason: 'AllOwned', message: 'No name of a child is held by another object.' }),
  };
}

/** Whether the children can be given all that the spec says; `problem` tells what is left as it is and why. */
export function specApplied(problem?: { reason: string; message: string }): Requirement {
  return {
    type: conditionTypes.specApplied,
    wanted: 'True',
    ...(problem
      ? { status: 'False', ...problem }
      : { status: 'True', reason: 'AsSpecified', message: 'No field of the spec is held back.' }),
  };
}

/** The problem of a resource with a field that can't be worked with. */
export function invalidSpec({ path, message }: FieldError) {
  return {
    reason: 'InvalidSpec',
    message: `${path} ${message}. Everything that exists stays as it is until this is corrected.`,
  };
}
