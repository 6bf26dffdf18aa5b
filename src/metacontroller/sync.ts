import type { Condition } from '../api/schema.ts';
import { hibernated, paused, withoutPods } from './annotations.ts';
import { allChildren, carryOver, keepAsIs } from './carry-over.ts';
import type { SyncContext } from './context.ts';
import type { Parent, SyncResponse } from './envelope.ts';
import type { ObservedObject } from './observed.ts';
import type { Requirement } from './ready.ts';
import { refusal, unchangedStatus } from './unchanged.ts';

/** What both kinds of request have. */
interface Request {
  parent: Parent;
  children: Record<string, Record<string, ObservedObject> | undefined>;
}

/** Gives the answer that changes no child, and a status that says what stands in the way. */
export type Keep = (problem: { reason: string; message: string }) => SyncResponse;

/**
 * What comes before and after the work of either kind: a resource that is being deleted or paused is left alone, one that
 * hibernates has no pods, whatever else is the matter with it.
 * @param previous the parent's last status, `undefined` when it was of no use
 * @param work makes the answer of a resource that is none of that, or that hibernates
 */
export function respond(
  { parent, children }: Request,
  previous: { conditions?: Condition[] } | undefined,
  context: SyncContext,
  work: (keep: Keep, hibernation: Requirement | undefined) => SyncResponse,
): SyncResponse {
  if (parent.metadata.deletionTimestamp) {
    return { status: { ...previous }, children: allChildren(children).map(carryOver) };
  }
  const pause = paused(parent);
  if (pause) {
    return {
      status: unchangedStatus(parent, previous, [pause], context),
      children: allChildren(children).map(keepAsIs),
    };
  }
  const hibernation = hibernated(parent);
  const keep: Keep = (problem) => ({
    status: unchangedStatus(parent, previous, [...refusal(problem), ...(hibernation ? [hibernation] : [])], context),
    children: allChildren(children).map(carryOver),
  });
  const answer = work(keep, hibernation);
  return hibernation ? { ...answer, children: withoutPods(answer.children) } : answer;
}
