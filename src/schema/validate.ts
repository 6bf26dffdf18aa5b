import type { Static, TSchema } from '@sinclair/typebox';
import type { ValueError } from '@sinclair/typebox/errors';
import { canonical } from './canonical.ts';
import type { Compiled } from './compiled.ts';
import { RULES, type Rule, Verbatim } from './rules.ts';

/** Why a field is invalid. Never contains the value itself: it may be a credential. */
export interface FieldError {
  /** Path of the field from the root of the resource, for example `spec.service.type`. */
  path: string;
  /** The requirement that it violates, for example `must be an integer`. */
  message: string;
}

/**
 * Validates a value against its schema and the rules in it.
 * @param root path of the value in the resource, for example `spec`
 * @returns the value with its type and in canonical form, or the first error
 */
export function validate<Schema extends TSchema>(
  check: Compiled<Schema>,
  value: unknown,
  root: string,
): { value: Static<Schema> } | { error: FieldError } {
  if (check.Check(value)) {
    const schema = check.Schema();
    const form = canonical(schema, value);
    const broken = brokenRule(schema, form, root);
    return broken ? { error: broken } : { value: form };
  }
  const error = check.Errors(value).First();
  return { error: { path: root + fieldPath(error?.path ?? ''), message: error ? describe(error) : 'must be valid' } };
}

/**
 * All errors of a value, as `kubectl apply` reports them: violations of its schema and its rules, and unknown fields.
 */
export function everyError(check: Compiled<TSchema>, value: unknown, root: string): FieldError[] {
  const seen = new Set<string>();
  const errors: FieldError[] = [];
  for (const error of check.Errors(value)) {
    const path = root + fieldPath(error.path);
    // Of the errors of one field, the first is the most specific.
    if (!seen.has(path)) errors.push({ path, message: describe(error) });
    seen.add(path);
  }
  const unknown = unknownFields(check.Schema(), value, root).filter(({ path }) => !seen.has(path));
  if (errors.length === 0) errors.push(...duplicates(check.Schema(), value, root));
  const broken = errors.length === 0 ? brokenRule(check.Schema(), canonical(check.Schema(), value), root) : undefined;
  return [...errors, ...unknown, ...(broken ? [broken] : [])];
}

function unknownFields(schema: TSchema, value: unknown, path: string): FieldError[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => (schema.items ? unknownFields(schema.items, item, `${path}[${index}]`) : []));
  }
  if (typeof value !== 'object' || value === null || !schema.properties || schema.patternProperties) return [];
  // An object without declared fields, such as the metadata of a watch-list, accepts any.
  if (Object.keys(schema.properties).length === 0) return [];
  return Object.entries(value).flatMap(([name, field]) => {
    const property: TSchema | undefined = Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    const inside = path + step(name);
    return property ? unknownFields(property, field, inside) : [{ path: inside, message: 'is not a field' }];
  });
}

/** Items of a list that Kubernetes takes for the same one, which it refuses. */
function duplicates(schema: TSchema, value: unknown, path: string): FieldError[] {
  if (Array.isArray(value)) {
    const keys: string[] | undefined = schema['x-kubernetes-list-map-keys'];
    const isSet = schema['x-kubernetes-list-type'] === 'set';
    const first = new Map<string, number>();
    return value.flatMap((item, index) => {
      const inside = schema.items ? duplicates(schema.items, item, `${path}[${index}]`) : [];
      if (!keys && !isSet) return inside;
      const identity = JSON.stringify(keys ? keys.map((key) => item?.[key]) : item);
      const other = first.get(identity);
      first.set(identity, other ?? index);
      if (other === undefined) return inside;
      const message = keys
        ? `must have another ${keys.join(' or ')} than item ${other}`
        : `must differ from item ${other}`;
      return [{ path: `${path}[${index}]`, message }, ...inside];
    });
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries<TSchema>(schema.properties ?? {}).flatMap(([name, property]) => {
    const field: unknown = (value as Record<string, unknown>)[name];
    return field === undefined ? [] : duplicates(property, field, path + step(name));
  });
}

/** The first rule of a schema, or of a nested one, that a value which matches the schema violates. */
function brokenRule(schema: TSchema, value: unknown, path: string): FieldError | undefined {
  const rules: Rule<unknown>[] = schema[RULES] ?? [];
  const broken = rules.find(({ holds }) => !holds(value));
  if (broken) {
    // CEL writes a name with a dash in brackets; the API server prints it like any other.
    return { path: path + (broken.fieldPath ?? '').replace(/\['([\w-]+)'\]/g, '.$1'), message: broken.message };
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const inside = schema.items && brokenRule(schema.items, item, `${path}[${index}]`);
      if (inside) return inside;
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, property] of Object.entries<TSchema>(schema.properties ?? {})) {
      const field: unknown = (value as Record<string, unknown>)[name];
      const inside = field === undefined ? undefined : brokenRule(property, field, path + step(name));
      if (inside) return inside;
    }
  }
  return undefined;
}

/** `must be …` for an error of TypeBox, with the accepted values where there are only a few. */
export function describe(error: ValueError): string {
  if (error.schema['x-kubernetes-int-or-string']) {
    if (!(Verbatim in error.schema)) return 'must be a quantity such as 500m or 1.5Gi, with no sign or exponent';
    const { pattern } = error.schema.anyOf.find(({ type }: TSchema) => type === 'string');
    return `must be an integer in range, or match ${pattern}`;
  }
  if (error.message === 'Unexpected property' && error.schema.properties) return 'is not a field';
  const values: unknown[] = (error.schema.anyOf ?? []).flatMap((literal: TSchema) => literal.const ?? []);
  if (values.length > 0) return `must be one of ${values.join(', ')}`;
  if (typeof error.schema.pattern === 'string' && typeof error.value === 'string') {
    const [, example] = /, for example (\S+?)\.?$/.exec(error.schema.description ?? '') ?? [];
    return `must match ${error.schema.pattern}${example ? `, for example ${example}` : ''}`;
  }
  return error.message
    .replace(
      /^Unexpected property$/,
      'must be the key of a label or an annotation: letters, digits, -, _ and ., optionally prefixed by a domain and /',
    )
    .replace(/^Expected required property$/, 'is required')
    .replace(/^Expected string length /, 'must have a length ')
    .replace(/^Expected \w+ to (be|match) /, 'must $1 ')
    .replace(/^Expected /, 'must be ')
    .replace(/^must be (integer|object|array|string|number|boolean)$/, (_, type: string) => `must be ${inWords[type]}`);
}

/** Types as YAML calls them. */
const inWords: Record<string, string> = {
  ...{ integer: 'an integer', number: 'a number', string: 'a string', boolean: 'true or false' },
  ...{ object: 'a map', array: 'a list' },
};

/** A JSON pointer in the notation of Kubernetes: `/a/0/b` is `.a[0].b`. */
function fieldPath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : step(part)))
    .join('');
}

function step(field: string): string {
  return /^[\w-]+$/.test(field) ? `.${field}` : `[${JSON.stringify(field)}]`;
}
