import { type Static, type TSchema, type TUnsafe, Type } from '@sinclair/typebox';
import { mapOf, type Observed, ObservedObject, type ResourceKind } from './object.ts';

/** A name in Kubernetes: in ASCII, so that its length in bytes is that in characters. */
function identifier(maxLength: number) {
  return Type.String({ minLength: 1, maxLength, pattern: '^[!-~]+$' });
}

/**
 * The schema of the parent in requests. `spec` and `status` are not validated here: an invalid spec results in a condition of
 * the resource rather than in a 400, which only the log and an Event would show.
 */
function parent(group: string, kind: string) {
  return Type.Object({
    apiVersion: Type.String({ pattern: `^${group.replaceAll('.', '\\.')}/v[0-9a-z]+$` }),
    kind: Type.Literal(kind),
    metadata: Type.Object({
      name: identifier(253),
      namespace: identifier(63),
      uid: identifier(253),
      generation: Type.Optional(Type.Integer({ minimum: 0 })),
      creationTimestamp: Type.Optional(Type.String()),
      deletionTimestamp: Type.Optional(Type.String()),
      annotations: Type.Optional(mapOf(Type.String())),
    }),
    spec: Type.Optional(Type.Unknown()),
    status: Type.Optional(Type.Unknown()),
  });
}

/** The common fields of parents of all kinds. */
export type Parent = Static<ReturnType<typeof parent>>;

/** Objects by kind and `namespace/name`; hook version v2 always includes the namespace. */
type Objects = Record<string, Record<string, ObservedObject> | undefined>;

/** Body of a customize hook, version v2. */
export interface CustomizeBody {
  parent: Parent;
}

/** Body of a sync hook, version v2. */
export interface SyncBody extends CustomizeBody {
  children: Objects;
  related?: Objects;
}

/** Schema of the body of a customize hook. */
export function customizeBody(group: string, kind: string): TUnsafe<CustomizeBody> {
  return Type.Unsafe<CustomizeBody>(
    Type.Object({ controller: Type.Optional(Type.Unknown()), parent: parent(group, kind) }),
  );
}

/** Schema of the body of a sync hook. */
export function syncBody(
  group: string,
  kind: string,
  children: readonly ResourceKind[],
  related: readonly ResourceKind[],
): TUnsafe<SyncBody> {
  return Type.Unsafe<SyncBody>(
    Type.Object({
      controller: Type.Optional(Type.Unknown()),
      parent: parent(group, kind),
      children: objects(children),
      related: Type.Optional(objects(related)),
      finalizing: Type.Optional(Type.Boolean()),
    }),
  );
}

/**
 * Validates the objects of known kinds. Other kinds are accepted too, so that they can be re-applied; a kind without an entry
 * has no objects.
 */
function objects(kinds: readonly ResourceKind[]): TSchema {
  const known = kinds.map(({ key, schema }) => [key, Type.Optional(mapOf(schema))] as const);
  return Type.Object(Object.fromEntries(known), { additionalProperties: mapOf(ObservedObject) });
}

/** The request of a controller's sync: a resource that is neither being deleted nor paused, and the observed objects. */
export interface SyncRequest<Kind extends ResourceKind = ResourceKind, Status = object> extends SyncBody {
  /** The parent's last status, `undefined` when it was never synced or has an invalid one. */
  lastStatus: Status | undefined;
  /** The kinds by which `children` and `related` were validated. */
  kinds: readonly Kind[];
}

/** The observed children of a kind by `namespace/name`. */
export function childrenOf<All extends ResourceKind, Kind extends All>(
  { children }: SyncRequest<All>,
  kind: Kind,
): Record<string, Observed<Kind>> {
  return (children[kind.key] ?? {}) as Record<string, Observed<Kind>>; // validated by the schema of the kind
}

/** The related objects of a kind by `namespace/name`. */
export function relatedOf<All extends ResourceKind, Kind extends All>(
  { related }: SyncRequest<All>,
  kind: Kind,
): Record<string, Observed<Kind>> {
  return (related?.[kind.key] ?? {}) as Record<string, Observed<Kind>>; // validated by the schema of the kind
}
