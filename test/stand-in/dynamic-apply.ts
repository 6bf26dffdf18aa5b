import { clone, isObject, type Json, type JsonObject, type KubeObject, stringify } from './json.ts';

/** Annotation in which dynamic-apply stores the last applied configuration. */
export const LAST_APPLIED = 'metacontroller.k8s.io/last-applied-configuration';

const SYSTEM_FIELDS = [
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
];

/**
 * The merge of an observed and a desired child by Metacontroller's dynamic-apply: pkg/dynamic/apply and ApplyUpdate of
 * pkg/controller/common, in TypeScript.
 */
export function dynamicApply(observed: KubeObject, desired: KubeObject): KubeObject {
  const applied = clone(desired);
  delete applied.metadata.annotations?.[LAST_APPLIED];
  const annotation = observed.metadata.annotations?.[LAST_APPLIED];
  const lastApplied = annotation ? (JSON.parse(annotation) as Json) : undefined;
  const result = merge(clone(observed), lastApplied, applied) as KubeObject;
  for (const field of SYSTEM_FIELDS) revert(result.metadata, observed.metadata, field);
  revert(result, observed, 'status');
  return withLastApplied(result, applied);
}

/** An object with the annotation for the last applied configuration. */
export function withLastApplied(object: KubeObject, applied: KubeObject): KubeObject {
  const annotations = { ...object.metadata.annotations, [LAST_APPLIED]: stringify(applied) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function revert(target: JsonObject, original: JsonObject, field: string): void {
  if (original[field] === undefined) delete target[field];
  else target[field] = clone(original[field]);
}

function merge(destination: Json | undefined, lastApplied: Json | undefined, desired: Json | undefined): Json {
  if (isObject(destination)) return mergeObject(destination, object(lastApplied), object(desired));
  if (Array.isArray(destination)) return mergeArray(destination, array(lastApplied), array(desired));
  return desired as Json;
}

function mergeObject(destination: JsonObject, lastApplied: JsonObject, desired: JsonObject): JsonObject {
  for (const key of Object.keys(lastApplied)) if (!Object.hasOwn(desired, key)) delete destination[key];
  for (const [key, value] of Object.entries(desired)) {
    destination[key] = merge(destination[key], lastApplied[key], value);
  }
  return destination;
}

function mergeArray(destination: Json[], lastApplied: Json[], desired: Json[]): Json[] {
  const key = listMapKey([...destination, ...lastApplied, ...desired]);
  if (!key) return desired;
  const identity = (item: Json) => String((item as JsonObject)[key]);
  const byKey = (list: Json[]): JsonObject => Object.fromEntries(list.map((item) => [identity(item), item]));
  const merged = mergeObject(byKey(destination), byKey(lastApplied), byKey(desired));
  // Existing items keep their order; new ones are appended.
  const order = new Set([...destination, ...desired].map(identity));
  return [...order].filter((name) => Object.hasOwn(merged, name)).map((name) => merged[name] as Json);
}

const KNOWN_MERGE_KEYS = ['containerPort', 'port', 'mountPath', 'name', 'uid', 'ip', 'path'];

function listMapKey(items: Json[]): string | undefined {
  if (items.length === 0 || !items.every(isObject)) return undefined;
  return KNOWN_MERGE_KEYS.find((key) => items.every((item) => Object.hasOwn(item, key)));
}

function object(value: Json | undefined): JsonObject {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw new Error('can not merge: expecting an object');
  return value;
}

function array(value: Json | undefined): Json[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error('can not merge: expecting a list');
  return value;
}
