import type { Static, TSchema } from '@sinclair/typebox';
import { canonicalQuantity } from './quantity.ts';
import { SelectsAll } from './rules.ts';

/**
 * A value that fits its schema in the one form in which the API server gives it back, so that what is made from it is
 * never taken for a change: quantities are canonical; an empty string, list, map or object counts as absent, as Go
 * clients write them; fields that the schema does not know are left out.
 */
export function canonical<Schema extends TSchema>(schema: Schema, value: Static<Schema>): Static<Schema> {
  if (schema['x-kubernetes-int-or-string']) return canonicalQuantity(value as string | number);
  if (Array.isArray(value)) return value.map((item) => canonical(schema.items, item));
  if (!schema.properties || typeof value !== 'object' || value === null) return value;
  const fields: [string, unknown][] = [];
  for (const [name, property] of Object.entries<TSchema>(schema.properties)) {
    const field: unknown = (value as Record<string, unknown>)[name];
    if (field === undefined) continue;
    const inside = canonical(property, field);
    if (SelectsAll in property || !isEmpty(inside)) fields.push([name, inside]);
  }
  return Object.fromEntries(fields);
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === '';
}
