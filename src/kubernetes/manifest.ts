import type { V1ObjectMeta } from '@kubernetes/client-node';

/**
 * A Kubernetes object as it is applied: a type of @kubernetes/client-node with the fields that every child must carry.
 * Only types are taken from that package, so none of its code is loaded.
 */
export type Manifest<Type = object> = Omit<Type, 'apiVersion' | 'kind' | 'metadata'> & {
  apiVersion: string;
  kind: string;
  metadata: V1ObjectMeta & { name: string; namespace: string };
};
