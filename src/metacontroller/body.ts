import { LruMap } from 'toad-cache';
import { comesAgain, MEMORY, Memory } from '../memory.ts';
import { UnreadManagedFields } from './managed-fields.ts';

/** The parts of a request that are parsed each by itself. */
export interface BodyParts {
  /** Kinds of the children and of the related objects, by `Kind.version` or `Kind.group/version`. */
  children: string[];
  related: string[];
  /** Whether a part, `parent` or a kind, may hold credentials, besides Secrets and URLs; default: none does. */
  mayHoldCredentials?: (part: string, bytes: Buffer) => boolean;
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
 * it must be, they can't be anything else. A body of which that is not true is parsed whole, as those of customize hooks are,
 * which come once for each change of a spec.
 * @param mark a text that no request can hold, to put in the place of `managedFields`
 * @returns the parser, which throws a SyntaxError for what is no JSON
 */
export function bodyParser(
  { children, related, mayHoldCredentials = () => false }: BodyParts,
  mark: string,
): (body: Buffer) => unknown {
  const keys = { children: keysOf(children, ''), related: keysOf(related, 'related ') };
  const [first = CHILDREN] = keys.children.map(({ kind }) => new Needle(`},"children":{"${kind}":`, kind));
  const parents = new LruMap<Known>(PARENTS);

  const parseParts = (body: Buffer): object => {
    const start = PARENT.find(body) + PARENT.length - 1;
    if (start < PARENT.length || !isAt(body, 0, CONTROLLER)) throw new OtherShape();
    const uid = uidOf(body, start);
    const known = parents.get(uid) ?? { parts: new Map(), memory: new Memory() };
    const reader = new Reader(body, start, {
      known,
      mayHoldCredentials,
      parse: (bytes, objects) => parsePart(bytes, mark, objects),
    });

    const parent = reader.part('parent', 'parent', itself, () => first.find(body, start) + 1);
    reader.skip(CHILDREN);
    const childParts = reader.kinds(keys.children, RELATED);
    const relatedParts = reader.kinds(keys.related, FINALIZING, childParts);
    const finalizing = reader.ends('true}');
    if (!finalizing && !reader.ends('false}')) throw new OtherShape();
    const request: Request = {
      parent: parent.value,
      children: values(childParts),
      related: values(relatedParts),
      finalizing,
    };
    if (uid !== '') parents.set(uid, known);
    // Nothing that is made of what is not kept is kept either.
    if (reader.keepsAll) request[MEMORY] = known.memory;
    return request;
  };

  return (body) => {
    try {
      return parseParts(body);
    } catch {
      // It is no JSON, or not as Go's encoder writes it: parsed whole, it tells.
      return JSON.parse(body.toString());
    }
  };
}

/** Of so many parents the last requests are known; a cluster mostly has one of each kind. */
const PARENTS = 4;

/** What is kept of a parent's former requests: parts by name, and what was made of them. */
interface Known {
  parts: Map<string, Part>;
  memory: Memory;
}

/** A part of a request, and what it was parsed to. */
interface Part {
  bytes: Buffer;
  value: object;
}

interface Request extends Record<'parent' | 'children' | 'related' | 'finalizing', unknown> {
  [MEMORY]?: Memory;
}

/** What is no request as Go's encoder writes it. */
class OtherShape extends Error {}

/** Reads a body from front to back. */
class Reader {
  readonly #body: Buffer;
  readonly #options: ReaderOptions;
  #at: number;
  /** Whether all that was read is kept, but for Secrets. */
  keepsAll = true;

  constructor(body: Buffer, at: number, options: ReaderOptions) {
    this.#body = body;
    this.#at = at;
    this.#options = options;
  }

