import type { ObservedObject } from './observed.ts';

/** `managedFields` as the body of a request has them. */
export class UnreadManagedFields {
  readonly #body: Buffer;
  readonly #start: number;
  readonly #end: number;

  /** @param body that holds the JSON array from `start` up to `end` */
  constructor(body: Buffer, start: number, end: number) {
    this.#body = body;
    this.#start = start;
    this.#end = end;
  }

  read(): unknown {
    try {
      return JSON.parse(this.#body.toString('utf8', this.#start, this.#end));
    } catch {
      return undefined;
    }
  }
}

/** The entries of an object's `managedFields` that are objects, read when they are asked for. */
export function managedFields({ metadata }: ObservedObject): Record<string, unknown>[] {
  const entries =
    metadata.managedFields instanceof UnreadManagedFields ? metadata.managedFields.read() : metadata.managedFields;
  return Array.isArray(entries) ? entries.filter((entry) => typeof entry === 'object' && entry !== null) : [];
}
