import type { TSchema } from '@sinclair/typebox';
import { isMap, isScalar, isSeq, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { inline } from '../../src/schema/defaults.ts';
import { meaningOf } from '../../src/schema/fields.ts';
import { code, type Entry, item, prose, title } from './markdown.ts';
import { describeField } from './schema.ts';

/** Defaults that are longer than this are shown by a link. */
const MAX_LENGTH = 100;
const FILE = '../../manifests/chart/values.yaml';

/** A value of the chart. */
interface ChartValue {
  path: string;
  /** The comment above it. */
  text: string;
  value: unknown;
}

/** Values that belong together. */
interface Section {
  name: string;
  text: string;
  values: ChartValue[];
}

/**
 * The page of the values of the Helm chart.
 * @param values `values.yaml`: a comment that begins with `--` describes a value, any other the map below it
 * @param schema `values.schema.json`
 */
export function chartValuesPage(values: string, schema: TSchema): string {
  const { contents } = parseDocument(values);
  if (!isMap(contents)) throw new Error('the values of the chart are no map');
  const sections = sectionsOf(contents);
  const parts = sections.map(({ name, text, values: list }) => {
    const items = list.map((each) => item(entryOf(each, schema)));
    return `## ${name}\n\n${prose(text)}\n\n${items.join('\n')}\n`;
  });
  return `${title('manifests/chart/values.yaml and values.schema.json', 'Chart values')}
The values of the Helm chart \`meshery-operator\`. [Install](../install.md) has the commands; Helm refuses what is of another type. Values that
are not listed are ignored, so that Meshery Server can send those of its other charts.

${parts.join('\n')}`;
}

/** The values of the operator itself, and of each map with a comment of its own. */
function sectionsOf(root: YAMLMap): Section[] {
  const operator: Section = { name: 'Operator', text: 'The Deployment of the operator.', values: [] };
  const others: Section[] = [];
  for (const { key, value, text } of children(root)) {
    if (isMap(value) && text !== undefined && !isDescription(text)) {
      others.push({ name: key, text, values: described(value, `${key}.`) });
    } else operator.values.push(...valuesOf(key, value, text));
  }
  return [operator, ...others];
}

function described(map: YAMLMap, prefix: string): ChartValue[] {
  return children(map).flatMap(({ key, value, text }) => valuesOf(prefix + key, value, text));
}

/** A value with a description, or those inside of it. */
function valuesOf(path: string, value: unknown, text: string | undefined): ChartValue[] {
  if (text !== undefined && isDescription(text)) {
    return [{ path, text: text.replace(/^--\s*/, ''), value: plain(value) }];
  }
  if (isMap(value)) return described(value, `${path}.`);
  throw new Error(`the value ${path} of the chart has no description: a comment above it that begins with "# --"`);
}

function isDescription(text: string): boolean {
  return text.startsWith('--');
}

function plain(value: unknown): unknown {
  if (isMap(value) || isSeq(value)) return value.toJSON();
  return isScalar(value) ? value.value : value;
}

/** The keys of a map with the comments above them. The parser gives that of the first key to the map. */
function children(map: YAMLMap): { key: string; value: unknown; text: string | undefined }[] {
  return (map.items as Pair[]).map(({ key, value }, index) => {
    if (!isScalar(key)) throw new Error('a key of the values of the chart is no text');
    const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined);
    const text = comment
      ?.split('\n')
      .map((line) => line.trim())
      .join(' ')
      .trim();
    return { key: String(key.value), value, text };
  });
}

function entryOf({ path, text, value }: ChartValue, schema: TSchema): Entry {
  const { type, validation } = describeField(typed(schemaAt(schema, path.split('.')), value), path);
  const [, description = text, words] = /^(.*?)\s*Default: (.*)\.$/.exec(text) ?? [];
  return {
    name: path,
    facts: [[type, ...validation].join('; '), `default: ${words === undefined ? shown(value) : prose(words)}`],
    text: prose(description),
  };
}

function shown(value: unknown): string {
  const text = value === '' ? '""' : inline(value);
  return text.length > MAX_LENGTH ? `see [values.yaml](${FILE})` : code(text);
}

function schemaAt(schema: TSchema | undefined, [name, ...rest]: string[]): TSchema | undefined {
  return name === undefined ? schema : schemaAt(schema?.properties?.[name], rest);
}

/** The schema in the form of those of fields; without one, the type of the value. */
function typed(schema: TSchema | undefined, value: unknown): TSchema {
  const { enum: only, type, oneOf, pattern, items, properties, ...rest } = (schema ?? {}) as TSchema;
  const alternatives: string[] = oneOf?.map((each: TSchema) => each.type) ?? [type ?? typeOf(value)].flat();
  return {
    ...rest,
    ...(only && { anyOf: only.map((each: string) => ({ const: each })) }),
    ...(pattern !== undefined && meaningOf(pattern) !== undefined && { pattern }),
    type: alternatives.map((each) => (each === 'array' ? 'list' : each)).join(' or '),
  } as TSchema;
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value;
}
