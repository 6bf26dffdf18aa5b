import { LruMap } from 'toad-cache';
import { UnreadManagedFields } from './managed-fields.ts';

/** The parts of a request that are parsed each by itself. */
export interface BodyParts {
  /** Kinds of the children and of the related objects, by `Kind.version` or `Kind.group/version`. */
  children: string[];
  related: string[];
  /** Whether a part, `parent` or a kind, may hold credentials, which are not kept longer than the request takes. */
  isSecret: (part: string, bytes: Buffer) => boolean;
}

/**
 * Makes a parser of requests that parses what is read, and that once:
 * - of a parent and its children, a sync mostly finds one changed: a part whose bytes are those of the parent's former
 *   request, the parent itself or the objects of a kind, is not parsed again, and gives the same objects as then;
 * - children are related objects too, since customize asks for their names: a kind whose objects are the same in every byte
 *   is parsed once, and its objects are the same ones in both places;
 * - `managedFields` are read only where a child is carried over under server-side-apply: their bytes take their place;
 * - `controller` is read by no hook, and left out.
 *
 * So what is parsed must not be changed. Parts are found as Go's encoder writes them: without white space, keys in order.
 * Where a part ends is a guess, by what follows: but when each part is a value by itself, and what is between them is all that
 * it must be, they can't be anything else. A body of which that is not true is parsed whole.
 * @param mark a text that no request can hold, to put in the place of `managedFields`
 * @returns the parser, which throws a SyntaxError for what is no JSON
 */
export function bodyParser({ children, related, isSecret }: BodyParts, mark: string): (body: Buffer) => unknown {
  const keys = { children: keysOf(children), related: keysOf(related) };
  const seen = new SeenParts(isSecret);
  return (body) => {
    try {
      const parsed = parseParts(body, keys, mark, seen);
      if (parsed) return parsed;
    } catch {
      // It is no JSON, or was taken apart at a wrong place: parsed whole, it tells.
    }
    return JSON.parse(body.toString());
  };
}

/** Parts as they were seen lately, by the bytes that they were parsed from. */
class SeenParts {
  /** Enough for some parents; a cluster mostly has one of each kind. */
  readonly #parts = new LruMap<{ bytes: Buffer; value: unknown }>(32);
  readonly #isSecret: BodyParts['isSecret'];

  constructor(isSecret: BodyParts['isSecret']) {
    this.#isSecret = isSecret;
  }

