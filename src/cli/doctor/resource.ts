import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Condition } from '../../metacontroller/condition.ts';
import { conditionsOf } from '../../metacontroller/conditions.ts';
import type { Resource } from '../cluster/objects.ts';

const Observed = Type.Object({ observedGeneration: Type.Integer() });

/** The generation that the status of a resource is of; -1 where it was never synced. */
export function generationOf({ status }: Resource): number {
  return Value.Check(Observed, status) ? status.observedGeneration : -1;
}

/** Whether the status of a resource is of its present generation. */
export function isSynced(resource: Resource): boolean {
  return generationOf(resource) === resource.metadata.generation;
}

/** A condition of a resource, `undefined` where it has none of that type. */
export function conditionOf({ status }: Resource, type: string): Condition | undefined {
  return conditionsOf(status).find((condition) => condition.type === type);
}

/** When a sync has last changed a condition of a resource, in milliseconds; 0 where none has. */
export function lastTransition({ status }: Resource): number {
  return Math.max(0, ...conditionsOf(status).map(({ lastTransitionTime }) => Date.parse(lastTransitionTime)));
}
