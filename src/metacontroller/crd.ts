import type {
  V1CustomResourceColumnDefinition,
  V1CustomResourceDefinition,
  V1JSONSchemaProps,
  V1ObjectMeta,
} from '@kubernetes/client-node';
import { shape, structural } from '../schema/structural.ts';
import { neverSynced } from './condition.ts';
import type { Controller } from './controller.ts';

/**
 * The CustomResourceDefinition of a controller: all versions have the same fields and types, so that conversion needs no webhook
 * and loses nothing. Only the newest describes all of them, as `kubectl explain` prints it, and checks all of them.
 * @param metadata labels and annotations of the CRD
 */
export function customResourceDefinition(
  controller: Controller,
  metadata: Pick<V1ObjectMeta, 'labels' | 'annotations'>,
): V1CustomResourceDefinition {
  const { group, versions, kind, plural, shortNames, categories, description, spec, status, scale, columns } =
    controller;
  const schema: V1JSONSchemaProps = {
    type: 'object',
    description,
    properties: {
      apiVersion: { type: 'string', description: `Version of the schema, for example ${group}/${versions.at(-1)}.` },
      kind: { type: 'string', description: 'Kind of the resource.' },
      metadata: { type: 'object' },
      spec: structural(spec),
      status: structural({ ...status, default: neverSynced }),
    },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: crdName({ plural, group }), ...metadata },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(shortNames && { shortNames }),
        ...(categories && { categories }),
      },
      scope: 'Namespaced',
      conversion: { strategy: 'None' },
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === versions.length - 1,
        schema: { openAPIV3Schema: index === versions.length - 1 ? schema : olderSchema(schema, controller) },
        subresources: { status: {}, ...(scale && { scale }) },
        additionalPrinterColumns: [
          readyColumn('Ready', 'status', 'Whether the resource serves as specified'),
          ...columns,
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          { ...readyColumn('Reason', 'reason', 'Reason of the condition Ready'), priority: 1 },
          { ...readyColumn('Message', 'message', 'Message of the condition Ready'), priority: 1 },
        ],
      })),
    },
  };
}

/** The schema of an older version. */
function olderSchema(newest: V1JSONSchemaProps, { checkedInAll = [] }: Controller): V1JSONSchemaProps {
  const { spec = {} } = newest.properties ?? {};
  const fields = Object.entries(spec.properties ?? {});
  const properties = fields.map(([name, field]) => [name, checkedInAll.includes(name) ? field : shape(field)]);
  const olderSpec = { ...shape(spec), properties: Object.fromEntries(properties) };
  return withoutDescriptions({ ...newest, properties: { ...newest.properties, spec: olderSpec } });
}

/** A part of a schema without the descriptions in it. */
function withoutDescriptions<Part>(part: Part): Part {
  const json = JSON.stringify(part, (key, value) =>
    key === 'description' && typeof value === 'string' ? undefined : value,
  );
  return JSON.parse(json);
}

/** A printer column over the condition Ready. */
function readyColumn(name: string, field: string, description: string): V1CustomResourceColumnDefinition {
  return { name, type: 'string', jsonPath: `.status.conditions[?(@.type=="Ready")].${field}`, description };
}

/** The name of the CRD of a controller: `brokers.meshery.io`. */
export function crdName({ plural, group }: Pick<Controller, 'plural' | 'group'>): string {
  return `${plural}.${group}`;
}
