import { type ConditionInput, commonConditions, conditionFactory, conditionsOf } from './conditions.ts';
import type { SyncRequest } from './request.ts';
import type { SyncResponse } from './response.ts';

const condition = conditionFactory(commonConditions);

/** Metacontroller observes a child that was created within moments; one that it can't create, it tries again and again. */
const PATIENCE_MS = 10_000;

/**
 * The condition of a resource of which a child is missing that an earlier answer had; none while no child is missing. The
 * hook does not see why a child is refused, so time tells: the condition is Unknown at first, which doesn't affect Ready, and
 * False when a child is still missing some seconds later. It stays False until every child is observed.
 * @param children of the answer to this request
 */
export function childrenCreated(request: SyncRequest, children: SyncResponse['children'], now: Date): ConditionInput[] {
  const missing = children.filter((child) => !isObserved(request, child));
  if (missing.length === 0) return [];
  const { kind, metadata, status } = request.parent;
  const { namespace, name, generation } = metadata;
  const what = missing.map((child) => `${child.kind} ${child.metadata?.name}`).join(', ');
  const last = (type: string) => conditionsOf(status).find((each) => each.type === type);
  const isOld = (time: string) => now.getTime() - Date.parse(time) >= PATIENCE_MS;

  const before = last('ChildrenCreated');
  if (before?.status === 'False' || (before && isOld(before.lastTransitionTime))) {
    const message = `Not created: ${what}. The Events of the ${kind} say why, such as an admission policy that refuses it: kubectl describe ${kind.toLowerCase()} ${name} -n ${namespace}.`;
    return [condition('ChildrenCreated', 'False', 'ChildNotCreated', message)];
  }
  const answered = last('Ready');
  if (before || (answered?.observedGeneration === generation && answered && isOld(answered.lastTransitionTime))) {
    const { desired: _informational, ...pending } = condition(
      'ChildrenCreated',
      'Unknown',
      'Creating',
      `Being created: ${what}.`,
    );
    return [pending];
  }
  return [];
}

function isObserved({ kinds, parent, children, related }: SyncRequest, child: SyncResponse['children'][number]) {
  const key = kinds.find(({ kind }) => kind === child.kind)?.key ?? '';
  const name = `${parent.metadata.namespace}/${child.metadata?.name}`;
  return Boolean(children[key]?.[name] ?? related?.[key]?.[name]);
}
