import type { ContainerStatus, Terminated } from '../cluster/objects.ts';

/** How a container ended that should run. */
export interface Ending extends Terminated {
  /** Whether it has been started again since, or is about to be. */
  isPrevious: boolean;
}

/** How a container ended, where that keeps it from being ready: an end without an error is none. */
export function endingOf({ ready, state, lastState }: ContainerStatus): Ending | undefined {
  const isPrevious = !state?.terminated;
  const terminated = state?.terminated ?? (ready ? undefined : lastState?.terminated);
  return terminated && terminated.exitCode !== 0 ? { ...terminated, isPrevious } : undefined;
}