  /**
   * @param key of the part among all
   * @returns what the bytes were parsed to before, else what `parse` makes of them
   */
  value(key: string, part: string, bytes: Buffer, parse: (bytes: Buffer) => unknown): unknown {
    const seen = this.#parts.get(key);
    if (seen?.bytes.equals(bytes)) return seen.value;
    if (bytes.length === EMPTY || bytes.length > LARGE || this.#isSecret(part, bytes)) return parse(bytes);
    // A copy of its own, so that nothing holds on to the whole body; nor to Node's pool of small buffers, in which decoded
    // credentials are.
    const copy = Buffer.alloc(bytes.length);
    bytes.copy(copy);
    const value = parse(copy);
    this.#parts.set(key, { bytes: copy, value });
    return value;
  }
}

/** Parts of these sizes and more are not kept, in bytes. */
const [EMPTY, LARGE] = ['{}'.length, 32 * 1024];

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

/** A kind, and how its objects begin. */
interface Key {
  kind: string;
  needle: Needle;
}

function keysOf(kinds: string[]): Key[] {
  return kinds.toSorted().map((kind) => ({ kind, needle: new Needle(`"${kind}":`, kind) }));
}

/** Bytes of a body, from `start` up to `end`. */
interface Part {
  start: number;
  end: number;
}

/** The objects of a kind; `isTwin` when the children of that kind are the same in every byte. */
interface Kind extends Part {
  isTwin: boolean;
}

const CONTROLLER = Buffer.from('{"controller":{');
const PARENT = Buffer.from('},"parent":{');
const CHILDREN = Buffer.from('},"children":{');
const RELATED = Buffer.from('},"related":{');
const FINALIZING = Buffer.from('},"finalizing":');
const FLAGS = [true, false].map((value) => ({ value, text: Buffer.from(`${value}}`) }));
const UID = Buffer.from('"uid":"');
const [COMMA, QUOTE, OPEN, CLOSE, CLOSE_BRACE] = [0x2c, 0x22, 0x5b, 0x5d, 0x7d];

/** @returns `undefined` for what has to be parsed whole */
function parseParts(
  body: Buffer,
  keys: Record<'children' | 'related', Key[]>,
  mark: string,
  seen: SeenParts,
): object | undefined {
  const start = body.indexOf(PARENT) + PARENT.length - 1;
  if (start < PARENT.length || !isAt(body, 0, CONTROLLER)) return undefined;
  const uidAt = body.indexOf(UID, start) + UID.length;
  const uid = body.toString('latin1', uidAt, body.indexOf(QUOTE, uidAt));
  const value = (where: string, part: string, { start, end }: Part, objects: Objects) =>
    seen.value(uid + where + part, part, body.subarray(start, end), (bytes) => parsePart(bytes, mark, objects));
  const parent = (end: number) => value('', 'parent', { start, end }, (object) => [object]);

  const afterParent = body.indexOf(CHILDREN, start);
  if (afterParent < 0) return body.at(-1) === CLOSE_BRACE ? { parent: parent(body.length - 1) } : undefined;
  const children = findKinds(body, keys.children, afterParent + CHILDREN.length, RELATED);
  const related = children && findKinds(body, keys.related, children.end, FINALIZING, children.kinds);
  const finalizing =
    related && FLAGS.find(({ text }) => body.length === related.end + text.length && isAt(body, related.end, text));
  if (!finalizing) return undefined;
  const whole: Record<'children' | 'related', Record<string, unknown>> = { children: {}, related: {} };
  for (const [kind, part] of children.kinds) whole.children[kind] = value('children', kind, part, Object.values);
  for (const [kind, part] of related.kinds) {
    whole.related[kind] = part.isTwin ? whole.children[kind] : value('related', kind, part, Object.values);
  }
  return { parent: parent(afterParent + 1), ...whole, finalizing: finalizing.value };
}

/**
 * Finds the kinds of a map, in order.
 * @param from where the first one begins
 * @param close what follows the last one
 * @param twins the same kinds among the children
 * @returns where they are, and where what follows ends; `undefined` when there is anything else
 */
function findKinds(body: Buffer, keys: Key[], from: number, close: Buffer, twins?: Map<string, Part>) {
  const kinds = new Map<string, Kind>();
  let [at, end] = [from, from];
  for (const [index, { kind, needle }] of keys.entries()) {
    if (!needle.isAt(body, at)) continue;
    const start = at + needle.length;
    const twin = twins?.get(kind);
    const isTwin = twin !== undefined && body.compare(body, start, start + length(twin), twin.start, twin.end) === 0;
    end = isTwin ? start + length(twin) : findEnd(body, start, keys.slice(index + 1), close);
    kinds.set(kind, { start, end, isTwin });
    if (body[end] !== COMMA) break;
    at = end + 1;
  }
  return isAt(body, end, close) ? { kinds, end: end + close.length } : undefined;
}

/** Where the objects of a kind end: before the next kind that is there, or what follows the last one. */
function findEnd(body: Buffer, start: number, later: Key[], close: Buffer): number {
  for (const { needle } of later) {
    const next = needle.find(body, start);
    if (next >= 0) return next - 1;
  }
  return body.indexOf(close, start);
}

function length({ start, end }: Part): number {
  return end - start;
}

/** Gives those that may have `managedFields`. */
type Objects = (value: Record<string, unknown>) => unknown[];

/**
 * Parses a text, with unread managedFields in its objects.
 * @throws Error when managedFields are not as Go's encoder writes them, or are not in an object's metadata
 */
function parsePart(bytes: Buffer, mark: string, objects: Objects): unknown {
  const marks = new Map<unknown, Part>();
  let [text, from] = ['', 0];
  for (const cut of findManagedFields(bytes)) {
    text += `${bytes.toString('utf8', from, cut.start)}"${mark}${marks.size}"`;
    marks.set(mark + marks.size, cut);
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
  if (found !== marks.size) throw new Error('managedFields elsewhere than in the metadata of an object');
  return value;
}

const MANAGED_FIELDS = new Needle('"managedFields":', 'Fields"');
/** What follows: in an object as Metacontroller watches it, and in its own types. */
const NEXT = [Buffer.from(',"name":'), Buffer.from('},"spec":')];

/**
 * The arrays of `managedFields` in a text. They end at the first `]`, which FieldsV1 has nowhere else.
 * @throws Error when one is not as Go's encoder writes it
 */
function findManagedFields(bytes: Buffer): Part[] {
  const found: Part[] = [];
  for (let at = MANAGED_FIELDS.find(bytes); at >= 0; ) {
    const start = at + MANAGED_FIELDS.length;
    const end = bytes.indexOf(CLOSE, start) + 1;
    const isArray = bytes[at - 1] === COMMA && bytes[start] === OPEN && end > 0;
    if (!isArray || !NEXT.some((next) => isAt(bytes, end, next))) throw new Error('no managedFields of Go');
    found.push({ start, end });
    at = MANAGED_FIELDS.find(bytes, end);
  }
  return found;
}

/** Whether the bytes of a body from `at` on are these. */
function isAt(body: Buffer, at: number, bytes: Buffer): boolean {
  return (
    at >= 0 && at + bytes.length <= body.length && body.compare(bytes, 0, bytes.length, at, at + bytes.length) === 0
  );
}
