import type { TSchema } from '@sinclair/typebox';
import type { Controller } from '../../src/metacontroller/controller.ts';
import { structureOf } from './schema.ts';

/** The release that each field came with, by kind and path: `{"Broker": {"spec.size": "1.0"}}`. */
export type Since = Record<string, Record<string, string>>;

/** Where a structure with a name is. */
interface Place {
  kind: string;
  path: string;
}

/** All fields of some kinds, also those inside of structures, and where these are. */
export interface Everything {
  paths: Map<string, string[]>;
  places: Map<string, Place[]>;
}

/** Lists the fields of some kinds one by one, however the page groups them. */
export function everything(list: readonly Pick<Controller, 'kind' | 'spec' | 'status'>[]): Everything {
  const found: Everything = { paths: new Map(), places: new Map() };
  for (const { kind, spec, status } of list) {
    found.paths.set(kind, []);
    visit(spec, { kind, path: 'spec' }, found);
    visit(status, { kind, path: 'status' }, found);
  }
  return found;
}

function visit(schema: TSchema, { kind, path }: Place, found: Everything): void {
  const structure = structureOf(schema);
  if (structure !== undefined) {
    found.places.set(structure, [...(found.places.get(structure) ?? []), { kind, path }]);
  }
  if (schema.items) visit(schema.items, { kind, path: `${path}[]` }, found);
  for (const [name, field] of Object.entries<TSchema>(schema.properties ?? {})) {
    found.paths.get(kind)?.push(`${path}.${name}`);
    visit(field, { kind, path: `${path}.${name}` }, found);
  }
}

/**
 * Brings the record of releases up to date: what is in it stays, fields that are gone go, and new ones came with this release.
 * @param version of this release, for example `2.1.0`: package.json has that of the next release while it is made
 */
export function updatedSince(known: Since, { paths }: Everything, version: string): Since {
  const release = version.split('.').slice(0, 2).join('.');
  return Object.fromEntries(
    [...paths].map(([kind, list]) => [
      kind,
      Object.fromEntries(list.map((path) => [path, known[kind]?.[path] ?? release])),
    ]),
  );
}

/** The first release that has a field of a structure in any place. */
export function firstRelease(since: Since, places: Place[], field: string): string | undefined {
  return places
    .flatMap(({ kind, path }) => since[kind]?.[`${path}.${field}`] ?? [])
    .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }))
    .at(0);
}
