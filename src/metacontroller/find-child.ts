import type { NameConflict } from './conditions.ts';
import { groupOf, type Observed, type ObservedObject, type ResourceKind } from './object.ts';
import { CONTROLLER_UID_LABEL } from './reapply.ts';
import { childrenOf, type Parent, relatedOf, type SyncRequest } from './request.ts';

/** The observed child of a name, or the name conflict. */
export interface FoundChild<Child> {
  observed?: Child;
  /** A child whose name is taken must be left out of the response. */
  nameConflict?: NameConflict;
}

/**
 * Finds a child by name. Metacontroller sends a hook only the children that it has claimed, and neither of its apply
 * strategies respects an object that existed before: dynamic-apply never creates the child, server-side-apply takes the
 * object over. So customize requests the names as related objects too, and an object that this parent does not control is
 * left unchanged.
 *
 * An object that this parent controls but that is missing among the children was created a moment ago (the two are read one
 * after the other); it is treated as observed, so that no credential is generated twice.
 */
export function findChild<All extends ResourceKind, Kind extends All>(
  request: SyncRequest<All>,
  kind: Kind,
  name: string,
): FoundChild<Observed<Kind>> {
  const { parent } = request;
  const key = `${parent.metadata.namespace}/${name}`;
  const child = childrenOf(request, kind)[key];
  if (child) return { observed: child };
  const object = relatedOf(request, kind)[key];
  if (!object) return {};
  if (controllerOf(object)?.uid === parent.metadata.uid && isLabelled(object, parent)) return { observed: object };
  return { nameConflict: conflictOf(object, parent) };
}

/** The owner reference of an object's controller. */
export function controllerOf(object: ObservedObject) {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

function isLabelled(object: ObservedObject, parent: Parent): boolean {
  return object.metadata.labels?.[CONTROLLER_UID_LABEL] === parent.metadata.uid;
}

function conflictOf(object: ObservedObject, { apiVersion, kind, metadata }: Parent): NameConflict {
  const what = `${object.kind} ${object.metadata.name}`;
  const by = controllerOf(object);
  const passing = (message: string): NameConflict => ({ message: `${what} ${message}`, isPassing: true });
  const lasting = (message: string): NameConflict => ({ message: `${what} ${message}`, isPassing: false });
  const isNamesake = by?.kind === kind && by.name === metadata.name && groupOf(by.apiVersion) === groupOf(apiVersion);
  if (isNamesake && by.uid !== metadata.uid) {
    return passing(
      `belongs to a deleted ${kind} ${metadata.name}; it is re-created once Kubernetes has garbage-collected it.`,
    );
  }
  if (object.metadata.deletionTimestamp) return passing('is being deleted; the child is created once it is gone.');
  if (by?.uid === metadata.uid) {
    return lasting(`lacks the label ${CONTROLLER_UID_LABEL}=${metadata.uid}; set it to have the object adopted.`);
  }
  if (by) return lasting(`is controlled by ${by.kind} ${by.name}; rename or delete one of the two.`);
  return lasting(
    `was not created by this ${kind}; delete or rename it, or label it ${CONTROLLER_UID_LABEL}=${metadata.uid} to have it adopted.`,
  );
}
