import type { Observed, ObservedObject, ResourceKind } from './object.ts';
import { CONTROLLER_UID_LABEL } from './reapply.ts';
import { childrenOf, type Parent, relatedOf, type SyncRequest } from './request.ts';

/** What is known of the name of a child: the observed child, or who else has the name. */
export interface FoundChild<Child> {
  observed?: Child;
  /** Says who has the name and what to do; such a child must be left out of the answer. */
  nameConflict?: string;
}

/**
 * Finds a child by name. Metacontroller shows a hook only the children that it claimed, and neither of its apply strategies
 * respects an object that was there before: dynamic-apply never makes the child, server-side-apply takes the object over. So
 * customize asks for the names as related objects too, and what is there but is not ours is left alone.
 *
 * An object that is ours in all respects but missing among the children was created a moment ago (the two are read one
 * after the other); it counts as observed, so that no credential is generated twice.
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
  return { nameConflict: explain(object, parent) };
}

/** The controller among an object's owners. */
export function controllerOf(object: ObservedObject) {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

function isLabelled(object: ObservedObject, parent: Parent): boolean {
  return object.metadata.labels?.[CONTROLLER_UID_LABEL] === parent.metadata.uid;
}

function explain(object: ObservedObject, { kind, metadata }: Parent): string {
  const what = `${object.kind} ${object.metadata.name}`;
  const by = controllerOf(object);
  if (by && by.kind === kind && by.name === metadata.name) {
    return by.uid === metadata.uid
      ? `${what} lacks the label ${CONTROLLER_UID_LABEL}=${metadata.uid}; set it to hand the object over.`
      : `${what} is left from a former ${kind} ${metadata.name}; it is re-created once Kubernetes has removed it.`;
  }
  if (by) return `${what} belongs to ${by.kind} ${by.name}; rename or delete one of the two.`;
  return `${what} was not made by this ${kind}; delete or rename it, or label it ${CONTROLLER_UID_LABEL}=${metadata.uid} to hand it over.`;
}
