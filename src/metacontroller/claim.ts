import { CONTROLLER_UID_LABEL } from './carry-over.ts';
import type { Parent } from './envelope.ts';
import type { ObservedObject } from './observed.ts';

/** What is known of one name that a parent wants for a child: its observed child, or who else holds the name. */
export interface Claim<Observed> {
  observed?: Observed;
  /** Says who holds the name and what to do; such a child must be left out of the answer. */
  taken?: string;
}

type Group<Observed> = Record<string, Observed> | undefined;

/**
 * Looks a child up by name. Metacontroller shows a hook only the children that it claimed, and neither of its apply
 * strategies respects an object that was there before: dynamic-apply never makes the child, server-side-apply takes
 * the object over. So the names are asked for as related objects too, and what is there but is not ours is left alone.
 *
 * An object that is ours in all respects but missing among the children was created a moment ago (the two are read one
 * after the other); it counts as observed, so that nothing is invented twice.
 */
export function claim<Observed extends ObservedObject>(
  parent: Parent,
  name: string,
  children: Group<Observed>,
  related: Group<Observed>,
): Claim<Observed> {
  const key = `${parent.metadata.namespace}/${name}`;
  const child = children?.[key];
  if (child) return { observed: child };
  const object = related?.[key];
  if (!object) return {};
  if (owner(object)?.uid === parent.metadata.uid && isLabelled(object, parent)) return { observed: object };
  return { taken: explain(object, parent) };
}

/** The controller among an object's owners. */
export function owner(object: ObservedObject) {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

function isLabelled(object: ObservedObject, parent: Parent): boolean {
  return object.metadata.labels?.[CONTROLLER_UID_LABEL] === parent.metadata.uid;
}

function explain(object: ObservedObject, parent: Parent): string {
  const what = `${object.kind} ${object.metadata.name}`;
  const { kind, metadata } = parent;
  const by = owner(object);
  if (by && by.kind === kind && by.name === metadata.name) {
    return by.uid === metadata.uid
      ? `${what} lacks the label ${CONTROLLER_UID_LABEL}=${metadata.uid}; set it to hand the object over.`
      : `${what} is left from a former ${kind} ${metadata.name}; it is made anew once Kubernetes has removed it.`;
  }
  if (by) return `${what} belongs to ${by.kind} ${by.name}; rename or delete one of the two.`;
  return `${what} was not made by this ${kind}; delete or rename it, or label it ${CONTROLLER_UID_LABEL}=${metadata.uid} to hand it over.`;
}
