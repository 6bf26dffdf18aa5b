import { UnreadManagedFields } from './managed-fields.ts';

/**
 * Parses the body of a request, but for the `managedFields` of its objects: they are half of the bytes, and are read only
 * where a child is carried over under server-side-apply. Their text takes their place.
 *
 * They are found as Go's encoder writes them, without white space and between fields that are known, and end at the first
 * `]`, which FieldsV1 has nowhere else. A quote within a JSON string is escaped, so what is looked for can't be found in one;
 * and text that is cut at another bracket can't be parsed. Whatever looks otherwise is parsed whole.
 * @throws a SyntaxError when it is no JSON
 */
export function parseBody(text: string): unknown {
  const cuts = findManagedFields(text);
  if (cuts.length === 0) return JSON.parse(text);
  let rest = '';
  let from = 0;
  for (const [index, [start, end]] of cuts.entries()) {
    rest += text.slice(from, start) + index;
    from = end;
  }
  let body: unknown;
  try {
    body = JSON.parse(rest + text.slice(from));
  } catch {
    return JSON.parse(text);
  }
  let found = 0;
  for (const object of objectsOf(body)) {
    const { metadata } = object as { metadata?: { managedFields?: unknown } };
    const cut = cuts[metadata?.managedFields as number];
    if (!metadata || !cut) continue;
    metadata.managedFields = new UnreadManagedFields(text, ...cut);
    found += 1;
  }
  // One that was found elsewhere than in an object's metadata is no `managedFields`.
  return found === cuts.length ? body : JSON.parse(text);
}

/** Every object of a request, whichever hook it is for. */
function* objectsOf(body: unknown): Generator<object> {
  if (!isObject(body)) return;
  const { controller, parent, children, related } = body as Record<string, unknown>;
  for (const object of [controller, parent]) if (isObject(object)) yield object;
  for (const groups of [children, related]) {
    for (const group of isObject(groups) ? Object.values(groups) : []) {
      for (const object of isObject(group) ? Object.values(group) : []) if (isObject(object)) yield object;
    }
  }
}

const KEY = '"managedFields":';
/** What follows: in an object as Metacontroller watches it, and in its own types. */
const NEXT = [',"name":', '},"spec":'];

/** Where the arrays start and end; none when one of them is not as Go's encoder writes it. */
function findManagedFields(text: string): [start: number, end: number][] {
  const found: [start: number, end: number][] = [];
  for (let at = text.indexOf(KEY); at >= 0; ) {
    const start = at + KEY.length;
    const end = text.indexOf(']', start) + 1;
    if (text[at - 1] !== ',' || text[start] !== '[' || end === 0) return [];
    if (!NEXT.some((next) => text.startsWith(next, end))) return [];
    found.push([start, end]);
    at = text.indexOf(KEY, end);
  }
  return found;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
