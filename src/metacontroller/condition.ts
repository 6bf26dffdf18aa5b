import { FormatRegistry, type Static, Type } from '@sinclair/typebox';
import { StringEnum } from '../schema/fields.ts';

/** `metav1.Condition`, field by field as Kubernetes validates it. */
export const Condition = Type.Object(
  {
    type: Type.String({
      description: 'Type of the condition, in CamelCase.',
      maxLength: 316,
      pattern:
        '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$',
    }),
    status: StringEnum(['True', 'False', 'Unknown'], { description: 'Status of the condition.' }),
    observedGeneration: Type.Optional(
      Type.Integer({ description: 'The metadata.generation that the condition was set upon.', minimum: 0 }),
    ),
    lastTransitionTime: Type.String({
      description: 'When the status of the condition last changed.',
      format: 'date-time',
    }),
    reason: Type.String({
      description: 'Why the condition has its status, as a CamelCase word for programs.',
      maxLength: 1024,
      minLength: 1,
      pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
    }),
    message: Type.String({
      description: 'Why the condition has its status and what to do about it, for people.',
      maxLength: 32768,
    }),
  },
  { description: 'One aspect of the current state of the resource.' },
);
export type Condition = Static<typeof Condition>;

FormatRegistry.Set('date-time', (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value));

/** Status fields of every resource. */
export const conditionedStatus = {
  observedGeneration: Type.Optional(
    Type.Integer({ description: 'The metadata.generation that this status was worked out for.', minimum: 0 }),
  ),
  conditions: Type.Optional(
    Type.Array(Condition, {
      description: 'State of the resource; Ready is the summary of the others.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    }),
  ),
};
