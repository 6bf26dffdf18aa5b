import type { Static, TSchema } from '@sinclair/typebox';

/**
 * Key of the value that an absent field has, in the schema of the field. The CRD says it in the description and does not persist
 * it, so that another version of the operator can have another default.
 */
export const Default = Symbol('Default');

/** Key of the same in words, where it is no value of the field. */
export const DefaultInWords = Symbol('DefaultInWords');

/** A schema that several fields share, with the default of one of them. */
export function withDefault<Schema extends TSchema>(schema: Schema, value: Static<Schema>): Schema {
  return { ...schema, [Default]: value };
}

/** What an absent field means: a value of the field, or words; `undefined` where its schema says nothing. */
export function defaultOf(schema: TSchema): { value: unknown } | { words: string } | undefined {
  const { [Default]: value, [DefaultInWords]: words } = schema as {
    [Default]?: unknown;
    [DefaultInWords]?: string;
  };
  if (words !== undefined) return { words };
  return value === undefined ? undefined : { value };
}

/** A value as YAML on one line. */
export function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([name, field]) => `${name}: ${inline(field)}`)
    .join(', ')}}`;
}

/** The description of a field with its default, as `kubectl explain` prints it. */
export function explained(schema: TSchema): string | undefined {
  const absent = defaultOf(schema);
  if (!absent) return schema.description;
  return `${schema.description} Default: ${'words' in absent ? absent.words : inline(absent.value)}.`;
}
