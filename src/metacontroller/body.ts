import { LruMap } from 'toad-cache';
import { UnreadManagedFields } from './managed-fields.ts';

/**
 * Makes a parser of requests that parses what is read, and that once:
 * - `managedFields` are read only where a child is carried over under server-side-apply: their bytes take their place;
 * - children are related objects too, since customize asks for their names: a kind whose objects are the same in every byte
 *   is parsed once, and its objects are the same ones in both places;
 * - of a parent's children, a sync mostly finds one changed: a kind whose bytes are those of a former request is not parsed
 *   again, and its objects are the same ones as then;
 * - `controller` is read by no hook, and left out.
 *
 * So what is parsed must not be changed. Parts are found as Go's encoder writes them: without white space, keys in order. A
 * quote within a JSON string is escaped, so none is found in a string; what can be parsed by itself is a value; and a text
 * from which something else than a value was cut can't be parsed. Whatever looks otherwise is parsed whole.
 * @param kinds of the children, by `Kind.version` or `Kind.group/version`
 * @param mark a text that no request can hold, to put in the place of what is cut
 * @returns the parser, which throws a SyntaxError for what is no JSON
 */
export function bodyParser(kinds: string[], mark: string): (body: Buffer) => unknown {
  const keys = kinds.toSorted().map((kind) => ({ kind, key: new Needle(`"${kind}":`, kind) }));
  const seen = new SeenKinds();
  return (body) => {
    try {
      const parsed = parseParts(body, keys, mark, seen);
      if (parsed) return parsed;
    } catch {
      // It is no JSON, or was cut at a wrong place: parsed whole, it tells.
    }
    return JSON.parse(body.toString());
  };
}

const NAME_END = Buffer.from('":');

/** The objects of a kind as they were seen lately, by the bytes that they were parsed from. */
class SeenKinds {
  /** Enough for ten parents; a cluster mostly has one. By the kind and the name of its first object. */
  readonly #kinds = new LruMap<{ bytes: Buffer; objects: object }>(32);

  /** @returns what the bytes were parsed to before, else what `parse` makes of them */
  objects(kind: string, body: Buffer, { start, end }: Part, parse: (bytes: Buffer) => object): object {
    const bytes = body.subarray(start, end);
    // Credentials are not kept longer than the request takes, nor is what would take much memory.
    if (kind === 'Secret.v1' || bytes.length > 32_768) return parse(bytes);
    const key = kind + bytes.toString('latin1', 0, bytes.indexOf(NAME_END));
    const seen = this.#kinds.get(key);
    if (seen?.bytes.equals(bytes)) return seen.objects;
    // A copy of its own, so that nothing holds on to the whole body; nor to Node's pool of small buffers, in which decoded
    // credentials are.
    const copy = Buffer.alloc(bytes.length);
    bytes.copy(copy);
    const objects = parse(copy);
    this.#kinds.set(key, { bytes: copy, objects });
    return objects;
  }
}

/** Bytes to look for. */
class Needle {
  readonly #bytes: Buffer;
  readonly #probe: Buffer;
  readonly #offset: number;

  /**
   * @param text what is looked for
   * @param rare a part of it that starts with a rare character: up to seven bytes are found by that, which is far faster
   */
  constructor(text: string, rare: string) {
    this.#bytes = Buffer.from(text);
    this.#probe = Buffer.from(rare.slice(0, 7));
    this.#offset = text.indexOf(rare);
  }

  get length(): number {
    return this.#bytes.length;
  }

