import type { CommonMetadata } from '../kubernetes/common-metadata.ts';
import type { ImageSource } from '../kubernetes/images.ts';
import type { SecurityContexts } from '../kubernetes/security.ts';
import type { Clock } from '../metacontroller/controller.ts';

/** What the environment of the operator sets for all resources. */
export interface OperatorSettings extends ImageSource {
  /** Labels and annotations of all children and pods; those of a spec win. Default: none. */
  commonMetadata?: CommonMetadata;
  /** Default: restricted. */
  securityContext?: SecurityContexts;
}

/** What a sync needs besides its request; injected, so that the same request gives the same response. */
export interface SyncContext extends Clock, OperatorSettings {
  /** Generates a random credential of unreserved URL characters that starts with a letter. */
  generateToken: () => string;
}
