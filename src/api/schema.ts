import { FormatRegistry, type SchemaOptions, type Static, type TSchema, Type } from '@sinclair/typebox';

/** API group of the custom resources. */
export const API_GROUP = 'meshery.io';

/** The version that is stored, and the one that Metacontroller watches. */
export const STORAGE_VERSION = 'v1alpha2';

/** Every served version, oldest first. All have the same schema, so the conversion strategy is `None`. */
export const SERVED_VERSIONS = ['v1alpha1', STORAGE_VERSION] as const;

/** A rule over several fields of an object, in both forms: for the API server at apply, and for the hooks. */
export interface Rule<Value> {
  /** CEL over `self`. */
  rule: string;
  /** What the field at `fieldPath` must be. */
  message: string;
  /** Path from the object, for example `.loadBalancerClass`. Default: the object itself. */
  fieldPath?: string;
  /** The same as `rule`, over a value that fits the schema. */
  holds: (value: Value) => boolean;
}

/** Key of the rules of a schema; the API server reads them from a CRD under this name. */
export const RULES = 'x-kubernetes-validations';

/** An object schema with rules over its fields. */
export function withRules<Schema extends TSchema>(schema: Schema, rules: Rule<Static<Schema>>[]): Schema {
  return { ...schema, [RULES]: rules };
}

/** Marks a schema of selectors: an empty one selects everything, while any other empty object counts as absent. */
export const SelectsAll = Symbol('SelectsAll');

const properties = new WeakMap<TSchema, [name: string, schema: TSchema][]>();

/** The properties of an object schema, listed once: schemas are walked with each value. */
export function propertiesOf(schema: TSchema): [name: string, schema: TSchema][] {
  const known = properties.get(schema);
  if (known) return known;
  const listed = Object.entries<TSchema>(schema.properties ?? {});
  properties.set(schema, listed);
  return listed;
}

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

/**
 * A map whose keys are qualified names, as those of labels and annotations are. A schema of a CRD can't say that of keys,
 * so it is said by a condition.
 */
export function NamedStrings(options: FieldOptions, value = Type.String()) {
  return Type.Record(Type.String({ pattern: NAMED_KEY }), value, { ...options, additionalProperties: false });
}

/** Pattern of a DNS-1123 label (names of namespaces), or empty. */
export const DNS_LABEL_OR_EMPTY = '^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$';

/** Pattern of a DNS-1123 subdomain (names of most objects), or empty. */
export const DNS_SUBDOMAIN_OR_EMPTY = '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$';

/**
 * Pattern of an image tag, optionally with a digest behind it, or empty: what may stand behind `repository:`.
 * From the grammar of image references (github.com/distribution/reference).
 */
export const IMAGE_TAG_OR_EMPTY = '^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?)?$';

const LABEL_PART = '([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)';
const SUBDOMAIN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';

/** Pattern of a qualified name: what labels and annotations are called. */
export const QUALIFIED_NAME = `^(${SUBDOMAIN}/)?${LABEL_PART}$`;

/** The same with the limit of its prefix, in a form that the API server does not understand. */
const NAMED_KEY = `^(?=[^/]{1,253}/|[^/]+$)(${SUBDOMAIN}/)?${LABEL_PART}$`;

/** Pattern of a value of a label. */
export const LABEL_VALUE = `^${LABEL_PART}?$`;

/** `metav1.Condition`, field by field as Kubernetes validates it. */
export const Condition = Type.Object(
  {
    type: Type.String({
      description: 'Type of the condition, in CamelCase.',
      maxLength: 316,
      pattern:
        '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$',
    }),
    status: StringEnum(['True', 'False', 'Unknown'], { description: 'Status of the condition.' }),
    observedGeneration: Type.Optional(
      Type.Integer({ description: 'The metadata.generation that the condition was set upon.', minimum: 0 }),
    ),
    lastTransitionTime: Type.String({
      description: 'When the status of the condition last changed.',
      format: 'date-time',
    }),
    reason: Type.String({
      description: 'Why the condition has its status, as a CamelCase word for programs.',
      maxLength: 1024,
      minLength: 1,
      pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
    }),
    message: Type.String({
      description: 'Why the condition has its status and what to do about it, for people.',
      maxLength: 32768,
    }),
  },
  { description: 'One aspect of the current state of the resource.' },
);
export type Condition = Static<typeof Condition>;

FormatRegistry.Set('date-time', (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value));

/** Status fields that both kinds have. */
export const commonStatus = {
  observedGeneration: Type.Optional(
    Type.Integer({ description: 'The metadata.generation that this status was worked out for.', minimum: 0 }),
  ),
  replicas: Type.Optional(
    Type.Integer({
      description: 'Number of pods that exist or are about to; read by the scale subresource.',
      minimum: 0,
    }),
  ),
  readyReplicas: Type.Optional(Type.Integer({ description: 'Number of pods that are ready.', minimum: 0 })),
  selector: Type.Optional(
    Type.String({ description: 'Label selector of the pods, as a string; read by the scale subresource.' }),
  ),
  version: Type.Optional(Type.String({ description: 'Image tag of the pods.' })),
  conditions: Type.Optional(
    Type.Array(Condition, {
      description: 'State of the resource; Ready is the summary of the others.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    }),
  ),
} satisfies Record<string, TSchema>;
