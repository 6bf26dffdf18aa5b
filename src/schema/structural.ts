import type { V1JSONSchemaProps } from '@kubernetes/client-node';
import type { TSchema } from '@sinclair/typebox';
import { RULES, type Rule } from './rules.ts';

/** Keywords that mean the same in JSON Schema and in a structural schema of a CRD. */
const sharedKeywords = [
  'type',
  'description',
  'format',
  'default',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'pattern',
  'required',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
] as const;

/**
 * Converts a TypeBox schema into the structural schema of a CRD: unions of literals become `enum`, records become
 * `additionalProperties`. Throws on an unknown keyword, so that no constraint is lost.
 */
export function structural(schema: TSchema): V1JSONSchemaProps {
  const {
    anyOf,
    properties,
    items,
    patternProperties,
    additionalProperties: _otherKeys,
    [RULES]: rules,
    ...rest
  } = schema;
  const result: Record<string, unknown> = {};
  for (const key of sharedKeywords) {
    if (rest[key] !== undefined) result[key] = rest[key];
    delete rest[key];
  }
  const unknown = Object.keys(rest);
  if (unknown.length > 0) throw new Error(`no structural form for ${unknown.join(', ')}`);
  if (rules) result[RULES] = rules.map(({ holds: _holds, ...rule }: Rule<never>) => rule);
  if (result['x-kubernetes-int-or-string']) {
    // A pattern applies to strings only. The types are in the alternatives, as in Kubernetes' own CRDs.
    result.anyOf = anyOf.map(({ type }: TSchema) => ({ type }));
    Object.assign(result, stringKeywords(anyOf));
  } else if (anyOf) {
    result.type = 'string';
    result.enum = anyOf.map((literal: TSchema) => literal.const);
  }
  if (properties && Object.keys(properties).length > 0) {
    result.properties = Object.fromEntries(
      Object.entries<TSchema>(properties).map(([name, property]) => [name, structural(property)]),
    );
  }
  if (items) result.items = structural(items);
  if (patternProperties) {
    // A structural schema can't restrict keys.
    const [values] = Object.values<TSchema>(patternProperties);
    if (values) result.additionalProperties = structural(values);
  }
  return result;
}

function stringKeywords(alternatives: TSchema[]): object {
  const string = alternatives.find(({ type }) => type === 'string');
  return { pattern: string?.pattern, maxLength: string?.maxLength };
}