  /** Reads what begins here: the part that is known by that name, or what ends where `end` finds it to end. */
  part(name: string, kind: string, objects: Objects, end: () => number): Part {
    const { known, parse } = this.#options;
    const before = known.parts.get(name);
    if (before && isAt(this.#body, this.#at, before.bytes)) {
      comesAgain(before.value);
      return this.#passed(before);
    }
    if (isAt(this.#body, this.#at, EMPTY)) return this.#passed({ bytes: EMPTY, value: {} });
    if (this.#body[this.#at] !== OPEN_BRACE) throw new OtherShape();
    const bytes = this.#body.subarray(this.#at, end());
    const isKept = kind !== SECRETS && bytes.length <= LARGE && !this.#mayHoldCredentials(kind, bytes);
    this.keepsAll &&= isKept || kind === SECRETS;
    if (!isKept) return this.#passed({ bytes, value: parse(bytes, objects) });
    // A copy of its own, so that nothing holds on to the whole body; nor to Node's pool of small buffers, in which decoded
    // credentials are.
    const copy = Buffer.allocUnsafeSlow(bytes.length);
    bytes.copy(copy);
    const part = { bytes: copy, value: parse(copy, objects) };
    known.parts.set(name, part);
    return this.#passed(part);
  }

  /**
   * Reads the kinds of a map, up to what follows the last one.
   * @param twins the same kinds among the children
   */
  kinds(keys: Key[], close: Needle, twins?: Map<string, Part>): Map<string, Part> {
    const parts = new Map<string, Part>();
    for (const { kind, name, needle, next } of keys) {
      if (!needle.isAt(this.#body, this.#at)) continue;
      this.#at += needle.length;
      const twin = twins?.get(kind);
      const isTwin = twin && isAt(this.#body, this.#at, twin.bytes);
      const part = isTwin ? this.#passed(twin) : this.part(name, kind, Object.values, () => this.#end(next, close));
      parts.set(kind, part);
      if (this.#body[this.#at] !== COMMA) break;
      this.#at += 1;
    }
    // Behind a comma, there would have to be another kind.
    if (this.#body[this.#at - 1] === COMMA) throw new OtherShape();
    this.skip(close);
    return parts;
  }

  /** Passes over what has to be here. */
  skip(needle: Needle): void {
    if (!needle.isAt(this.#body, this.#at)) throw new OtherShape();
    this.#at += needle.length;
  }

  /** Whether the body ends with this, here. */
  ends(text: string): boolean {
    return this.#body.length === this.#at + text.length && this.#body.toString('latin1', this.#at) === text;
  }

  #mayHoldCredentials(kind: string, bytes: Buffer): boolean {
    const isUrl = bytes.includes(AT) && URL_WITH_CREDENTIALS.test(bytes.toString('latin1'));
    return isUrl || this.#options.mayHoldCredentials(kind, bytes);
  }

  #passed(part: Part): Part {
    this.#at += part.bytes.length;
    return part;
  }

  /** Where the objects of a kind end: before the next kind that is there, or what follows the last one. */
  #end(next: Key[], close: Needle): number {
    for (const { needle } of next) {
      const at = needle.find(this.#body, this.#at);
      if (at >= 0) return at - 1;
    }
    return close.find(this.#body, this.#at);
  }
}

interface ReaderOptions extends Required<Pick<BodyParts, 'mayHoldCredentials'>> {
  known: Known;
  parse: (bytes: Buffer, objects: Objects) => object;
}

function values(parts: Map<string, Part>): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [kind, { value }] of parts) found[kind] = value;
  return found;
}

/** The kind that is never kept. */
const SECRETS = 'Secret.v1';

/** A URL with credentials in it; with a variable in their place, it has none. */
const URL_WITH_CREDENTIALS = /:\/\/(?!\$\()[^"\s]*@/;

/** The uid of a parent, empty when there is none where Go's encoder writes it. */
function uidOf(body: Buffer, parent: number): string {
  const version = RESOURCE_VERSION.find(body, parent);
  const end = version < 0 ? -1 : body.indexOf(QUOTE, version + RESOURCE_VERSION.length);
  if (end < 0 || !isAt(body, end, UID)) return '';
  const start = end + UID.length;
  const length = body.indexOf(QUOTE, start) - start;
  return length > 0 && length <= LONGEST_UID ? body.toString('latin1', start, start + length) : '';
}

/** As the envelope allows it. */
const LONGEST_UID = 253;

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
    this.#bytes = constant(text);
    this.#probe = constant(rare.slice(0, 7));
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

/** A kind in a map of kinds. */
interface Key {
  kind: string;
  /** Among all parts. */
  name: string;
  /** How its objects begin. */
  needle: Needle;
  /** Those that may follow it. */
  next: Key[];
}

function keysOf(kinds: string[], prefix: string): Key[] {
  const keys: Key[] = [];
  for (const kind of kinds.toSorted().reverse()) {
    keys.unshift({ kind, name: prefix + kind, needle: new Needle(`"${kind}":`, kind), next: [...keys] });
  }
  return keys;
}

const EMPTY = constant('{}');
/** Larger parts are not kept, in bytes. */
const LARGE = 32 * 1024;

const CONTROLLER = constant('{"controller":{');
const PARENT = new Needle('},"parent":{', 'parent');
const CHILDREN = new Needle(',"children":{', 'children');
const RELATED = new Needle('},"related":{', 'related');
const FINALIZING = new Needle('},"finalizing":', 'finalizing');
const RESOURCE_VERSION = new Needle('"resourceVersion":"', 'Version"');
const UID = constant('","uid":"');
const [COMMA, QUOTE, OPEN, CLOSE, OPEN_BRACE, AT] = [0x2c, 0x22, 0x5b, 0x5d, 0x7b, 0x40];

const itself: Objects = (object) => [object];

/** Bytes from `start` up to `end`. */
interface Range {
  start: number;
  end: number;
}

/** Gives those that may have `managedFields`. */
type Objects = (value: Record<string, unknown>) => unknown[];

/**
 * Parses a text, with unread managedFields in its objects.
 * @throws Error when managedFields are not as Go's encoder writes them, or are not in an object's metadata
 */
function parsePart(bytes: Buffer, mark: string, objects: Objects): object {
  const marks = new Map<unknown, Range>();
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
const NEXT = [constant(',"name":'), constant('},"spec":')];

/**
 * The arrays of `managedFields` in a text. They end at the first `]`, which FieldsV1 has nowhere else.
 * @throws Error when one is not as Go's encoder writes it
 */
function findManagedFields(bytes: Buffer): Range[] {
  const found: Range[] = [];
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

/** Bytes with memory of their own: they last, and so would what is beside them in Node's pool of small buffers. */
function constant(text: string): Buffer {
  const bytes = Buffer.alloc(text.length);
  bytes.write(text, 'latin1');
  return bytes;
}

/** Whether the bytes of a body from `at` on are these. */
function isAt(body: Buffer, at: number, bytes: Buffer): boolean {
  return (
    at >= 0 && at + bytes.length <= body.length && body.compare(bytes, 0, bytes.length, at, at + bytes.length) === 0
  );
}
