import type { Clock } from '../metacontroller/controller.ts';

/** What a sync needs besides its request; injected, so that the same request gives the same response. */
export interface SyncContext extends Clock {
  /** Generates a random credential of unreserved URL characters that starts with a letter. */
  generateToken: () => string;
  /** Registry of images that name none, for example `registry.example.com/mirror`; default: the image reference as it is. */
  imageRegistry?: string;
}
