import type { TSchema } from '@sinclair/typebox';
import { MAX_INT32 } from '../../src/kubernetes/container-fields.ts';
import { defaultOf, inline } from '../../src/schema/defaults.ts';
import { meaningOf, Structure } from '../../src/schema/fields.ts';
import { RULES, type Rule, Verbatim } from '../../src/schema/rules.ts';
import { anchor, code, prose } from './markdown.ts';

/** A field as the reference shows it; texts are in Markdown. */
export interface Field {
  path: string;
  type: string;
  /** What a value must be, besides its type. */
  validation: string[];
  isRequired: boolean;
  /** What an absent field means; absent where the schema does not say it. */
  absent?: string;
  description?: string;
}

/** A rule over several fields: the path that it blames, and what must be true of it. */
export interface FieldRule {
  path: string;
  message: string;
}

/** A schema as a list of fields, with those inside of it. */
export interface Described {
  fields: Field[];
  rules: FieldRule[];
  /** Structures with a name that it has: their fields are not in the list. */
  structures: TSchema[];
}

/**
 * Describes the fields inside an object.
 * @param path of the object; empty for the root of a structure
 */
export function describe(schema: TSchema, path: string): Described {
  const found: Described = { fields: [], rules: [], structures: [] };
  visit(schema, path, found);
  return found;
}

/** Describes a field that is not inside another one. */
export function describeField(schema: TSchema, path: string, isRequired = false): Field {
  const absent = defaultOf(schema) ?? (schema.default === undefined ? undefined : { value: schema.default });
  const hasDefault = absent && typeof schema.default !== 'object';
  return {
    path,
    type: typeOf(schema),
    validation: validationOf(schema),
    isRequired,
    ...(hasDefault && { absent: 'words' in absent ? prose(absent.words) : code(inline(absent.value)) }),
    ...(schema.description && { description: prose(schema.description) }),
  };
}

function visit(schema: TSchema, path: string, found: Described): void {
  const rules: Rule<unknown>[] = schema[RULES] ?? [];
  found.rules.push(...rules.map(({ fieldPath = '', message }) => ({ path: join(path, fieldPath), message })));
  if (schema.items) inside(schema.items, `${path}[]`, found);
  const required: string[] = schema.required ?? [];
  for (const [name, property] of Object.entries<TSchema>(schema.properties ?? {})) {
    const field = path === '' ? name : `${path}.${name}`;
    found.fields.push(describeField(property, field, required.includes(name)));
    inside(property, field, found);
  }
}

/** Describes what is inside a field, unless that has a name. */
function inside(schema: TSchema, path: string, found: Described): void {
  if (structureOf(schema) === undefined) visit(schema, path, found);
  else found.structures.push(schema);
}

/** The name of a structure, `undefined` for one that is described where it is. */
export function structureOf(schema: TSchema): string | undefined {
  return (schema as { [Structure]?: string })[Structure];
}

/** CEL writes a name with a dash in brackets. */
function join(path: string, fieldPath: string): string {
  const plain = fieldPath.replaceAll(/\['([\w-]+)'\]/g, '.$1');
  return path === '' ? plain.slice(1) : path + plain;
}

function typeOf(schema: TSchema): string {
  const name = structureOf(schema);
  if (name !== undefined) return `[${name}](#${anchor(name)})`;
  if (schema['x-kubernetes-int-or-string']) return Verbatim in schema ? 'integer or string' : 'quantity';
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  const [values] = Object.values<TSchema>(schema.patternProperties ?? {});
  if (values) return `map of ${typeOf(values)}`;
  return valuesOf(schema).length > 0 ? 'string' : (schema.type ?? 'anything');
}

function validationOf(schema: TSchema): string[] {
  if (schema['x-kubernetes-int-or-string']) return Verbatim in schema ? schema.anyOf.flatMap(validationOf) : [];
  const values = valuesOf(schema);
  if (values.length > 0) return [choice(values)];
  const [keys, inMap] = Object.entries<TSchema>(schema.patternProperties ?? {})[0] ?? [];
  const meaning = keys && meaningOf(keys);
  const of = (what: string, part: TSchema | undefined) => {
    const texts = part && structureOf(part) === undefined ? validationOf(part) : [];
    return texts.length > 0 ? [`${what} ${texts.join(', ')}`] : [];
  };
  return [
    ...range(schema),
    ...patternOf(schema),
    ...count(schema.minLength, schema.maxLength, 'character'),
    ...count(schema.minItems, schema.maxItems, 'item'),
    ...unique(schema),
    ...(meaning ? [`keys: ${prose(meaning)}`] : []),
    ...of('values:', inMap),
    ...of('each', schema.items),
  ];
}

function choice(values: string[]): string {
  const named = values.filter((value) => value !== '').map(code);
  const all = named.length > 1 ? `one of ${named.join(', ')}` : named.join();
  return values.includes('') ? `${all}, or empty` : all;
}

function valuesOf({ anyOf = [], const: only }: TSchema): string[] {
  return [...(only === undefined ? [] : [only]), ...anyOf.flatMap((each: TSchema) => each.const ?? [])];
}

function range({ minimum, maximum }: TSchema): string[] {
  const most = maximum === MAX_INT32 ? undefined : maximum;
  if (minimum !== undefined && most !== undefined) return [`${minimum} to ${most}`];
  return [
    ...(minimum === undefined ? [] : [`at least ${minimum}`]),
    ...(most === undefined ? [] : [`at most ${most}`]),
  ];
}

/** The pattern in words; one that has none would be a riddle. */
function patternOf({ pattern, format, type }: TSchema): string[] {
  if (type === 'string' && format !== undefined) return [FORMATS[format] ?? format];
  if (pattern === undefined) return [];
  const meaning = meaningOf(pattern);
  if (meaning === undefined) throw new Error(`the pattern ${pattern} has no meaning in words: see pattern()`);
  return [prose(meaning)];
}

const FORMATS: Record<string, string> = { byte: 'Base64', 'date-time': 'a time as in RFC 3339' };

function count(least: number | undefined, most: number | undefined, what: string): string[] {
  const plural = (number: number) => `${number} ${what}${number === 1 ? '' : 's'}`;
  if (least !== undefined && most !== undefined) return [`${least} to ${plural(most)}`];
  if (most !== undefined) return [`at most ${plural(most)}`];
  return least === undefined ? [] : [`at least ${plural(least)}`];
}

function unique(schema: TSchema): string[] {
  const keys: string[] | undefined = schema['x-kubernetes-list-map-keys'];
  if (keys) return [`one for each ${keys.map(code).join(' and ')}`];
  return schema['x-kubernetes-list-type'] === 'set' ? ['no duplicates'] : [];
}
