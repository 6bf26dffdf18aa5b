import { isObject, type Json, type JsonObject } from './json.ts';

/**
 * Sets of fields as server-side-apply stores them: the path of each owned leaf, and of each owned list item. A path
 * element is written as in FieldsV1: `f:` and a field, or `k:` and the keys of a list item.
 */
export type Path = string[];

/** Keys of the lists that are maps in the API's schema; any other list is owned as a whole. */
export function listKeys(path: Path): string[] | undefined {
  switch (path.at(-1)) {
    case 'f:containers':
    case 'f:initContainers':
    case 'f:env':
    case 'f:volumes':
    case 'f:imagePullSecrets':
      return ['name'];
    case 'f:volumeMounts':
      return ['mountPath'];
    case 'f:hostAliases':
      return ['ip'];
    case 'f:ownerReferences':
      return ['uid'];
    case 'f:topologySpreadConstraints':
      return ['topologyKey', 'whenUnsatisfiable'];
    case 'f:ports':
      return path.some((element) => element === 'f:containers' || element === 'f:initContainers')
        ? ['containerPort', 'protocol']
        : ['port', 'protocol'];
    default:
      return undefined;
  }
}

/** Maps that are owned as a whole. */
const ATOMIC_MAPS = new Set([
  ...['f:selector', 'f:labelSelector'],
  ...['f:configMapKeyRef', 'f:fieldRef', 'f:resourceFieldRef', 'f:secretKeyRef'],
]);

export function isGranularMap(value: unknown, path: Path): value is JsonObject {
  return isObject(value) && !ATOMIC_MAPS.has(path.at(-1) ?? '');
}

/** The path element of an item of a list that is a map. */
export function itemElement(item: Json, keys: string[]): string {
  const identity = keys.map((key) => [key, isObject(item) ? (item[key] ?? (key === 'protocol' ? 'TCP' : null)) : null]);
  return `k:${JSON.stringify(Object.fromEntries(identity))}`;
}

/** Every member of the set of an object, with its value; an item of a list is a member of its own. */
export function leaves(object: JsonObject): Map<string, string> {
  const result = new Map<string, string>();
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = object;
  const { name: _name, namespace: _namespace, managedFields: _fields, ...meta } = isObject(metadata) ? metadata : {};
  for (const key of ['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp'])
    delete meta[key];
  collect({ ...rest, ...(Object.keys(meta).length > 0 && { metadata: meta }) }, [], result);
  return result;
}

function collect(value: Json | undefined, path: Path, result: Map<string, string>): void {
  const keys = Array.isArray(value) ? listKeys(path) : undefined;
  if (Array.isArray(value) && keys && value.length > 0) {
    for (const item of value) {
      const inside = [...path, itemElement(item, keys)];
      result.set(keyOf(inside), '');
      for (const [key, field] of Object.entries(item as JsonObject)) collect(field, [...inside, `f:${key}`], result);
    }
  } else if (isGranularMap(value, path) && (Object.keys(value).length > 0 || path.length === 0)) {
    for (const [key, field] of Object.entries(value)) collect(field, [...path, `f:${key}`], result);
  } else {
    result.set(keyOf(path), JSON.stringify(value));
  }
}

const SEPARATOR = '\n';
export const keyOf = (path: Path): string => path.join(SEPARATOR);
export const pathOf = (key: string): Path => key.split(SEPARATOR);

/** Every path that contains one of the members. */
export function ancestors(members: Iterable<string>): Set<string> {
  const result = new Set<string>();
  for (const member of members) {
    for (let end = member.lastIndexOf(SEPARATOR); end > 0; end = member.lastIndexOf(SEPARATOR, end - 1)) {
      result.add(member.slice(0, end));
    }
  }
  return result;
}

/** A set in the form of `managedFields`. */
export function toFieldsV1(set: Iterable<string>): JsonObject {
  const root: JsonObject = {};
  const members = [...set].sort();
  const inside = ancestors(members);
  for (const member of members) {
    let node = root;
    for (const element of pathOf(member)) {
      node[element] ??= {};
      node = node[element] as JsonObject;
    }
    if (inside.has(member)) node['.'] = {};
  }
  return root;
}

/** The set of a `fieldsV1` in `managedFields`. */
export function fromFieldsV1(fields: JsonObject, path: Path = []): Set<string> {
  const children = Object.entries(fields).filter(([element]) => element !== '.');
  const own = path.length > 0 && (fields['.'] !== undefined || children.length === 0) ? [keyOf(path)] : [];
  return new Set([
    ...own,
    ...children.flatMap(([element, inside]) => [...fromFieldsV1(inside as JsonObject, [...path, element])]),
  ]);
}
