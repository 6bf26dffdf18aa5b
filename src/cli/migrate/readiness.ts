import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { ClusterObject } from '../cluster/connection.ts';
import { objectInWords } from '../cluster/objects.ts';

const Status = Type.Object({
  status: Type.Object({
    observedGeneration: Type.Optional(Type.Integer()),
    conditions: Type.Optional(
      Type.Array(
        Type.Object({ type: Type.String(), status: Type.String(), reason: Type.String(), message: Type.String() }),
      ),
    ),
  }),
});

/**
 * What a resource waits for, `undefined` once this operator has it Ready and its pods are those of this operator. The Go
 * operator writes a condition Ready too, but not the generation of the status.
 */
export function waitingFor(resource: ClusterObject): string | undefined {
  const about = objectInWords(resource);
  if (!Value.Check(Status, resource)) return `${about}, which was not synced yet`;
  const { observedGeneration, conditions = [] } = resource.status;
  if (observedGeneration !== resource.metadata.generation) return `${about}, which was not synced yet`;
  const of = (type: string) => conditions.find((condition) => condition.type === type);
  const ready = of('Ready');
  if (ready?.status !== 'True') return `${about}, which is not Ready: ${ready?.message ?? 'it has no condition Ready'}`;
  const progressing = of('Progressing');
  return progressing?.status === 'True' ? `${about}, whose pods are replaced: ${progressing.message}` : undefined;
}
