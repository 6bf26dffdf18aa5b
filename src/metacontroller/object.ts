import type { V1ObjectMeta } from '@kubernetes/client-node';
import { type Static, type TSchema, Type } from '@sinclair/typebox';

// The objects in hook requests, each with only the fields that are read. They are validated once, with the request, so the
// code behind it needs no casts; all other fields are kept unchanged.

/** An object with arbitrary keys. Without a pattern, the value of a key with a line break would not be validated. */
export function mapOf<Item extends TSchema>(item: Item) {
  return Type.Record(Type.String({ pattern: '^[\\s\\S]*$' }), item);
}

const Strings = mapOf(Type.String());

const OwnerReference = Type.Object({
  apiVersion: Type.String(),
  kind: Type.String(),
  name: Type.String(),
  uid: Type.String(),
  controller: Type.Optional(Type.Boolean()),
});

const ObjectMeta = Type.Object({
  name: Type.String({ minLength: 1 }),
  namespace: Type.String({ minLength: 1 }),
  uid: Type.Optional(Type.String()),
  generation: Type.Optional(Type.Integer({ minimum: 0 })),
  deletionTimestamp: Type.Optional(Type.String()),
  labels: Type.Optional(Strings),
  annotations: Type.Optional(Strings),
  ownerReferences: Type.Optional(Type.Array(OwnerReference)),
  managedFields: Type.Optional(Type.Unknown()),
});

/** Schema of an observed object: its metadata, and the fields of it that a controller reads. */
export function observed<Fields extends Record<string, TSchema>>(fields: Fields) {
  return Type.Object({ apiVersion: Type.String(), kind: Type.String(), metadata: ObjectMeta, ...fields });
}

/** Any object, with the fields that are needed to re-apply it and to find its owner. */
export const ObservedObject = observed({});
export type ObservedObject = Static<typeof ObservedObject>;

/**
 * A Kubernetes object to apply: a type of @kubernetes/client-node with the fields that every child must have.
 * Only types are taken from that package, so none of its code is loaded.
 */
export type Manifest<Type = object> = Omit<Type, 'apiVersion' | 'kind' | 'metadata'> & {
  apiVersion: string;
  kind: string;
  metadata: V1ObjectMeta & { name: string; namespace: string };
};

/** A kind of objects in hook requests: its API resource, and the schema of the fields that are read. */
export interface ResourceKind<Key extends string = string, Schema extends ObservedSchema = ObservedSchema> {
  /** `Kind.version` or `Kind.group/version`: the key of the kind in requests. */
  key: Key;
  apiVersion: string;
  kind: string;
  /** Plural name, as in `kubectl api-resources`. */
  resource: string;
  schema: Schema;
}

type ObservedSchema = TSchema & { static: ObservedObject };

/** An observed object of a kind. */
export type Observed<Kind extends ResourceKind> = Static<Kind['schema']>;

export function resourceKind<const Version extends string, const Kind extends string, Schema extends ObservedSchema>(
  apiVersion: Version,
  kind: Kind,
  resource: string,
  schema: Schema,
): ResourceKind<`${Kind}.${Version}`, Schema> {
  return { key: `${kind}.${apiVersion}`, apiVersion, kind, resource, schema };
}

/** Group of an `apiVersion`; empty for the core. */
export function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}
