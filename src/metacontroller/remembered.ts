import type { SyncResponse } from './envelope.ts';

/**
 * Makes a pure function of an object remember what it last made of it, and give that again as long as its other arguments are
 * the same. The parser gives the same objects for what has not changed since a former request, so that a child is made once
 * and not on every sync. It is forgotten with the object.
 *
 * What is made must not be changed. No argument but the object may hold a credential, since it is kept.
 */
export function remembered<Of extends object, Rest extends unknown[], Made>(
  make: (of: Of, ...rest: Rest) => Made,
): (of: Of, ...rest: Rest) => Made {
  const last = new WeakMap<Of, { rest: Rest; made: Made }>();
  return (of, ...rest) => {
    const known = last.get(of);
    if (known && isSame(known.rest, rest)) return known.made;
    const made = make(of, ...rest);
    last.set(of, { rest, made });
    return made;
  };
}

/** Whether arguments are the same: the same objects, or plain ones with the same fields. */
function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (!isPlain(left) || !isPlain(right) || Array.isArray(left) !== Array.isArray(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isSame(left[key], right[key]))
  );
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype;
}

const texts = new WeakMap<object, string>();

/** The answer of a sync as JSON. A child that was made once is written once. */
export function answerText({ status, children }: SyncResponse): string {
  return `{"status":${JSON.stringify(status)},"children":[${children.map(childText).join()}]}`;
}

function childText(child: object): string {
  const known = texts.get(child);
  if (known !== undefined) return known;
  const text = JSON.stringify(child);
  texts.set(child, text);
  return text;
}
