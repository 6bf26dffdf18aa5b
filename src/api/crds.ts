import type {
  V1CustomResourceColumnDefinition,
  V1CustomResourceDefinition,
  V1JSONSchemaProps,
} from '@kubernetes/client-node';
import type { TSchema } from '@sinclair/typebox';
import { BrokerSpec, BrokerStatus } from './broker.ts';
import { MeshSyncSpec, MeshSyncStatus } from './meshsync.ts';
import { API_GROUP, RULES, type Rule, SERVED_VERSIONS, STORAGE_VERSION } from './schema.ts';

/**
 * The CustomResourceDefinitions, made from the TypeBox schemas of this folder: both versions with one schema,
 * so conversion needs no webhook.
 */
export function customResourceDefinitions(): V1CustomResourceDefinition[] {
  return [
    definition({
      kind: 'Broker',
      plural: 'brokers',
      shortNames: ['br'],
      description: 'A NATS broker that streams what happens in the cluster to Meshery Server.',
      spec: BrokerSpec,
      status: BrokerStatus,
      columns: [
        condition('Ready', 'status', 'Whether what was asked for is serving'),
        { name: 'Size', type: 'integer', jsonPath: '.spec.size', description: 'Wanted NATS servers' },
        { name: 'Internal', type: 'string', jsonPath: '.status.endpoint.internal', description: 'In the cluster' },
        { name: 'External', type: 'string', jsonPath: '.status.endpoint.external', description: 'Outside of it' },
        { name: 'Version', type: 'string', jsonPath: '.status.version', description: 'Tag of the running image' },
        age,
        condition('Ready', 'reason', 'Why'),
        condition('Ready', 'message', 'What to do'),
      ],
    }),
    definition({
      kind: 'MeshSync',
      plural: 'meshsyncs',
      description: 'A MeshSync that publishes the state of the cluster to a broker.',
      spec: MeshSyncSpec,
      status: MeshSyncStatus,
      columns: [
        condition('Ready', 'status', 'Whether what was asked for is serving'),
        { name: 'Broker', type: 'string', jsonPath: '.status.broker', description: 'The broker in use' },
        { name: 'Publishing-To', type: 'string', jsonPath: '.status.publishing-to', description: 'Its address' },
        { name: 'Version', type: 'string', jsonPath: '.status.version', description: 'Tag of the running image' },
        age,
        condition('Ready', 'reason', 'Why'),
        condition('Ready', 'message', 'What to do'),
      ],
    }),
  ];
}

interface Kind {
  kind: string;
  plural: string;
  shortNames?: string[];
  description: string;
  spec: TSchema;
  status: TSchema;
  columns: V1CustomResourceColumnDefinition[];
}

const age: V1CustomResourceColumnDefinition = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** A printer column over a condition; its reason and message appear with `-o wide` only. */
function condition(
  type: string,
  field: 'status' | 'reason' | 'message',
  description: string,
): V1CustomResourceColumnDefinition {
  const name = field === 'status' ? type : field === 'reason' ? 'Reason' : 'Message';
  return {
    name,
    type: 'string',
    jsonPath: `.status.conditions[?(@.type=="${type}")].${field}`,
    description,
    ...(field !== 'status' && { priority: 1 }),
  };
}

function definition(kind: Kind): V1CustomResourceDefinition {
  const schema: V1JSONSchemaProps = {
    type: 'object',
    description: kind.description,
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema, for example meshery.io/v1alpha2.' },
      kind: { type: 'string', description: 'Kind of the resource.' },
      metadata: { type: 'object' },
      spec: structural(kind.spec),
      status: structural(kind.status),
    },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${kind.plural}.${API_GROUP}`,
      labels: { 'app.kubernetes.io/name': 'meshery-operator', 'app.kubernetes.io/part-of': 'meshery' },
    },
    spec: {
      group: API_GROUP,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        ...(kind.shortNames && { shortNames: kind.shortNames }),
        categories: ['meshery'],
      },
      scope: 'Namespaced',
      conversion: { strategy: 'None' },
      versions: SERVED_VERSIONS.map((name) => ({
        name,
        served: true,
        storage: name === STORAGE_VERSION,
        schema: { openAPIV3Schema: schema },
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.size',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
        additionalPrinterColumns: kind.columns,
      })),
    },
  };
}

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
 * Turns a TypeBox schema into the structural schema that a CRD takes: unions of literals become `enum`, records become
 * `additionalProperties`. Throws on a keyword that it does not know, so that no rule is lost on the way.
 */
function structural(schema: TSchema): V1JSONSchemaProps {
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
    // A pattern is asked of strings only. The type of either stands in the alternatives, as in Kubernetes' own CRDs.
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
    // What keys may look like is beyond a structural schema.
    const [values] = Object.values<TSchema>(patternProperties);
    if (values) result.additionalProperties = structural(values);
  }
  return result;
}

function stringKeywords(alternatives: TSchema[]): object {
  const string = alternatives.find(({ type }) => type === 'string');
  return { pattern: string?.pattern, maxLength: string?.maxLength };
}
