import type { Change } from './change.ts';

/** A step: what it still has to change, by the state of the cluster. */
export interface Step {
  name: string;
  title: string;
  changes: Change[];
  /** What it waits for once there is nothing to change. */
  waitsFor?: string;
}

/** Whether a step is done. */
export function isDone({ changes, waitsFor }: Step): boolean {
  return changes.length === 0 && waitsFor === undefined;
}
