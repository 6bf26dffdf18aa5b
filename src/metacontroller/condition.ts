import { FormatRegistry, type Static, Type } from '@sinclair/typebox';
import { pattern, StringEnum } from '../schema/fields.ts';

const TYPE = pattern(
  'a qualified name',
  '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$',
);
const REASON = pattern('letters, digits and _,: after a letter', '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$');

/** `metav1.Condition`, field by field as Kubernetes validates it. */
export const Condition = Type.Object(
  {
    type: Type.String({
      description: 'Type of the condition, in CamelCase.',
      maxLength: 316,
      pattern: TYPE,
    }),
    status: StringEnum(['True', 'False', 'Unknown'], { description: 'Status of the condition.' }),
    observedGeneration: Type.Optional(
      Type.Integer({ description: 'The metadata.generation for which the condition was set.', minimum: 0 }),
    ),
    lastTransitionTime: Type.String({
      description: 'When the status of the condition last changed.',
      format: 'date-time',
    }),
    reason: Type.String({
      description: 'Machine-readable reason for the status, in CamelCase.',
      maxLength: 1024,
      minLength: 1,
      pattern: REASON,
    }),
    message: Type.String({
      description: 'Human-readable explanation of the status, and what to do about it.',
      maxLength: 32768,
    }),
  },
  { description: 'One aspect of the observed state of the resource.' },
);
export type Condition = Static<typeof Condition>;

FormatRegistry.Set('date-time', (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value));

/**
 * The status of a resource that was never synced: the default of its CRD. Tools that compare generations, as kstatus does,
 * would take a resource without a status for one that is ready.
 */
export const neverSynced = { observedGeneration: -1 } as const;

/** Status fields of every resource. */
export const conditionedStatus = {
  observedGeneration: Type.Optional(
    Type.Integer({
      description: 'The metadata.generation that this status is computed from; -1 before the first sync.',
      minimum: neverSynced.observedGeneration,
    }),
  ),
  conditions: Type.Optional(
    Type.Array(Condition, {
      description: 'Conditions of the resource; Ready summarizes the others.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    }),
  ),
};
