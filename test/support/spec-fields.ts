import type { TSchema } from '@sinclair/typebox';
import { controllers } from '../../src/controllers.ts';
import { isObject } from '../stand-in/json.ts';

/** A field of the spec of a kind: `service.type` of a Broker. */
export interface SpecField {
  kind: string;
  path: string;
}

/** The fields of each spec, and the fields in those. */
export const specFields: SpecField[] = controllers.flatMap(({ kind, spec }) =>
  Object.entries<TSchema>(spec.properties).flatMap(([name, { properties = {} }]) =>
    [name, ...Object.keys(properties).map((inside) => `${name}.${inside}`)].map((path) => ({ kind, path })),
  ),
);

/** The paths of the fields that a spec has, and of the fields in those. */
export function pathsOf(spec: object): string[] {
  return Object.entries(spec).flatMap(([name, value]) => [
    name,
    ...(isObject(value) ? Object.keys(value).map((inside) => `${name}.${inside}`) : []),
  ]);
}

/** A spec without a field; `undefined` where it does not have it. */
export function withoutField(spec: unknown, path: string): unknown {
  const copy = structuredClone(spec);
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), copy);
  if (!isObject(parent) || !Object.hasOwn(parent, last)) return undefined;
  delete parent[last];
  return copy;
}
