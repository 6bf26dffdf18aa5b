import { objectInWords } from '../cluster/objects.ts';
import type { Facts } from './facts.ts';
import { versionOf } from './go-operator.ts';
import { notesOf } from './notes.ts';
import { type Obstacle, obstaclesOf } from './obstacles.ts';
import { isDone, type Step } from './step.ts';
import { isMigrating, stepsOf } from './steps.ts';

/** What a migration of a cluster is about to do. */
export interface Plan {
  context: string;
  /** What was found of the Go operator, in lines. */
  found: string[];
  obstacles: Obstacle[];
  notes: string[];
  steps: Step[];
  /** Whether nothing is left to do. */
  isComplete: boolean;
}

/** The plan of a migration, from what was found in the cluster. */
export function planOf(facts: Facts): Plan {
  const steps = stepsOf(facts);
  const isComplete = !isMigrating(facts) && steps.every(isDone);
  return {
    context: facts.context,
    found: foundIn(facts),
    obstacles: isComplete ? [] : obstaclesOf(facts),
    notes: isComplete ? [] : notesOf(facts),
    steps,
    isComplete,
  };
}

function foundIn({ goOperators, record, resources }: Facts): string[] {
  return [
    ...goOperators.map((deployment) => `Meshery's Go operator ${versionOf(deployment)}: ${objectInWords(deployment)}`),
    ...(record ? [`a migration that has begun: Secret ${record.namespace}/${record.secret.metadata.name}`] : []),
    ...resources.map(objectInWords),
  ];
}
