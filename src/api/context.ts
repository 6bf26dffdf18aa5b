import type { Clock } from '../metacontroller/controller.ts';

/** What a sync needs from outside of its request, handed in so that the same request can give the same answer. */
export interface SyncContext extends Clock {
  /** Makes a new random credential of unreserved URL characters that starts with a letter. */
  generateToken: () => string;
  /** Where images are taken from that name no registry, for example `registry.example.com/mirror`; default: as named. */
  imageRegistry?: string;
}
