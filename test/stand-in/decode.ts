import { isKubeObject, isObject, type Json, type JsonObject, type KubeObject, walk } from './json.ts';

/** Answers of hooks, decoded as strictly as version v2 of the hooks does; what is wrong is an Error. */

/** An object that has no other fields than these. */
export function fields(value: unknown, known: string[]): JsonObject {
  if (!isObject(value)) throw new Error(`${JSON.stringify(value)} is no object`);
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new Error(`unknown field ${unknown.join(', ')}`);
  return value;
}

/** Metacontroller would take a null in a child for a field to remove, which no answer of ours may be about. */
export function refuseNulls(value: unknown): void {
  for (const [path, inner] of walk(value)) if (inner === null) throw new Error(`null at ${path.join('.')}`);
}

export function list(value: Json | undefined): Json[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Error(`${JSON.stringify(value)} is no list`);
  return value;
}

export function text(value: Json | undefined): string {
  if (value === undefined) return '';
  if (typeof value !== 'string') throw new Error(`${JSON.stringify(value)} is no string`);
  return value;
}

export function object(value: Json): KubeObject {
  if (!isKubeObject(value)) throw new Error(`${JSON.stringify(value)} is no object of Kubernetes`);
  return value;
}
