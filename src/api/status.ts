import { type TSchema, Type } from '@sinclair/typebox';
import { conditionedStatus } from '../metacontroller/condition.ts';

/** Status fields of both resources. */
export const commonStatus = {
  observedGeneration: conditionedStatus.observedGeneration,
  replicas: Type.Optional(
    Type.Integer({
      description: 'Number of pods that exist or are being created; read by the scale subresource.',
      minimum: 0,
    }),
  ),
  readyReplicas: Type.Optional(Type.Integer({ description: 'Number of pods that are ready.', minimum: 0 })),
  selector: Type.Optional(
    Type.String({ description: 'Label selector of the pods, as a string; read by the scale subresource.' }),
  ),
  version: Type.Optional(Type.String({ description: 'Image tag of the pods.' })),
  conditions: conditionedStatus.conditions,
} satisfies Record<string, TSchema>;
