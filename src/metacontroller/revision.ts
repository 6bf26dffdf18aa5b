import type { Manifest } from '../kubernetes/manifest.ts';
import type { ObservedObject } from './observed.ts';

/**
 * Annotation of a workload that names the spec it was asked to have. A hook sees the state from before its answer is
 * applied; the annotation tells whether what is observed is already what is wanted now.
 */
export const REVISION_ANNOTATION = 'meshery.io/revision';

/** Whether the observed workload is the one that is wanted, so that its status speaks of what was asked for. */
export function isApplied(observed: ObservedObject, wanted: Manifest): boolean {
  const revision = wanted.metadata.annotations?.[REVISION_ANNOTATION];
  return revision !== undefined && observed.metadata.annotations?.[REVISION_ANNOTATION] === revision;
}
