import type { ConditionInput } from './conditions.ts';
import type { Parent } from './envelope.ts';
import { conditionTypes, type Requirement } from './ready.ts';

/** With the value `true`, leaves every child of a resource as it is. */
export const PAUSE_ANNOTATION = 'meshery.io/pause-reconciliation';

/** With the value `on`, scales the pods of a resource to zero and keeps everything else. */
export const HIBERNATION_ANNOTATION = 'meshery.io/hibernation';

/** Types of the conditions below; they are there only while the annotation is. */
export const annotationConditions = [conditionTypes.paused, 'Hibernated'] as const;

/** The condition of a resource that is left alone, `undefined` while it is not. */
export function paused({ metadata }: Parent): ConditionInput | undefined {
  if (metadata.annotations?.[PAUSE_ANNOTATION] !== 'true') return undefined;
  return {
    type: conditionTypes.paused,
    status: 'True',
    reason: 'AnnotationSet',
    message: `Every child stays as it is, whatever happens, until annotation ${PAUSE_ANNOTATION} is removed.`,
  };
}

/** The condition of a resource whose pods are to be gone, `undefined` while they are not. */
export function hibernated({ metadata }: Parent): Requirement | undefined {
  if (metadata.annotations?.[HIBERNATION_ANNOTATION] !== 'on') return undefined;
  return {
    type: 'Hibernated',
    wanted: 'False',
    status: 'True',
    reason: 'Hibernated',
    message: `No pods run until annotation ${HIBERNATION_ANNOTATION} is removed; everything else is kept.`,
  };
}

/** Children with their workloads scaled to zero, whether they were made from the spec or carried over. */
export function withoutPods(children: object[]): object[] {
  return children.map((child) => {
    if (!('kind' in child && (child.kind === 'StatefulSet' || child.kind === 'Deployment'))) return child;
    return { ...child, spec: { ...('spec' in child && child.spec ? child.spec : {}), replicas: 0 } };
  });
}
