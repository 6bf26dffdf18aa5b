import type { CommonMetadata } from '../kubernetes/common-metadata.ts';
import type { Clock } from '../metacontroller/controller.ts';

/** What the environment of the operator sets for all resources. */
export interface OperatorSettings {
  /** Registry of images that name none, for example `registry.example.com/mirror`; default: the image reference as it is. */
  imageRegistry?: string;
  /** Labels and annotations of all children and pods; those of a spec win. Default: none. */
  commonMetadata?: CommonMetadata;
}

/** What a sync needs besides its request; injected, so that the same request gives the same response. */
export interface SyncContext extends Clock, OperatorSettings {
  /** Generates a random credential of unreserved URL characters that starts with a letter. */
  generateToken: () => string;
}
