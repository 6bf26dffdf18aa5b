import type { ImageSource } from '../kubernetes/images.ts';
import type { SecurityContexts } from '../kubernetes/security.ts';
import type { Clock } from '../metacontroller/controller.ts';

/** Settings of the operator for the pods of all resources. */
export interface PodSettings extends ImageSource {
  /** Default: restricted. */
  securityContext?: SecurityContexts;
}

/** What a sync needs besides its request; injected, so that the same request gives the same response. */
export interface SyncContext extends Clock, PodSettings {
  /** Generates a random credential of unreserved URL characters that starts with a letter. */
  generateToken: () => string;
}
