import type { Condition } from '../api/schema.ts';
import { carryOverAll } from './carry-over.ts';
import { withTransitionTimes } from './conditions.ts';
import { type SyncContext, timestamp } from './context.ts';
import type { Parent, SyncResponse } from './envelope.ts';
import type { ObservedObject } from './observed.ts';
import { ready, specApplied } from './ready.ts';

/**
 * The answer that changes no child: every observed child as it was last asked for. The status says why, and keeps what
 * the last one said of everything else.
 * @param previous the last status, `undefined` when it was of no use
 * @param problem why nothing can be changed; without one, the status stays as well
 */
export function unchanged(
  parent: Parent,
  children: Record<string, Record<string, ObservedObject> | undefined>,
  previous: { conditions?: Condition[] } | undefined,
  problem: { reason: string; message: string } | undefined,
  context: SyncContext,
): SyncResponse {
  return {
    status: problem ? { ...previous, ...report(parent, previous, problem, context) } : { ...previous },
    children: carryOverAll(children),
  };
}

function report(
  { metadata: { generation } }: Parent,
  previous: { conditions?: Condition[] } | undefined,
  problem: { reason: string; message: string },
  context: SyncContext,
) {
  const requirement = specApplied(problem);
  const inputs = [ready([requirement], ''), requirement];
  const conditions = withTransitionTimes(inputs, previous, generation, timestamp(context.now()));
  const others = previous?.conditions?.filter(({ type }) => !inputs.some((input) => input.type === type)) ?? [];
  return {
    ...(generation !== undefined && { observedGeneration: generation }),
    conditions: [...conditions, ...others],
  };
}
