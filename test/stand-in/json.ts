/** JSON values and Kubernetes objects, as tests read them. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json | undefined;
}

export interface OwnerReference extends JsonObject {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
}

export interface KubeObject extends JsonObject {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
}

export interface Metadata extends JsonObject {
  name: string;
  namespace: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  managedFields?: JsonObject[];
}

/** Objects as in the requests to hooks: by kind, then by namespace and name. */
export type Objects = Record<string, Record<string, KubeObject>>;

/** `Kind.version` or `Kind.group/version`, the key of a kind in the requests to hooks. */
export function groupKey({ apiVersion, kind }: { apiVersion: string; kind: string }): string {
  return `${kind}.${apiVersion}`;
}

/** `namespace/name`, or `name` for an object without a namespace. */
export function qualifiedName({ metadata: { namespace, name } }: KubeObject): string {
  return namespace ? `${namespace}/${name}` : name;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy as it comes out of JSON: without undefined fields. */
export function clone<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}

/** Equality in any order of the fields. */
export function equal(a: unknown, b: unknown): boolean {
  return stringify(a) === stringify(b);
}

/** JSON as Go writes it: with sorted fields. */
export function stringify(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    isObject(field) ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1))) : field,
  );
}

/** The value at a path of keys and indices, `undefined` when there is none. */
export function at(value: unknown, ...path: (string | number)[]): Json | undefined {
  let current = value;
  for (const key of path) {
    if (typeof key === 'number' ? !Array.isArray(current) : !isObject(current)) return undefined;
    current = (current as Record<string | number, unknown>)[key];
  }
  return current as Json | undefined;
}

/** Every value of a tree with its path, the root first. */
export function* walk(value: unknown, path: (string | number)[] = []): Generator<[(string | number)[], unknown]> {
  yield [path, value];
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* walk(item, [...path, index]);
  else if (isObject(value)) for (const [key, field] of Object.entries(value)) yield* walk(field, [...path, key]);
}
