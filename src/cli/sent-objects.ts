/** A parent as a hook is sent it. */
export interface SentParent {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    generation: number;
    creationTimestamp?: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  spec?: unknown;
  status?: object;
}

/** Objects as a hook is sent them: by kind, then by namespace and name. */
export type SentObjects = Record<string, Record<string, object>>;

/** A resource of a cluster as its hook is sent it. */
export interface Observation {
  parent: SentParent;
  children: SentObjects;
  related: SentObjects;
}

/** The Secrets of an answer as a later request shows them once the cluster has made them. */
export function observedSecrets(
  { apiVersion, kind, metadata }: SentParent,
  children: object[],
): Record<string, object> {
  const { name, uid } = metadata;
  const ownerReferences = [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }];
  const secrets = (children as Child[]).filter((child) => child.kind === 'Secret');
  const entries = secrets.map((child, index) => {
    const labels = { ...child.metadata.labels, 'controller-uid': uid };
    const observed = { ...child.metadata, uid: `${uid}-${index}`, labels, ownerReferences };
    return [`${child.metadata.namespace}/${child.metadata.name}`, { ...child, metadata: observed }];
  });
  return Object.fromEntries(entries);
}

interface Child {
  kind: string;
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
}
