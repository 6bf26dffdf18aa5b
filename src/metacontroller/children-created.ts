import { type ConditionInput, commonConditions, conditionFactory, conditionsOf } from './conditions.ts';
import type { Parent, SyncRequest } from './request.ts';
import type { SyncResponse } from './response.ts';

const condition = conditionFactory(commonConditions);

/** Metacontroller observes a child that was created within moments; one that it can't create, it tries again and again. */
const PATIENCE_MS = 10_000;

/** `Kind name` of each child of an answer that is not observed yet. */
export function missingChildren(request: SyncRequest, children: SyncResponse['children']): string[] {
  return children
    .filter((child) => !isObserved(request, child))
    .map(({ kind, metadata }) => `${kind} ${metadata?.name}`);
}

function isObserved({ kinds, parent, children, related }: SyncRequest, child: SyncResponse['children'][number]) {
  const key = kinds.find(({ kind }) => kind === child.kind)?.key ?? '';
  const name = `${parent.metadata.namespace}/${child.metadata?.name}`;
  return Boolean(children[key]?.[name] ?? related?.[key]?.[name]);
}

/**
 * The condition of a resource of which a child is missing that an earlier answer had; none while no child is missing. The
 * hook does not see why a child is refused, so time tells: the condition is Unknown at first, which doesn't affect Ready, and
 * False when a child is still missing some seconds later. It stays False until every child is observed.
 * @param missing as `missingChildren` returns them
 * @param others Ready without this condition: while it is not what the last status says, no earlier answer was like this one
 */
export function childrenCreated(
  { kind, metadata, status }: Parent,
  missing: string[],
  others: ConditionInput,
  now: Date,
): ConditionInput[] {
  if (missing.length === 0) return [];
  const { namespace, name, generation } = metadata;
  const what = missing.join(', ');
  const last = (type: string) => conditionsOf(status).find((each) => each.type === type);
  const isOld = (time: string) => now.getTime() - Date.parse(time) >= PATIENCE_MS;

  const before = last('ChildrenCreated');
  if (before && (before.status === 'False' || isOld(before.lastTransitionTime))) {
    const message = `Not created: ${what}. The Events of the ${kind} say why, such as an admission policy that refuses it: kubectl describe ${kind.toLowerCase()} ${name} -n ${namespace}.`;
    return [condition('ChildrenCreated', 'False', 'ChildNotCreated', message)];
  }
  const answer = last('Ready');
  const isRepeated = answer?.observedGeneration === generation && answer?.reason === others.reason;
  if (before || (answer && isRepeated && isOld(answer.lastTransitionTime))) {
    const message = `Being created: ${what}.`;
    const { desired: _informational, ...pending } = condition('ChildrenCreated', 'Unknown', 'Creating', message);
    return [pending];
  }
  return [];
}
