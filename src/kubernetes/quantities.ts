import { Type } from '@sinclair/typebox';
import { compareQuantities, QUANTITY } from '../schema/quantity.ts';
import type { Rule } from '../schema/rules.ts';

/** A quantity of a resource, in the notation of Kubernetes. */
export function Quantity(description: string) {
  return Type.Union([Type.Integer({ minimum: 0 }), Type.String({ pattern: QUANTITY, maxLength: 32 })], {
    description,
    'x-kubernetes-int-or-string': true,
  });
}

/** Quantities of resources, by name. */
export const resourceQuantities = {
  cpu: Type.Optional(Quantity('CPU in cores, for example 500m.')),
  memory: Type.Optional(Quantity('Memory in bytes, for example 256Mi.')),
  'ephemeral-storage': Type.Optional(Quantity('Ephemeral storage in bytes, for example 1Gi.')),
};

type ResourceName = keyof typeof resourceQuantities;
type Quantities = { [Name in ResourceName]?: string | number };

/** A request of a container is at most its limit. */
export const requestsWithinLimits: Rule<{ requests?: Quantities; limits?: Quantities }>[] = (
  ['cpu', 'memory', 'ephemeral-storage'] as const
).map((name) => {
  const field = name.replace('-', '__dash__');
  return {
    rule: `!has(self.requests) || !has(self.limits) || !has(self.requests.${field}) || !has(self.limits.${field}) || quantity(string(self.requests.${field})).compareTo(quantity(string(self.limits.${field}))) <= 0`,
    message: `must not be more than the limit of ${name}`,
    fieldPath: name.includes('-') ? `.requests['${name}']` : `.requests.${name}`,
    holds: ({ requests, limits }) =>
      compareQuantities(requests?.[name] ?? 0, limits?.[name] ?? Number.MAX_SAFE_INTEGER) <= 0,
  };
});
