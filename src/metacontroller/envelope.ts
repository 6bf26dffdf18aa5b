import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { once } from '../api/compiled.ts';
import type { Condition } from '../api/schema.ts';
import { keptFor } from '../memory.ts';
import { mapOf, ObservedObject } from './observed.ts';

/**
 * Objects by `namespace/name`, for each of some kinds; hook version v2 always carries the namespace. Where the parser gives
 * the same objects again, they are not checked again.
 */
export function byName<const Kinds extends Record<string, TSchema>>(kinds: Kinds) {
  const maps = {} as { [Key in keyof Kinds]: ReturnType<typeof mapOf<Kinds[Key]>> };
  for (const key in kinds) maps[key] = once(mapOf(kinds[key] as Kinds[typeof key]));
  return maps;
}

/**
 * `children` or `related` of a request: the kinds that are read, by `Kind.version` or `Kind.group/version`. A kind that
 * is not named here passes as well, so that it can be carried over; a kind without an entry counts as having no objects.
 */
export function objectMap<const Kinds extends Record<string, TSchema>>(kinds: Kinds) {
  return Type.Object(Type.Partial(Type.Object(kinds)).properties, { additionalProperties: mapOf(ObservedObject) });
}

/** A name as Kubernetes gives them: in ASCII, so that its length is the same however it is counted. */
function identifier(maxLength: number) {
  return Type.String({ minLength: 1, maxLength, pattern: '^[!-~]+$' });
}

/**
 * The parent as far as the envelope goes. `spec` and `status` are open here: a spec that breaks its schema is answered
 * with a condition on the resource rather than with a 400, which only the operator's log would show.
 */
export function parent<const Kind extends string>(kind: Kind) {
  return once(
    Type.Object({
      apiVersion: Type.String({ pattern: '^meshery\\.io/v[0-9a-z]+$' }),
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
    }),
  );
}

/** What every parent has, whichever its kind. */
export type Parent = Static<ReturnType<typeof parent<string>>>;

/** Request of a sync hook, version v2. */
export function syncRequest<P extends TSchema, C extends TSchema, R extends TSchema>(
  parentSchema: P,
  children: C,
  related: R,
) {
  return Type.Object({
    controller: Type.Optional(Type.Unknown()),
    parent: parentSchema,
    children,
    related: Type.Optional(related),
    finalizing: Type.Optional(Type.Boolean()),
  });
}

/** Request of a customize hook, version v2. */
export function customizeRequest<P extends TSchema>(parentSchema: P) {
  return Type.Object({ controller: Type.Optional(Type.Unknown()), parent: parentSchema });
}

/**
 * Answer of a sync hook. Metacontroller decodes it strictly: a field that is not declared here is a failed sync.
 * `children` is everything that shall exist: what is missing gets deleted.
 */
export interface SyncResponse {
  status: { conditions?: Condition[] };
  children: { kind?: string; metadata?: { name?: string } }[];
}

const childText = keptFor((child: object) => JSON.stringify(child));

/** The answer of a sync as JSON. */
export function answerText({ status, children }: SyncResponse): string {
  return `{"status":${JSON.stringify(status)},"children":[${children.map(childText).join()}]}`;
}

/** One rule of a customize answer: objects of a resource by names, or by labels, in a namespace. */
export interface RelatedResourceRule {
  apiVersion: string;
  resource: string;
  namespace: string;
  names?: string[];
  labelSelector?: { matchLabels: Record<string, string> };
}

/** Answer of a customize hook. Metacontroller caches it by the parent's uid and generation. */
export interface CustomizeResponse {
  relatedResources: RelatedResourceRule[];
}
