import type { FieldError } from '../schema/validate.ts';

/** Names of a MeshSync's children: the Deployment and the ServiceAccount have the name of the MeshSync. */
export interface MeshSyncNames {
  meshsync: string;
  /** Credentials of a broker that has no Secret, or whose Secret MeshSync's pods can't read. */
  brokerAuth: string;
}

/** Maximum length of a label value: the pods have the name as a label. */
const MAX_LABEL_VALUE = 63;

/** The MeshSync whose watch-list every MeshSync process reads: name and namespace are compiled in. */
export const ACTIVE_MESHSYNC = { name: 'meshery-meshsync', namespace: 'meshery' };

/** Whether the watch-list of a MeshSync is the active one. */
export function isActive(name: string, namespace: string): boolean {
  return name === ACTIVE_MESHSYNC.name && namespace === ACTIVE_MESHSYNC.namespace;
}

/** The names for a MeshSync called `name`. */
export function meshSyncNames(name: string): MeshSyncNames {
  return { meshsync: name, brokerAuth: `${name}-broker-auth` };
}

/** Why the names of the children of a MeshSync of this name are invalid, `undefined` when they are valid. */
export function nameProblem(name: string): FieldError | undefined {
  if (name.length <= MAX_LABEL_VALUE) return undefined;
  return { path: 'metadata.name', message: `is longer than ${MAX_LABEL_VALUE} characters, the limit of a label value` };
}
