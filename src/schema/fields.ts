import { FormatRegistry, type SchemaOptions, Type } from '@sinclair/typebox';

/** Options of a schema that ends up in a CRD; `description` is what `kubectl explain` prints. */
export interface FieldOptions extends SchemaOptions {
  description: string;
}

/** Key of the name of a structure, which the reference describes in one place: several fields have it, or it is large. */
export const Structure = Symbol('Structure');

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

/** What the patterns of all schemas mean, for the reference. */
const meanings = new Map<string, string>();

/**
 * A pattern of a schema.
 * @param meaning what matches it, for people: `a DNS label`
 * @param source the regular expression
 */
export function pattern(meaning: string, source: string): string {
  meanings.set(source, meaning);
  return source;
}

/** What matches a pattern, for people; `undefined` for one that was made without it. */
export function meaningOf(source: string): string | undefined {
  return meanings.get(source);
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;

/** A DNS-1123 label (names of namespaces). */
export const DNS_LABEL = pattern('a DNS label', `^${LABEL}$`);

/** The same, or empty. */
export const DNS_LABEL_OR_EMPTY = pattern('a DNS label or empty', `^(${LABEL})?$`);

/** A DNS-1123 subdomain (names of most objects). */
export const DNS_SUBDOMAIN = pattern('a DNS subdomain', `^${SUBDOMAIN}$`);

/** The same, or empty. */
export const DNS_SUBDOMAIN_OR_EMPTY = pattern('a DNS subdomain or empty', `^(${SUBDOMAIN})?$`);

/** An IP address; only its characters are checked here. */
export const IP = pattern('an IP address', '^[0-9A-Fa-f.:]+$');

/** The same, or empty. */
export const IP_OR_EMPTY = pattern('an IP address or empty', '^[0-9A-Fa-f.:]*$');

/** A range of IP addresses; only its form is checked here. */
export const CIDR = pattern('a range in CIDR notation', '^[0-9A-Fa-f.:]+/[0-9]{1,3}$');

/** The name of an object, or empty where there is none. */
export function ObjectName(description: string, options: SchemaOptions = {}) {
  return Type.String({ description, maxLength: 253, pattern: DNS_SUBDOMAIN_OR_EMPTY, ...options });
}

/**
 * Pattern of an image tag, optionally followed by a digest, or empty: what follows `repository:`.
 * From the grammar of image references (github.com/distribution/reference).
 */
export const IMAGE_TAG_OR_EMPTY = pattern(
  'an image tag or empty',
  '^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?)?$',
);

const LABEL_PART = '([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)';

/** A qualified name: the key of a label or an annotation. */
export const QUALIFIED_NAME = pattern('a qualified name such as example.com/team', `^(${SUBDOMAIN}/)?${LABEL_PART}$`);

/** The same, or empty. */
export const QUALIFIED_NAME_OR_EMPTY = pattern('a qualified name or empty', `^$|${QUALIFIED_NAME}`);

/** A qualified name with the length limit of its prefix, in a syntax that the API server does not support. */
const NAMED_KEY = pattern(
  'qualified names such as example.com/team',
  `^(?=[^/]{1,253}/|[^/]+$)(${SUBDOMAIN}/)?${LABEL_PART}$`,
);

/** A value of a label. */
export const LABEL_VALUE = pattern('a label value', `^${LABEL_PART}?$`);