  isAt(body: Buffer, at: number): boolean {
    return isAt(body, at, this.#bytes);
  }

  /** Where the bytes are, at `from` or behind it; -1 when they are not. */
  find(body: Buffer, from = 0): number {
    let probe = body.indexOf(this.#probe, from + this.#offset);
    while (probe >= 0 && !this.isAt(body, probe - this.#offset)) probe = body.indexOf(this.#probe, probe + 1);
    return probe < 0 ? -1 : probe - this.#offset;
  }
}

/** A kind of children, and how it begins in `children` and in `related`. */
interface Key {
  kind: string;
  key: Needle;
}

/** Bytes of a body, from `start` up to `end`. */
interface Part {
  start: number;
  end: number;
}

/** Where the objects of a kind are among the children, and where the same are among the related objects. */
interface Twins {
  kind: string;
  child: Part;
  related: Part;
}

/** @returns `undefined` for what has to be parsed whole */
function parseParts(body: Buffer, keys: Key[], mark: string, seen: SeenKinds): object | undefined {
  const controller = findController(body);
  if (!controller) return undefined;
  const twins = findTwins(body, keys);
  const cuts = [controller, ...twins.flatMap(({ child, related }) => [child, related])];
  const { value: whole, marks } = parseWithout(body, cuts, mark, objectsOf);
  if (marks.get(whole.controller) !== controller) return undefined;
  whole.controller = undefined;
  const parse = (bytes: Buffer): object => parseWithout(bytes, [], mark, Object.values).value;
  for (const { kind, child, related } of twins) {
    if (marks.get(whole.children?.[kind]) !== child || marks.get(whole.related?.[kind]) !== related) return undefined;
    whole.children[kind] = whole.related[kind] = seen.objects(kind, body, child, parse);
  }
  return whole;
}

/**
 * Parses a text that has a mark in the place of each part that is left out, and unread managedFields in their objects.
 * @param objects gives those that may have managedFields
 * @throws Error when managedFields are not as Go's encoder writes them, or are not in an object's metadata
 */
function parseWithout(
  bytes: Buffer,
  parts: Part[],
  mark: string,
  objects: (value: Record<string, unknown>) => Iterable<unknown>,
) {
  const fields = findManagedFields(bytes, parts);
  const cuts = [...parts, ...fields].sort((a, b) => a.start - b.start);
  const marks = new Map<unknown, Part>();
  let text = '';
  let from = 0;
  for (const cut of cuts) {
    marks.set(mark + marks.size, cut);
    text += `${bytes.toString('utf8', from, cut.start)}"${mark}${marks.size - 1}"`;
    from = cut.end;
  }
  const value = JSON.parse(text + bytes.toString('utf8', from));
  let found = 0;
  for (const object of objects(value)) {
    const { metadata } = object as { metadata?: { managedFields?: unknown } };
    const cut = marks.get(metadata?.managedFields);
    if (!metadata || !cut) continue;
    metadata.managedFields = new UnreadManagedFields(bytes, cut.start, cut.end);
    found += 1;
  }
  if (found !== fields.length) throw new Error('managedFields elsewhere than in the metadata of an object');
  return { value, marks };
}

/** The objects of a request that are not left out, whichever hook it is for. */
function* objectsOf({ parent, children, related }: Record<string, unknown>): Generator<object> {
  if (isObject(parent)) yield parent;
  for (const kinds of [children, related]) {
    for (const objects of isObject(kinds) ? Object.values(kinds) : []) {
      for (const object of isObject(objects) ? Object.values(objects) : []) if (isObject(object)) yield object;
    }
  }
}

const CONTROLLER = Buffer.from('{"controller":{');
const PARENT = Buffer.from('},"parent":{');
const CHILDREN = Buffer.from('},"children":{');
const RELATED = Buffer.from('},"related":{');

/** @returns `undefined` when the controller is not what comes first */
function findController(body: Buffer): Part | undefined {
  const end = body.indexOf(PARENT) + 1;
  return end > 0 && isAt(body, 0, CONTROLLER) ? { start: CONTROLLER.length - 1, end } : undefined;
}

function findTwins(body: Buffer, keys: Key[]): Twins[] {
  const children = body.indexOf(CHILDREN);
  // All kinds of children are there, even those without objects; each ends where the next one starts.
  const starts = [children + CHILDREN.length];
  for (const { key } of keys.slice(1)) starts.push(key.find(body, starts.at(-1)));
  const related = body.indexOf(RELATED, starts.at(-1));
  if (children < 0 || related < 0 || starts.includes(-1) || !keys[0]?.key.isAt(body, starts[0] ?? 0)) return [];
  const twins: Twins[] = [];
  let other = related + RELATED.length;
  for (const [index, { kind, key }] of keys.entries()) {
    const [at = 0, next] = starts.slice(index);
    const child = { start: at + key.length, end: next === undefined ? related : next - 1 };
    const length = child.end - child.start;
    if (length <= '{}'.length) continue;
    const there = key.isAt(body, other) ? other : key.find(body, other);
    const start = there + key.length;
    if (there < 0 || body.compare(body, start, start + length, child.start, child.end) !== 0) continue;
    twins.push({ kind, child, related: { start, end: start + length } });
    other = start + length + 1;
  }
  return twins;
}

const MANAGED_FIELDS = new Needle('"managedFields":', 'Fields"');
const [COMMA, OPEN, CLOSE] = [0x2c, 0x5b, 0x5d];
/** What follows: in an object as Metacontroller watches it, and in its own types. */
const NEXT = [Buffer.from(',"name":'), Buffer.from('},"spec":')];

/**
 * The arrays of `managedFields` in what is parsed. They end at the first `]`, which FieldsV1 has nowhere else.
 * @throws Error when one is not as Go's encoder writes it
 */
function findManagedFields(body: Buffer, unparsed: Part[]): Part[] {
  const found: Part[] = [];
  for (let at = MANAGED_FIELDS.find(body, 0); at >= 0; ) {
    const within = unparsed.find((part) => part.start < at && at < part.end);
    const start = at + MANAGED_FIELDS.length;
    const end = within?.end ?? body.indexOf(CLOSE, start) + 1;
    if (!within) {
      const isArray = body[at - 1] === COMMA && body[start] === OPEN && end > 0;
      if (!isArray || !NEXT.some((next) => isAt(body, end, next))) throw new Error('no managedFields of Go');
      found.push({ start, end });
    }
    at = MANAGED_FIELDS.find(body, end);
  }
  return found;
}

/** Whether the bytes of a body from `at` on are these. */
function isAt(body: Buffer, at: number, bytes: Buffer): boolean {
  return at + bytes.length <= body.length && body.compare(bytes, 0, bytes.length, at, at + bytes.length) === 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
