import {
  type ConditionInput,
  commonConditions,
  conditionFactory,
  conditionsOf,
  type Problem,
  ready,
  specApplied,
  stalled,
  withTransitionTimes,
} from './conditions.ts';
import type { Clock, Controller } from './controller.ts';
import { groupOf } from './object.ts';
import { repairEdits } from './one-of.ts';
import { allChildren, isDynamicallyApplied, LAST_APPLIED, preserveLiveFields, reapplyLastApplied } from './reapply.ts';
import type { Parent, SyncBody, SyncRequest } from './request.ts';
import type { SyncResponse } from './response.ts';

const condition = conditionFactory(commonConditions);

/**
 * One sync of a resource. The children of a resource that is being deleted or paused are left unchanged, a hibernating one is
 * scaled to zero, and all others are synced by their controller.
 */
export function sync<Context extends Clock>(
  controller: Controller<Context>,
  body: SyncBody,
  context: Context,
): SyncResponse {
  const { parent, children } = body;
  const request: SyncRequest = { ...body, lastStatus: controller.lastStatus(parent), kinds: controller.kinds };
  if (parent.metadata.deletionTimestamp) {
    return { status: { ...request.lastStatus }, children: allChildren(children).map(reapplyLastApplied) };
  }
  const response = unlessPaused(controller, request, context);
  const { generation } = parent.metadata;
  const derived = [
    ...stalled(conditionsOf(response.status), controller.needEdits, generation),
    ...credentialsExposed(request),
    ...annotationIgnored(parent),
  ];
  return { ...response, status: withDerived(response.status, derived, parent, context) };
}

function unlessPaused<Context extends Clock>(
  controller: Controller<Context>,
  request: SyncRequest,
  context: Context,
): SyncResponse {
  const { parent, children } = request;
  const paused = pausedCondition(parent);
  if (paused) {
    return {
      status: lastStatusWith(request, [paused, ...reconciling(request, paused.message)], context),
      children: allChildren(children).map(preserveLiveFields),
    };
  }
  const response = controller.sync(request, context);
  const desired = repairEdits(response.children, children);
  return { ...response, children: hibernation(parent).length > 0 ? desired.map(scaledToZero) : desired };
}

/** The conditions that are derived from the answer, the children and the annotations, whatever the controller has answered. */
const derivedConditions = ['Stalled', 'CredentialsExposed', 'AnnotationIgnored'];

/** A status with these derived conditions, and with no others from the last status. */
function withDerived(status: object, inputs: ConditionInput[], parent: Parent, { now }: Clock): object {
  const others = conditionsOf(status).filter(({ type }) => !derivedConditions.includes(type));
  if (inputs.length === 0 && others.length === conditionsOf(status).length) return status;
  const before = conditionsOf(parent.status);
  return { ...status, conditions: [...others, ...withTransitionTimes(inputs, before, parent.metadata, now())] };
}

/**
 * Whether Secrets have a copy of their values. Under dynamic-apply, Metacontroller copies every child into an annotation; the
 * values of a Secret are then in its metadata too, which more users may read, and which more tools print.
 */
function credentialsExposed({ children }: SyncRequest): ConditionInput[] {
  const exposed = allChildren(children)
    .filter((child) => child.kind === 'Secret' && isDynamicallyApplied(child))
    .map(({ metadata }) => metadata.name);
  if (exposed.length === 0) return [];
  const message = `Annotation ${LAST_APPLIED} has the values of Secret ${exposed.sort().join(' and Secret ')}, and kubectl describe prints it. Run Metacontroller with --apply-strategy=server-side-apply, which removes it, then replace the credentials.`;
  return [condition('CredentialsExposed', 'True', 'LastAppliedAnnotation', message)];
}

/** The annotations that every resource may have, without their group: the value that has an effect, and the one that says not to. */
const annotations = { 'pause-reconciliation': ['true', 'false'], hibernation: ['on', 'off'] } as const;
type Annotation = keyof typeof annotations;

/** The key of an annotation in the group of a resource, whether it has its effect, and whether its value means nothing. */
function read({ apiVersion, metadata }: Parent, name: Annotation) {
  const key = `${groupOf(apiVersion)}/${name}`;
  const [set, unset] = annotations[name];
  const value = metadata.annotations?.[key];
  return { key, isSet: value === set, isUnknown: value !== undefined && value !== set && value !== unset };
}

