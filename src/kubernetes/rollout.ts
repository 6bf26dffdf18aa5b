import { type ConditionInput, type ConditionTable, conditionFactory } from '../metacontroller/conditions.ts';
import type { Manifest, ObservedObject } from '../metacontroller/object.ts';

/**
 * Annotation of a workload with the checksum of its applied spec. A hook observes the state before its response is applied;
 * the annotation shows whether the observed workload is already the desired one.
 */
export const REVISION_ANNOTATION = 'meshery.io/revision';

/** The fields of a StatefulSet or a Deployment that describe its rollout. */
interface Workload extends ObservedObject {
  spec: { replicas?: number };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    readyReplicas?: number;
    updatedReplicas?: number;
  };
}

/** The condition of resources with a workload. */
export const rolloutConditions = {
  Progressing: {
    description: 'Whether a rollout is in progress.',
    desired: 'False',
    reasons: {
      Complete: 'False: all pods are up to date and ready.',
      Updating: 'True: a change is being applied to the pods.',
      RollingOut: 'True: pods are being replaced.',
      Starting: 'True: pods are not ready yet.',
      ScalingDown: 'True: more pods exist than are desired.',
    },
  },
} as const satisfies ConditionTable;

const condition = conditionFactory(rolloutConditions);

/**
 * Whether a rollout is in progress. False means that it is complete: all pods are of the desired revision and ready.
 * @param desired the manifest of the response; `undefined` when there is none to compare with
 * @param size desired number of pods
 * @param pods name of the pods in messages
 */
export function progressing(
  observed: Workload | undefined,
  desired: Manifest | undefined,
  size: number,
  pods: string,
): ConditionInput {
  const { observedGeneration = 0, replicas = 0, readyReplicas = 0, updatedReplicas = 0 } = observed?.status ?? {};
  const generation = observed?.metadata.generation ?? 0;
  // A new workload is reported like one that does not exist yet: each change of the status costs a write.
  const isUnseen = generation > 1 && observedGeneration < generation;
  if (observed && ((desired && !isApplied(observed, desired)) || isUnseen)) {
    return condition('Progressing', 'True', 'Updating', `A change is being applied to the ${pods}.`);
  }
  if (updatedReplicas < replicas) {
    const message = `${updatedReplicas} of ${replicas} ${pods} are up to date.`;
    return condition('Progressing', 'True', 'RollingOut', message);
  }
  if (readyReplicas < size) {
    return condition('Progressing', 'True', 'Starting', `${readyReplicas} of ${size} ${pods} are ready.`);
  }
  if (replicas > size) {
    const message = `${replicas} ${pods} exist, ${size} are desired.`;
    return condition('Progressing', 'True', 'ScalingDown', message);
  }
  return condition('Progressing', 'False', 'Complete', `All ${pods} are up to date and ready.`);
}

/**
 * The number of pods that exist or are being created, reported before they exist so that it needs no second write, and the
 * number of ready ones.
 * @param desired number of pods of a workload that does not exist yet
 */
export function replicaCounts(observed: Workload | undefined, desired: number) {
  const { replicas = 0, readyReplicas = 0 } = observed?.status ?? {};
  return { replicas: Math.max(replicas, observed?.spec.replicas ?? desired), readyReplicas };
}

/** Whether the observed workload is the desired one, so that its status refers to the current spec. */
function isApplied(observed: ObservedObject, desired: Manifest): boolean {
  const revision = desired.metadata.annotations?.[REVISION_ANNOTATION];
  return revision !== undefined && observed.metadata.annotations?.[REVISION_ANNOTATION] === revision;
}
