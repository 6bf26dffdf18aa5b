import type { Static, TSchema } from '@sinclair/typebox';
import { canonicalQuantity } from './quantity.ts';
import { EmptyCounts, Verbatim } from './rules.ts';

/**
 * A valid value in the canonical form that the API server returns, so that children made from it never differ from the
 * observed ones: quantities are canonical; an empty string, list, map or object is treated as absent, as Go clients write
 * them, unless its schema says that it counts; unknown fields are dropped.
 */
export function canonical<Schema extends TSchema>(schema: Schema, value: Static<Schema>): Static<Schema> {
  if (schema['x-kubernetes-int-or-string'])
    return Verbatim in schema ? value : canonicalQuantity(value as string | number);
  if (Array.isArray(value)) return value.map((item) => canonical(schema.items, item));
  if (!schema.properties || typeof value !== 'object' || value === null) return value;
  const fields: [string, unknown][] = [];
  for (const [name, property] of Object.entries<TSchema>(schema.properties)) {
    const field: unknown = (value as Record<string, unknown>)[name];
    if (field === undefined) continue;
    const inside = canonical(property, field);
    if (EmptyCounts in property || !isEmpty(inside)) fields.push([name, inside]);
  }
  return Object.fromEntries(fields);
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === '';
}
