import { FormatRegistry, type SchemaOptions, Type } from '@sinclair/typebox';

/** Options of a schema that ends up in a CRD; `description` is what `kubectl explain` prints. */
export interface FieldOptions extends SchemaOptions {
  description: string;
}

FormatRegistry.Set('byte', (value) => /^[A-Za-z0-9+/]*={0,2}$/.test(value) && value.length % 4 === 0);

/** One of a fixed set of strings; `enum` in the CRD. */
export function StringEnum<const Values extends readonly string[]>(values: Values, options: FieldOptions) {
  return Type.Union(
    values.map((value) => Type.Literal<Values[number]>(value)),
    options,
  );
}

/** A map from string to string; `additionalProperties` in the CRD. */
export function StringMap(options: FieldOptions) {
  return Type.Record(Type.String(), Type.String(), options);
}

/** A map of anything, of which the API server keeps every field. */
export function FreeMap(options: FieldOptions) {
  return Type.Record(Type.String(), Type.Unknown(), { ...options, 'x-kubernetes-preserve-unknown-fields': true });
}

/**
 * A map whose keys are qualified names, such as labels and annotations. The schema of a CRD can't restrict keys, so a
 * condition reports an invalid one.
 */
export function NamedStrings(options: FieldOptions, value = Type.String()) {
  return Type.Record(Type.String({ pattern: NAMED_KEY }), value, { ...options, additionalProperties: false });
}

/** Pattern of a DNS-1123 label (names of namespaces), or empty. */
export const DNS_LABEL_OR_EMPTY = '^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$';

const SUBDOMAIN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';

/** Pattern of a DNS-1123 subdomain (names of most objects). */
export const DNS_SUBDOMAIN = `^${SUBDOMAIN}$`;

/** The same, or empty. */
export const DNS_SUBDOMAIN_OR_EMPTY = `^(${SUBDOMAIN})?$`;

/** The name of an object, or empty where there is none. */
export function ObjectName(description: string, options: SchemaOptions = {}) {
  return Type.String({ description, maxLength: 253, pattern: DNS_SUBDOMAIN_OR_EMPTY, ...options });
}

/**
 * Pattern of an image tag, optionally followed by a digest, or empty: what follows `repository:`.
 * From the grammar of image references (github.com/distribution/reference).
 */
export const IMAGE_TAG_OR_EMPTY = '^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?)?$';

const LABEL_PART = '([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)';

/** Pattern of a qualified name: the key of a label or an annotation. */
export const QUALIFIED_NAME = `^(${SUBDOMAIN}/)?${LABEL_PART}$`;

/** The same with the length limit of its prefix, in a syntax that the API server does not support. */
const NAMED_KEY = `^(?=[^/]{1,253}/|[^/]+$)(${SUBDOMAIN}/)?${LABEL_PART}$`;

/** Pattern of a value of a label. */
export const LABEL_VALUE = `^${LABEL_PART}?$`;
