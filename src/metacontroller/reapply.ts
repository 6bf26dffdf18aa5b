import type { ObservedObject } from './object.ts';

/** Annotation in which dynamic-apply stores the last applied configuration. */
export const LAST_APPLIED = 'metacontroller.k8s.io/last-applied-configuration';

/** The label by which Metacontroller claims a child; with `generateSelector` it sets it on every child. */
export const CONTROLLER_UID_LABEL = 'controller-uid';

/**
 * The last applied configuration of an observed child; re-applying it changes nothing in the cluster. Under dynamic-apply that
 * is the last-applied annotation; under server-side-apply, the fields that Metacontroller's field manager owns, taken from the
 * observed object. A child that was never applied (adopted a moment ago) is applied by name alone. Returning the live object
 * instead would take ownership of its defaults, its status and the fields of other field managers.
 */
export function reapplyLastApplied(observed: ObservedObject): object {
  return asChild(observed, lastApplied(observed) ?? ownedFields(observed) ?? {});
}

/**
 * The last applied fields of an observed child with their live values, so that even manual edits are kept.
 */
export function preserveLiveFields(observed: ObservedObject): object {
  const last = lastApplied(observed);
  const live = last ? projectLike(observed, last) : ownedFields(observed);
  return asChild(observed, isObject(live) ? live : {});
}

function asChild(observed: ObservedObject, applied: Fields): object {
  const { metadata, status: _status, ...rest } = applied;
  const { annotations, ownerReferences: _owners, ...meta } = isObject(metadata) ? metadata : {};
  const kept = isObject(annotations) ? Object.entries(annotations).filter(([key]) => key !== LAST_APPLIED) : [];
  return {
    ...rest,
    apiVersion: observed.apiVersion,
    kind: observed.kind,
    metadata: {
      ...meta,
      ...(kept.length > 0 && { annotations: Object.fromEntries(kept) }),
      name: observed.metadata.name,
      namespace: observed.metadata.namespace,
    },
  };
}

/** Every observed child of a request. */
export function allChildren(children: Record<string, Record<string, ObservedObject> | undefined>): ObservedObject[] {
  return Object.values(children).flatMap((group) => Object.values(group ?? {}));
}

/** Whether an observed object was last applied by dynamic-apply, which merges lists in another order than the API server. */
export function isDynamicallyApplied(observed: ObservedObject | undefined): boolean {
  return observed?.metadata.annotations?.[LAST_APPLIED] !== undefined;
}

export type Fields = Record<string, unknown>;

/** What dynamic-apply has last applied; `undefined` without its annotation. */
export function lastApplied(observed: ObservedObject): Fields | undefined {
  const annotation = observed.metadata.annotations?.[LAST_APPLIED];
  if (!annotation) return undefined;
  try {
    // Null stands for a field that was removed.
    const parsed: unknown = JSON.parse(annotation, (_key, value) => (value === null ? undefined : value));
    return isObject(parsed) ? parsed : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // edited manually: the managed fields may still be valid
    throw error;
  }
}

/** The fields of Metacontroller's field manager, with their live values. */
function ownedFields(observed: ObservedObject): Fields | undefined {
  const { own } = fieldSets(observed);
  const projected = own && project(observed, own);
  return isObject(projected) ? projected : undefined;
}

/**
 * The sets of fields in `managedFields`: that of Metacontroller's field manager, and those of others. Its name is a flag of
 * Metacontroller, so it is recognized by the fields that only Metacontroller applies together: the controller-uid label,
 * which users may apply too, and the owner references.
 */
export function fieldSets({ metadata: { managedFields } }: ObservedObject): { own?: Fields; others: Fields[] } {
  const entries = (Array.isArray(managedFields) ? managedFields : []).filter(isObject);
  const own = entries.find(isMetacontrollers);
  const others = entries.filter((entry) => entry !== own).map(({ fieldsV1 }) => fieldsV1);
  return { ...(isObject(own?.fieldsV1) && { own: own.fieldsV1 }), others: others.filter(isObject) };
}

/** The name of Metacontroller's field manager of an observed object, `undefined` where it has not applied it. */
export function applyManager({ metadata: { managedFields } }: ObservedObject): string | undefined {
  const own = (Array.isArray(managedFields) ? managedFields : []).filter(isObject).find(isMetacontrollers);
  return typeof own?.manager === 'string' ? own.manager : undefined;
}

/** Whether an entry of `managedFields` is that of Metacontroller: it alone applies this label together with owners. */
function isMetacontrollers({ operation, fieldsV1 }: Fields): boolean {
  return (
    operation === 'Apply' &&
    hasPath(fieldsV1, ['f:metadata', 'f:labels', `f:${CONTROLLER_UID_LABEL}`]) &&
    hasPath(fieldsV1, ['f:metadata', 'f:ownerReferences'])
  );
}

/**
 * The part of a value that a FieldsV1 set names (kubernetes.io/docs/reference/using-api/server-side-apply): `f:` a
 * field, `k:` a list item by its keys, `v:` an item of a set, `.` the value itself. A set without members means
 * the whole value.
 */
export function project(value: unknown, set: Fields): unknown {
  const members = Object.entries(set).filter(([key]) => key !== '.');
  if (members.length === 0) return value;
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const member = members.find(([key]) => identifies(key, item));
      return member ? [project(item, isObject(member[1]) ? member[1] : {})] : [];
    });
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(
    members.flatMap(([key, subset]) => {
      const name = key.slice(2);
      if (!key.startsWith('f:') || !Object.hasOwn(value, name)) return [];
      return [[name, project(value[name], isObject(subset) ? subset : {})]];
    }),
  );
}

/** The part of a value that an example contains, with lists matched as dynamic-apply matches them. */
function projectLike(value: unknown, example: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(example)) {
    const key = mergeKey([...value, ...example]);
    if (!key) return value;
    return value.flatMap((item) => {
      const like = example.find((other) => other[key] === item[key]);
      return like ? [projectLike(item, like)] : [];
    });
  }
  if (!isObject(value) || !isObject(example)) return value;
  return Object.fromEntries(
    Object.keys(example).flatMap((key) =>
      Object.hasOwn(value, key) ? [[key, projectLike(value[key], example[key])]] : [],
    ),
  );
}

/** The merge key of a list under dynamic-apply: the first of these fields that every item has. */
function mergeKey(items: unknown[]): string | undefined {
  const keys = ['containerPort', 'port', 'mountPath', 'name', 'uid', 'ip', 'path'];
  return items.length > 0
    ? keys.find((key) => items.every((item) => isObject(item) && Object.hasOwn(item, key)))
    : undefined;
}

/** Whether a key of a FieldsV1 set names an item of a list. */
export function identifies(key: string, item: unknown): boolean {
  const identity = parse(key.slice(2));
  if (key.startsWith('v:')) return identity === item;
  if (!key.startsWith('k:') || !isObject(identity) || !isObject(item)) return false;
  return Object.entries(identity).every(([name, expected]) => item[name] === expected);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function hasPath(set: unknown, path: string[]): boolean {
  let current = set;
  for (const key of path) {
    if (!isObject(current) || !Object.hasOwn(current, key)) return false;
    current = current[key];
  }
  return true;
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
