import { type ConditionInput, type ConditionTable, conditionFactory } from '../metacontroller/conditions.ts';
import type { Manifest, ObservedObject } from '../metacontroller/object.ts';

/**
 * Annotation of a workload that names the spec it was applied with. A hook sees the state from before its answer is applied;
 * the annotation tells whether what is observed is already what is desired now.
 */
export const REVISION_ANNOTATION = 'meshery.io/revision';

/** A StatefulSet or a Deployment, as far as its rollout goes. */
interface Workload extends ObservedObject {
  spec: { replicas?: number };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    readyReplicas?: number;
    updatedReplicas?: number;
  };
}

/** The condition of a resource that runs a workload. */
export const rolloutConditions = {
  Progressing: {
    description: 'Whether the pods are on their way to what the spec says.',
    desired: 'False',
    reasons: {
      Complete: 'False: all pods are up to date and ready.',
      Updating: 'True: a change is being handed to the pods.',
      RollingOut: 'True: pods are being replaced.',
      Starting: 'True: pods are not ready yet.',
      ScalingDown: 'True: pods are still there that are to go.',
    },
  },
} as const satisfies ConditionTable;

const condition = conditionFactory(rolloutConditions);

/**
 * Whether the pods are on their way to what the spec says. False means that they have arrived: all are of the desired
 * revision and ready.
 * @param desired the manifest of the answer; `undefined` when there is none to compare with
 * @param size desired number of pods
 * @param pods what to call the pods in messages
 */
export function progressing(
  observed: Workload | undefined,
  desired: Manifest | undefined,
  size: number,
  pods: string,
): ConditionInput {
  const { observedGeneration = 0, replicas = 0, readyReplicas = 0, updatedReplicas = 0 } = observed?.status ?? {};
  const generation = observed?.metadata.generation ?? 0;
  // A workload that is new is reported as one that is yet to be made: a status costs a write each time it changes.
  const isUnseen = generation > 1 && observedGeneration < generation;
  if (observed && ((desired && !isApplied(observed, desired)) || isUnseen)) {
    return condition('Progressing', 'True', 'Updating', `A change is being handed to the ${pods}.`);
  }
  if (updatedReplicas < replicas) {
    const message = `${updatedReplicas} of ${replicas} ${pods} are up to date.`;
    return condition('Progressing', 'True', 'RollingOut', message);
  }
  if (readyReplicas < size) {
    return condition('Progressing', 'True', 'Starting', `${readyReplicas} of ${size} ${pods} are ready.`);
  }
  if (replicas > size) {
    const message = `${replicas} ${pods} are left of which ${size} stay.`;
    return condition('Progressing', 'True', 'ScalingDown', message);
  }
  return condition('Progressing', 'False', 'Complete', `All ${pods} are up to date and ready.`);
}

/**
 * How many pods there are or are about to be, which is reported before they are there so that it needs no second write, and
 * how many are ready.
 * @param desired number of pods of a workload that is not there yet
 */
export function replicaCounts(observed: Workload | undefined, desired: number) {
  const { replicas = 0, readyReplicas = 0 } = observed?.status ?? {};
  return { replicas: Math.max(replicas, observed?.spec.replicas ?? desired), readyReplicas };
}

/** Whether the observed workload is the desired one, so that its status speaks of what the spec says. */
function isApplied(observed: ObservedObject, desired: Manifest): boolean {
  const revision = desired.metadata.annotations?.[REVISION_ANNOTATION];
  return revision !== undefined && observed.metadata.annotations?.[REVISION_ANNOTATION] === revision;
}
