/** Objects of which a former request or answer was made too. */
const again = new WeakSet<object>();

/** Says that an object is given again, so that it pays to keep what is worked out of it. It must not be changed any more. */
export function comesAgain(object: object): void {
  again.add(object);
}

/**
 * Makes a pure function of an object keep what it gives for objects that come again, for as long as these live.
 * @param make gives anything but `undefined`
 */
export function keptFor<Of extends object, Made>(make: (of: Of) => Made): (of: Of) => Made {
  const kept = new WeakMap<Of, Made>();
  return (of) => {
    const known = kept.get(of);
    if (known !== undefined) return known;
    const made = make(of);
    if (again.has(of)) kept.set(of, made);
    return made;
  };
}

/** Where a request has the memory of its parent. */
export const MEMORY = Symbol('memory');

/**
 * What was made at the last sync of a parent, so that what has not changed since is not made again. Answers are the same
 * without it.
 */
export class Memory {
  readonly #last = new Map<unknown, { of: unknown[]; made: unknown }>();

  /**
   * Calls a pure function, or gives what it made last if its arguments are the same. That must not be changed. If all of what
   * it makes is as it was, that is given too, so that what is made of it in turn is found to be made of the same.
   * @param of arguments, which are kept: only requests that hold no credentials outside of Secrets have a memory, and what is in
   * Secrets must not be given
   */
  make<Of extends unknown[], Made>(make: (...of: Of) => Made, ...of: Of): Made {
    const last = this.#last.get(make);
    const made = last && isSame(last.of, of) ? last.made : make(...of);
    if (!last || !isSame(last.made, made)) {
      this.#last.set(make, { of, made });
      return made as Made;
    }
    last.of = of;
    if (typeof last.made === 'object' && last.made !== null) comesAgain(last.made);
    return last.made as Made;
  }
}

/** The memory of a request's parent, or an empty one. */
export function memoryOf(request: object): Memory {
  return (request as { [MEMORY]?: Memory })[MEMORY] ?? new Memory();
}

/** Whether values are the same: the same objects, or plain ones with the same fields in the same order, in which they are written. */
function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (!isPlain(left) || !isPlain(right) || Array.isArray(left) !== Array.isArray(right)) return false;
  const keys = Object.keys(left);
  const others = Object.keys(right);
  return (
    keys.length === others.length && keys.every((key, index) => key === others[index] && isSame(left[key], right[key]))
  );
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype;
}
