import {
  ancestors,
  fromFieldsV1,
  isGranularMap,
  itemElement,
  keyOf,
  leaves,
  listKeys,
  type Path,
  pathOf,
  toFieldsV1,
} from './field-sets.ts';
import { clone, isObject, type Json, type JsonObject, type KubeObject } from './json.ts';

type Operation = 'Apply' | 'Update';

/**
 * The API server's server-side-apply, forced, before defaulting: it sets the fields that the manager applies, removes
 * those that it applied last time and nobody else owns, and takes ownership of fields whose value changes.
 */
export function serverSideApply(live: KubeObject, applied: KubeObject, manager: string): KubeObject {
  const before = owners(live);
  const mine = ownerKey(manager, 'Apply');
  const desired = leaves(applied);
  const current = leaves(live);
  for (const [owner, set] of before) {
    if (owner === mine) continue;
    for (const [member, value] of desired) if (current.get(member) !== value) set.delete(member);
  }
  const result = mergeValue(clone(live), clone(applied), []) as KubeObject;
  const others = new Set([...before].flatMap(([owner, set]) => (owner === mine ? [] : [...set])));
  const holding = ancestors(others);
  const stays = (member: string) => desired.has(member) || others.has(member) || holding.has(member);
  const dropped = [...(before.get(mine) ?? [])].filter((member) => !stays(member));
  const members = [...desired.keys(), ...others];
  const kept = new Set([...members, ...ancestors(members)]);
  for (const member of dropped) remove(result, outermost(pathOf(member), kept));
  before.set(mine, new Set(desired.keys()));
  return withOwners(result, before);
}

/** The owners after a plain update: the manager owns what it changed or added, and removed fields have no owner. */
export function trackUpdate(old: KubeObject | undefined, updated: KubeObject, manager: string): KubeObject {
  const sets = old ? owners(old) : new Map<string, Set<string>>();
  const before = old ? leaves(old) : new Map<string, string>();
  const after = leaves(updated);
  const changed = new Set([...after].filter(([member, value]) => before.get(member) !== value).map(([key]) => key));
  const holding = ancestors(after.keys());
  for (const set of sets.values()) {
    for (const member of set) {
      if ((!after.has(member) && !holding.has(member)) || changed.has(member)) set.delete(member);
    }
  }
  const mine = ownerKey(manager, 'Update');
  sets.set(mine, new Set([...(sets.get(mine) ?? []), ...changed]));
  return withOwners(updated, sets);
}

const ownerKey = (manager: string, operation: Operation) => `${operation} ${manager}`;

function owners(object: KubeObject): Map<string, Set<string>> {
  return new Map(
    (object.metadata.managedFields ?? []).map(({ manager, operation, fieldsV1 }) => [
      ownerKey(String(manager), operation as Operation),
      fromFieldsV1(fieldsV1 as JsonObject),
    ]),
  );
}

function withOwners(object: KubeObject, sets: Map<string, Set<string>>): KubeObject {
  const managedFields = [...sets]
    .filter(([, set]) => set.size > 0)
    .map(([owner, set]) => {
      const [operation = '', manager = ''] = owner.split(' ');
      return {
        apiVersion: object.apiVersion,
        fieldsType: 'FieldsV1',
        fieldsV1: toFieldsV1(set),
        manager,
        operation,
        time: '2026-01-01T00:00:00Z',
      };
    });
  return { ...object, metadata: { ...object.metadata, managedFields } };
}

function mergeValue(live: Json | undefined, applied: Json, path: Path): Json {
  if (isGranularMap(applied, path)) {
    const result: JsonObject = isObject(live) ? live : {};
    for (const [key, value] of Object.entries(applied)) {
      if (value !== undefined) result[key] = mergeValue(result[key], value, [...path, `f:${key}`]);
    }
    return result;
  }
  const keys = Array.isArray(applied) ? listKeys(path) : undefined;
  return Array.isArray(applied) && keys ? mergeItems(Array.isArray(live) ? live : [], applied, keys, path) : applied;
}

/** The order of sigs.k8s.io/structured-merge-diff: that of the applied list, with the live list's other items between. */
function mergeItems(live: Json[], applied: Json[], keys: string[], path: Path): Json[] {
  const element = (item: Json) => itemElement(item, keys);
  const liveByElement = new Map(live.map((item) => [element(item), item]));
  const appliedElements = new Set(applied.map(element));
  const merged = (item: Json) => mergeValue(liveByElement.get(element(item)), item, [...path, element(item)]);
  const shared = applied.map(element).filter((name) => liveByElement.has(name));
  const done = new Set<string>();
  const result: Json[] = [];
  let left = 0;
  let right = 0;
  const takeApplied = (item: Json) => {
    result.push(merged(item));
    done.add(element(item));
    right++;
    if (shared[0] === element(item)) shared.shift();
  };
  while (left < live.length || right < applied.length) {
    const mine = live[left];
    const theirs = applied[right];
    if (mine !== undefined && theirs !== undefined) {
      if (element(mine) === element(theirs)) {
        takeApplied(theirs);
        left++;
        continue;
      }
      if (appliedElements.has(element(mine)) && shared[0] !== undefined && shared[0] !== element(mine)) {
        left++;
        continue;
      }
    }
    if (mine !== undefined) {
      if (!appliedElements.has(element(mine))) {
        result.push(mine);
        left++;
        continue;
      }
      if (done.has(element(mine))) left++;
    }
    if (theirs !== undefined) takeApplied(theirs);
  }
  return result;
}

function remove(root: KubeObject, path: Path): void {
  // An item with fields of another owner stays, with its keys.
  const item = path.at(-2) ?? '';
  if (item.startsWith('k:') && (path.at(-1) ?? '').slice(2) in JSON.parse(item.slice(2))) return;
  const parent = path.slice(0, -1).reduce<Json | undefined>(child, root);
  const last = path.at(-1) ?? '';
  if (Array.isArray(parent)) {
    const index = parent.findIndex((item) => matches(last, item));
    if (index >= 0) parent.splice(index, 1);
  } else if (isObject(parent)) {
    delete parent[last.slice(2)];
  }
}

/** With the last owned field of an object, the object itself is removed, and the defaults in it. */
function outermost(path: Path, kept: Set<string>): Path {
  const parent = path.slice(0, -1);
  const isField = parent.at(-1)?.startsWith('f:') && path.at(-1)?.startsWith('f:');
  return isField && parent.length > 1 && !kept.has(keyOf(parent)) ? outermost(parent, kept) : path;
}

function child(value: Json | undefined, element: string): Json | undefined {
  if (Array.isArray(value)) return value.find((item) => matches(element, item));
  return isObject(value) ? value[element.slice(2)] : undefined;
}

function matches(element: string, item: Json): boolean {
  const keys = Object.keys(JSON.parse(element.slice(2)) as JsonObject);
  return itemElement(item, keys) === element;
}
