import {
  type ConditionInput,
  commonConditions,
  conditionFactory,
  conditionsOf,
  type Problem,
  ready,
  specApplied,
  withTransitionTimes,
} from './conditions.ts';
import type { Clock, Controller } from './controller.ts';
import { groupOf } from './object.ts';
import { allChildren, preserveLiveFields, reapplyLastApplied } from './reapply.ts';
import type { Parent, SyncBody, SyncRequest } from './request.ts';
import type { SyncResponse } from './response.ts';

const condition = conditionFactory(commonConditions);

/**
 * One sync of a resource: one that is being deleted or paused is left alone, one that hibernates has no pods, and for all
 * others the controller decides.
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
  const paused = pausedCondition(parent);
  if (paused) {
    return {
      status: lastStatusWith(request, [paused], context),
      children: allChildren(children).map(preserveLiveFields),
    };
  }
  const response = controller.sync(request, context);
  return hibernatedCondition(parent) ? { ...response, children: response.children.map(scaledToZero) } : response;
}

/** The answer that changes no child, with a status that says what stands in the way. */
export function keepChildren(request: SyncRequest, problem: Problem, context: Clock): SyncResponse {
  const applied = specApplied(problem);
  return {
    status: lastStatusWith(request, [ready([applied], ''), applied, ...hibernation(request.parent)], context),
    children: allChildren(request.children).map(reapplyLastApplied),
  };
}

/** The condition of a resource whose pods are to be gone; none while it does not hibernate. */
export function hibernation(parent: Parent): ConditionInput[] {
  const hibernated = hibernatedCondition(parent);
  return hibernated ? [hibernated] : [];
}

/** With the value `true`, `<group>/pause-reconciliation` leaves every child of a resource as it is. */
function pausedCondition({ apiVersion, metadata }: Parent): ConditionInput | undefined {
  const annotation = `${groupOf(apiVersion)}/pause-reconciliation`;
  if (metadata.annotations?.[annotation] !== 'true') return undefined;
  const message = `Every child stays as it is, whatever happens, until annotation ${annotation} is removed.`;
  return condition('ReconciliationPaused', 'True', 'AnnotationSet', message);
}

/** With the value `on`, `<group>/hibernation` scales the pods of a resource to zero and keeps everything else. */
function hibernatedCondition({ apiVersion, metadata }: Parent): ConditionInput | undefined {
  const annotation = `${groupOf(apiVersion)}/hibernation`;
  if (metadata.annotations?.[annotation] !== 'on') return undefined;
  const message = `No pods run until annotation ${annotation} is removed; everything else is kept.`;
  return condition('Hibernated', 'True', 'Hibernated', message);
}

/** A child with no pods if it is a workload, whether it was made from the spec or applied again. */
function scaledToZero(child: SyncResponse['children'][number]): object {
  if (child.kind !== 'StatefulSet' && child.kind !== 'Deployment') return child;
  return { ...child, spec: { ...('spec' in child && child.spec ? child.spec : {}), replicas: 0 } };
}

/** Conditions that are there only while an annotation is. */
const annotationConditions = ['ReconciliationPaused', 'Hibernated'];

/** The last status of an answer that changes no child, with some conditions in the place of those that it had. */
function lastStatusWith({ parent, lastStatus }: SyncRequest, inputs: ConditionInput[], { now }: Clock): object {
  const { metadata } = parent;
  const before = conditionsOf(lastStatus);
  const replaced = [...inputs.map(({ type }) => type), ...annotationConditions];
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
