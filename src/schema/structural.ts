import type { V1JSONSchemaProps } from '@kubernetes/client-node';
import type { TSchema } from '@sinclair/typebox';
import { explained } from './defaults.ts';
import { OnlyRequiredInCrd, RULES, type Rule } from './rules.ts';

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
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
] as const;

/** Keywords that say what is kept of an object and how it is merged; `maxItems` too, since it bounds the cost of rules. */
const shapeKeywords = [
  ...['type', 'default', 'required', 'maxItems', 'anyOf', 'x-kubernetes-int-or-string'],
  ...['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-list-type', 'x-kubernetes-list-map-keys'],
];

/** A structural schema with the same fields and types, and without what only checks or describes them. */
export function shape(schema: V1JSONSchemaProps): V1JSONSchemaProps {
  const { properties, items, additionalProperties } = schema;
  return {
    ...Object.fromEntries(Object.entries(schema).filter(([key]) => shapeKeywords.includes(key))),
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, shape(field)])),
    }),
    ...(items && { items: shape(items) }),
    ...(additionalProperties && { additionalProperties: shape(additionalProperties) }),
  };
}

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
  const required: string[] = rest.required ?? [];
  const result: Record<string, unknown> = {};
  for (const key of sharedKeywords) {
    if (rest[key] !== undefined) result[key] = rest[key];
    delete rest[key];
  }
  if (result.description !== undefined) result.description = explained(schema);
  const unknown = Object.keys(rest);
  if (unknown.length > 0) throw new Error(`no structural form for ${unknown.join(', ')}`);
  const isLoose = OnlyRequiredInCrd in schema;
  if (rules && !isLoose) result[RULES] = rules.map(({ holds: _holds, ...rule }: Rule<never>) => rule);
  if (result['x-kubernetes-int-or-string']) {
    // A pattern applies to strings only. The types are in the alternatives, as in Kubernetes' own CRDs.
    result.anyOf = anyOf.map(({ type }: TSchema) => ({ type }));
    Object.assign(result, stringKeywords(anyOf));
  } else if (anyOf) {
    result.type = 'string';
    result.enum = anyOf.map((literal: TSchema) => literal.const);
  }
  if (isLoose) result['x-kubernetes-preserve-unknown-fields'] = true;
  const declared = Object.entries<TSchema>(properties ?? {}).filter(([name]) => !isLoose || required.includes(name));
  if (declared.length > 0) {
    result.properties = Object.fromEntries(declared.map(([name, property]) => [name, structural(property)]));
  }
  if (items) result.items = structural(items);
  if (patternProperties && !result['x-kubernetes-preserve-unknown-fields']) {
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
