import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type Fields, isObject } from '../../metacontroller/reapply.ts';
import type { ClusterObject } from '../cluster/connection.ts';

const Entry = Type.Object({
  manager: Type.Optional(Type.String()),
  operation: Type.Optional(Type.String()),
  apiVersion: Type.Optional(Type.String()),
  subresource: Type.Optional(Type.String()),
  fieldsV1: Type.Optional(Type.Object({}, { additionalProperties: true })),
});

/** An entry of `managedFields`: a field manager, and the fields that it owns. */
export interface Entry {
  manager?: string;
  operation?: string;
  apiVersion?: string;
  subresource?: string;
  fieldsType?: string;
  fieldsV1?: Fields;
  [other: string]: unknown;
}

/** A field manager, and whether it owns what it applies or what it updates. */
export interface Manager {
  manager: string;
  operation: 'Apply' | 'Update';
}

/** The entries of an object that are not about its status or another subresource. */
export function entriesOf({ metadata }: ClusterObject): Entry[] {
  return allEntries(metadata).filter(({ subresource }) => !subresource);
}

function allEntries({ managedFields = [] }: ClusterObject['metadata']): Entry[] {
  return managedFields.filter((entry): entry is Entry => Value.Check(Entry, entry));
}

/** Whether an entry is that of a manager. */
export function isOfManager(entry: Entry, { manager, operation }: Manager): boolean {
  return entry.manager === manager && entry.operation === operation && !entry.subresource;
}

/** Whether an entry owns the field of a path, such as `['f:metadata', 'f:labels']`. */
export function owns(entry: Entry, path: string[]): boolean {
  let current: unknown = entry.fieldsV1;
  for (const key of path) {
    if (!isObject(current) || !Object.hasOwn(current, key)) return false;
    current = current[key];
  }
  return true;
}

/**
 * The `managedFields` of an object after some entries have become those of another manager. Server-side apply removes what its
 * manager owns and does not apply any more: fields of a manager that never applies again would stay for ever.
 * @param more fields that the manager owns besides
 */
export function handedOver(
  { metadata }: ClusterObject,
  isHandedOver: (entry: Entry) => boolean,
  to: Manager,
  more: Fields = {},
): Entry[] {
  const all = allEntries(metadata);
  const from = all.filter((entry) => !entry.subresource && isHandedOver(entry));
  const own = all.filter((entry) => isOfManager(entry, to));
  const fieldsV1 = [...from, ...own].reduce((fields, entry) => union(fields, entry.fieldsV1 ?? {}), more);
  const [first] = [...own, ...from];
  if (!first) return all;
  const others = all.filter((entry) => !from.includes(entry) && !own.includes(entry));
  return [{ ...first, ...to, fieldsV1 }, ...others];
}

/** The union of two sets of fields. */
export function union(one: Fields, other: Fields): Fields {
  const result: Fields = { ...one };
  for (const [key, set] of Object.entries(other)) {
    const known = result[key];
    result[key] = isObject(known) && isObject(set) ? union(known, set) : (set ?? known);
  }
  return result;
}
