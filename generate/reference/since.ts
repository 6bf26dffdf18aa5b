import type { Described } from './schema.ts';

/** The release that a field came with, by the kind or structure that has it, and by path. */
export type Since = Record<string, Record<string, string>>;

/**
 * Brings the record of releases up to date: what is in it stays, fields that are gone go, and new ones came with this release.
 * @param groups the fields of each kind and structure
 * @param version of this release, for example `2.1.0`: package.json has that of the next release while it is made
 */
export function updatedSince(known: Since, groups: Map<string, Described['fields']>, version: string): Since {
  const release = version.split('.').slice(0, 2).join('.');
  return Object.fromEntries(
    [...groups].map(([name, fields]) => [
      name,
      Object.fromEntries(fields.map(({ path }) => [path, known[name]?.[path] ?? release])),
    ]),
  );
}
