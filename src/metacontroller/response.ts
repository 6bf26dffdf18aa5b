import type { Condition } from './condition.ts';
import type { ResourceKind } from './object.ts';

/**
 * Answer of a sync hook. Metacontroller decodes it strictly: a field that is not declared here is a failed sync.
 * `children` is everything that shall exist: what is missing gets deleted.
 */
export interface SyncResponse {
  status: { conditions?: Condition[] };
  children: { kind?: string; metadata?: { name?: string } }[];
}

/** Answer of a customize hook. Metacontroller caches it by the parent's uid and generation. */
export interface CustomizeResponse {
  relatedResources: RelatedResourceRule[];
}

/** One rule of a customize answer: objects of a resource by names, or by labels, in a namespace. */
export interface RelatedResourceRule {
  apiVersion: string;
  resource: string;
  namespace: string;
  names?: string[];
  labelSelector?: { matchLabels: Record<string, string> };
}

/** The rule for objects of a kind by name; each name counts once. */
export function named({ apiVersion, resource }: ResourceKind, namespace: string, names: string[]): RelatedResourceRule {
  return { apiVersion, resource, namespace, names: [...new Set(names)] };
}
