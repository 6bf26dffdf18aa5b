import { type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { checksum } from '../kubernetes/checksum.ts';
import type { FieldError } from '../schema/validate.ts';
import { isReadVersion, knownResources, READ_AS, UNREADABLE_RESOURCE } from './known-resources.ts';

/** A watch-list as MeshSync reads it. */
export interface WatchList {
  /** `default` is MeshSync's default set, which it watches while both lists are empty. */
  kind: 'default' | 'whitelist' | 'blacklist';
  /** Events by resource, as `plural.version.group`. Empty for a default; a blacklist has no events. */
  resources: ReadonlyMap<string, string[]>;
  /** Where the effect may differ from what the author intends. */
  warnings: readonly string[];
  /** Changes with the content that MeshSync reads. */
  checksum: string;
}

/** The events of MeshSync; it ignores all others. */
const EVENTS = ['ADDED', 'MODIFIED', 'DELETED'];

const LISTS = ['whitelist', 'blacklist'];

const PATH = 'spec.watch-list.data';

const stopsEarly = `MeshSync ${READ_AS} stops at ${UNREADABLE_RESOURCE}, a name of its default set that it can't parse, and then watches custom resources only: use a whitelist, or a blacklist that contains ${UNREADABLE_RESOURCE}.`;

/**
 * Reads a watch-list as MeshSync 1.0.3 does (internal/config/crd_config.go), which matches the names of fields in any case
 * and treats `null` as absent. Where MeshSync would silently fall back to its default set, or skip what it can't parse, this
 * returns an error: a typo must not publish more of the cluster.
 * @param data `data` of the watch-list
 * @param tag of MeshSync's image
 * @returns the list, or the first error with its path
 */
export function readWatchList(data: Record<string, string>, tag: string): WatchList | FieldError {
  const blacklist = readList(data, 'blacklist', readName);
  if (isError(blacklist)) return blacklist;
  const whitelist = readList(data, 'whitelist', readEntry);
  if (isError(whitelist)) return whitelist;
  if (blacklist.length > 0 && whitelist.length > 0) {
    return {
      path: PATH,
      message: 'must have either a whitelist or a blacklist: MeshSync rejects a list that has both',
    };
  }
  const others = Object.keys(data).filter((key) => !LISTS.includes(key));
  if (others.length > 0 && !LISTS.some((key) => key in data)) {
    const message = `must have ${LISTS.join(' or ')}: MeshSync reads nothing else, and watches its default set instead`;
    return { path: PATH, message };
  }
  const kind = whitelist.length > 0 ? 'whitelist' : blacklist.length > 0 ? 'blacklist' : 'default';
  const entries = whitelist.length > 0 ? whitelist : blacklist;
  const resources = new Map<string, string[]>();
  // Of two entries of one resource, MeshSync uses the first.
  for (const { resource, events } of entries) if (!resources.has(resource)) resources.set(resource, events);
  if (kind === 'whitelist' && resources.has(UNREADABLE_RESOURCE)) {
    const message = `must not contain ${UNREADABLE_RESOURCE}: MeshSync can't parse this name, and stops before it watches anything`;
    return { path: `${PATH}.whitelist`, message };
  }
  const warnings = warningsOf(kind, entries, resources);
  if (others.length > 0) warnings.push(`MeshSync ignores these keys: ${quoted(others)}.`);
  if (kind === 'default' && LISTS.some((key) => data[key])) {
    warnings.push('An empty list is treated as absent: the default set is watched.');
  }
  if (isReadVersion(tag) && kind !== 'whitelist' && !resources.has(UNREADABLE_RESOURCE)) warnings.push(stopsEarly);
  const content = JSON.stringify(LISTS.map((key) => data[key] ?? ''));
  return { kind, resources, warnings, checksum: checksum(content) };
}

interface Entry {
  resource: string;
  events: string[];
}

function warningsOf(kind: WatchList['kind'], entries: Entry[], resources: WatchList['resources']): string[] {
  const warnings: string[] = [];
  const unknown = [...resources.keys()].filter((name) => !knownResources.has(name));
  if (unknown.length > 0) warnings.push(`MeshSync does not know these names, and skips them: ${quoted(unknown)}.`);
  if (kind === 'whitelist' && unknown.length === resources.size) warnings.push('So it watches custom resources only.');
  if (kind === 'blacklist') return warnings;
  const names = entries.map(({ resource }) => resource);
  const repeated = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
  if (repeated.length > 0) {
    warnings.push(`Of several entries of one resource, MeshSync uses the first: ${quoted(repeated)}.`);
  }
  return warnings;
}

function quoted(names: string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ');
}

function readList<Item>(
  data: Record<string, string>,
  key: 'whitelist' | 'blacklist',
  readItem: (item: unknown, path: string) => Item | FieldError,
): Item[] | FieldError {
  const path = `${PATH}.${key}`;
  const text = data[key] ?? '';
  if (text === '') return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { path, message: `must be JSON: ${syntaxError(text)}` };
  }
  if (parsed === null) return [];
  if (!Array.isArray(parsed)) return { path, message: 'must be a JSON list' };
  const items: Item[] = [];
  for (const [index, item] of parsed.entries()) {
    const read = readItem(item, `${path}[${index}]`);
    if (isError(read)) return read;
    items.push(read);
  }
  return items;
}

