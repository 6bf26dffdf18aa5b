import type { Manifest } from '../kubernetes/manifest.ts';
import type { ObservedObject } from './observed.ts';
import { conditionTypes, type Requirement } from './ready.ts';
import { isApplied } from './revision.ts';

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

/**
 * Whether the pods are on their way to what was asked for. False means that they have arrived: all are of the wanted
 * revision and ready.
 * @param wanted the manifest of the answer; `undefined` when there is none to compare with
 * @param size number of pods that are wanted
 * @param pods what to call the pods in messages
 */
export function progressing(
  observed: Workload | undefined,
  wanted: Manifest | undefined,
  size: number,
  pods: string,
): Requirement {
  const state = rolloutState(observed, wanted, size, pods);
  return {
    type: conditionTypes.progressing,
    wanted: 'False',
    ...(state
      ? { status: 'True', ...state }
      : { status: 'False', reason: 'Complete', message: `All ${pods} are up to date and ready.` }),
  };
}

/**
 * How many pods there are or are about to be, which is told before they are there so that it needs no telling again, and how
 * many are ready.
 * @param asked number of pods of a workload that is not there yet
 */
export function replicaCounts(observed: Workload | undefined, asked: number) {
  const { replicas = 0, readyReplicas = 0 } = observed?.status ?? {};
  return { replicas: Math.max(replicas, observed?.spec.replicas ?? asked), readyReplicas };
}

function rolloutState(observed: Workload | undefined, wanted: Manifest | undefined, size: number, pods: string) {
  const { observedGeneration = 0, replicas = 0, readyReplicas = 0, updatedReplicas = 0 } = observed?.status ?? {};
  const generation = observed?.metadata.generation ?? 0;
  // A workload that is new is told of as one that is yet to be made: a status costs a write each time it changes.
  const isUnseen = generation > 1 && observedGeneration < generation;
  if (observed && ((wanted && !isApplied(observed, wanted)) || isUnseen)) {
    return { reason: 'Updating', message: `A change is being handed to the ${pods}.` };
  }
  if (updatedReplicas < replicas) {
    return { reason: 'RollingOut', message: `${updatedReplicas} of ${replicas} ${pods} are up to date.` };
  }
  if (readyReplicas < size) return { reason: 'Starting', message: `${readyReplicas} of ${size} ${pods} are ready.` };
  if (replicas > size) return { reason: 'ScalingDown', message: `${replicas} ${pods} are left of which ${size} stay.` };
  return undefined;
}
