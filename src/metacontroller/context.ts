/** What a sync needs from outside of its request, handed in so that the same request can give the same answer. */
export interface SyncContext {
  /** The present. */
  now: () => Date;
  /** Makes a new random credential of unreserved URL characters that starts with a letter. */
  mintToken: () => string;
  /** Where images are taken from that name no registry, for example `registry.example.com/mirror`; default: as named. */
  imageRegistry?: string;
}

/** A time as `metav1.Time` writes it: RFC 3339 in whole seconds. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
