import { CONTROLLER_UID_LABEL } from '../metacontroller/reapply.ts';

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
export function observedSecrets(parent: SentParent, children: object[]): Record<string, object> {
  const { uid } = parent.metadata;
  const ownerReferences = [ownerReference(parent)];
  const secrets = (children as Child[]).filter((child) => child.kind === 'Secret');
  const entries = secrets.map((child, index) => {
    const labels = { ...child.metadata.labels, [CONTROLLER_UID_LABEL]: uid };
    const observed = { ...child.metadata, uid: `${uid}-${index}`, labels, ownerReferences };
    return [`${child.metadata.namespace}/${child.metadata.name}`, { ...child, metadata: observed }];
  });
  return Object.fromEntries(entries);
}

/** The owner reference that Metacontroller gives the children of a parent. */
export function ownerReference({ apiVersion, kind, metadata: { name, uid } }: Parent): object {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** What an owner reference says of a parent. */
interface Parent {
  apiVersion?: string;
  kind?: string;
  metadata: { name: string; uid?: string };
}

interface Child {
  kind: string;
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
}