/** An entry of a blacklist. */
function readName(item: unknown, path: string): Entry | FieldError {
  if (typeof item !== 'string') return { path, message: 'must be a resource as a string, such as "secrets.v1."' };
  return nameProblem(item, path) ?? { resource: item, events: [] };
}

/** An entry of a whitelist. */
function readEntry(item: unknown, path: string): Entry | FieldError {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    return {
      path,
      message: 'must be an object such as {"Resource":"pods.v1.","Events":["ADDED","MODIFIED","DELETED"]}',
    };
  }
  const { resource = '', events } = fieldsInAnyCase(item);
  if (typeof resource !== 'string') return { path: `${path}.Resource`, message: 'must be a string' };
  const problem = nameProblem(resource, `${path}.Resource`);
  if (problem) return problem;
  if (!Array.isArray(events) || events.length === 0) {
    return {
      path: `${path}.Events`,
      message: `must be a list of at least one of ${EVENTS.join(', ')}: without it, MeshSync publishes nothing of the resource`,
    };
  }
  const wrong = events.findIndex((event) => !EVENTS.includes(event));
  if (wrong >= 0) return { path: `${path}.Events[${wrong}]`, message: `must be one of ${EVENTS.join(', ')}` };
  return { resource, events };
}

/** Go matches the names of fields in any case; of several, the last one wins. `null` leaves a field unset. */
function fieldsInAnyCase(item: object): { resource?: unknown; events?: unknown } {
  const fields: { resource?: unknown; events?: unknown } = {};
  for (const [name, value] of Object.entries(item)) {
    const field = name.toLowerCase();
    if (value !== null && (field === 'resource' || field === 'events')) fields[field] = value;
  }
  return fields;
}

function nameProblem(name: string, path: string): FieldError | undefined {
  if (name === UNREADABLE_RESOURCE || /^[a-z0-9]+\.v[a-z0-9]+\.([a-z0-9][-a-z0-9.]*)?$/.test(name)) return undefined;
  return {
    path,
    message: 'must be plural.version.group in lower case, with an empty group for the core, such as pods.v1.',
  };
}

/** The syntax error of a text that is not JSON, and its position. Never contains the text itself. */
function syntaxError(text: string): string {
  const errors: ParseError[] = [];
  parseTree(text, errors, { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false });
  const [first] = errors;
  const offset = first?.offset ?? 0;
  const before = text.slice(0, offset).split('\n');
  const words = first
    ? printParseErrorCode(first.error)
        .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
        .toLowerCase()
    : 'unreadable';
  return `${words} at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

function isError(value: unknown): value is FieldError {
  return typeof value === 'object' && value !== null && 'path' in value && 'message' in value;
}
