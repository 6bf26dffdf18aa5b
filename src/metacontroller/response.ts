import type { Condition } from './condition.ts';
import type { ResourceKind } from './object.ts';

/**
 * Response of a sync hook. Metacontroller decodes it strictly: a field that is not declared here fails the sync.
 * `children` are all desired children: a missing one is deleted.
 */
export interface SyncResponse {
  status: { conditions?: Condition[] };
  children: { kind?: string; metadata?: { name?: string } }[];
}

/** Response of a customize hook. Metacontroller caches it by the parent's uid and generation. */
export interface CustomizeResponse {
  relatedResources: RelatedResourceRule[];
}

/** One rule of a customize response: objects of a resource in a namespace, by name or by label. */
export interface RelatedResourceRule {
  apiVersion: string;
  resource: string;
  namespace: string;
  names?: string[];
  labelSelector?: { matchLabels: Record<string, string> };
}

/** The rule for objects of a kind by name, without duplicates. */
export function named({ apiVersion, resource }: ResourceKind, namespace: string, names: string[]): RelatedResourceRule {
  return { apiVersion, resource, namespace, names: [...new Set(names)] };
}