/** Whether an annotation has another value than those that mean something, such as `true` for `on`. */
function annotationIgnored(parent: Parent): ConditionInput[] {
  const messages = (Object.keys(annotations) as Annotation[]).flatMap((name) => {
    const { key, isUnknown } = read(parent, name);
    const [set, unset] = annotations[name];
    return isUnknown ? [`Annotation ${key} has no effect: its value is neither "${set}" nor "${unset}".`] : [];
  });
  return messages.length > 0 ? [condition('AnnotationIgnored', 'True', 'UnknownValue', messages.join(' '))] : [];
}

/** The response that changes no child, with a status that explains the problem. */
export function keepChildren(request: SyncRequest, problem: Problem, context: Clock): SyncResponse {
  const applied = specApplied(problem);
  return {
    status: lastStatusWith(request, [ready([applied], ''), applied, ...hibernation(request.parent)], context),
    children: allChildren(request.children).map(reapplyLastApplied),
  };
}

/** With the value `true`, `<group>/pause-reconciliation` leaves all children of a resource unchanged. */
function pausedCondition(parent: Parent): ConditionInput | undefined {
  const { key, isSet } = read(parent, 'pause-reconciliation');
  if (!isSet) return undefined;
  const message = `All children are left unchanged until annotation ${key} is removed.`;
  return condition('ReconciliationPaused', 'True', 'AnnotationSet', message);
}

/**
 * The condition of a paused resource whose Ready is missing or of an earlier generation. Metacontroller writes the present
 * generation into every status, so that tools would take such a resource for one that is up to date.
 */
function reconciling({ parent, lastStatus }: SyncRequest, message: string): ConditionInput[] {
  const summary = conditionsOf(lastStatus).find(({ type }) => type === 'Ready');
  if (summary && summary.observedGeneration === parent.metadata.generation) return [];
  return [condition('Reconciling', 'True', 'Paused', `The spec is not applied yet. ${message}`)];
}

/**
 * The condition of a hibernating resource; none while it does not hibernate. With the value `on`, `<group>/hibernation` scales
 * the workload of a resource to zero and keeps all other children.
 */
export function hibernation(parent: Parent): ConditionInput[] {
  const { key, isSet } = read(parent, 'hibernation');
  if (!isSet) return [];
  const message = `The pods are scaled to zero until annotation ${key} is removed; all other children are kept.`;
  return [condition('Hibernated', 'True', 'Hibernated', message)];
}

/**
 * A child, scaled to zero if it is a workload, whether it was made from the spec or re-applied. The volumes of a StatefulSet
 * stay, also where they are deleted when it is scaled down: they belong to the pods that come back.
 */
function scaledToZero(child: SyncResponse['children'][number]): object {
  if (child.kind !== 'StatefulSet' && child.kind !== 'Deployment') return child;
  const { persistentVolumeClaimRetentionPolicy: policy, ...spec }: Record<string, unknown> =
    'spec' in child ? { ...(child.spec ?? {}) } : {};
  return {
    ...child,
    spec: {
      ...spec,
      ...(policy ? { persistentVolumeClaimRetentionPolicy: { ...policy, whenScaled: 'Retain' } } : {}),
      replicas: 0,
    },
  };
}

/** Conditions that are present only for a time, and not kept from the last status. */
const temporaryConditions = ['ChildrenCreated', 'ReconciliationPaused', 'Reconciling', 'Hibernated'];

/** The last status, with some conditions replaced, for a response that changes no child. */
function lastStatusWith({ parent, lastStatus }: SyncRequest, inputs: ConditionInput[], { now }: Clock): object {
  const { metadata } = parent;
  const before = conditionsOf(lastStatus);
  const replaced = [...inputs.map(({ type }) => type), ...temporaryConditions];
  const conditions = [
    ...withTransitionTimes(inputs, before, metadata, now()),
    ...before.filter(({ type }) => !replaced.includes(type)),
  ];
  const isReady = ({ type }: { type: string }) => Number(type === 'Ready');
  return {
    ...lastStatus,
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
    conditions: conditions.sort((left, right) => isReady(right) - isReady(left)),
  };
}
