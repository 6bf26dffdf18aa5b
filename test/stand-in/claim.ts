import { groupKey, type KubeObject, type Objects, type OwnerReference, qualifiedName } from './json.ts';
import type { StandIn } from './metacontroller.ts';
import { type Transport, unless } from './transport.ts';

/** Label by which `generateSelector` identifies the children of a parent. */
export const CONTROLLER_UID = 'controller-uid';

/**
 * The observed children of a parent. Objects with its owner reference and label are among them, owned objects without the
 * label are released, and orphans with the label are adopted. Every registered kind has an entry.
 */
export async function claimChildren({ transport, controller }: StandIn, parent: KubeObject): Promise<Objects> {
  const result: Objects = {};
  for (const { apiVersion, resource } of controller.spec.childResources) {
    const kind = await transport.kindOf(apiVersion, resource);
    const observed: Record<string, KubeObject> = {};
    for (const object of await transport.list(apiVersion, kind, parent.metadata.namespace)) {
      const claimed = await claim(transport, parent, object);
      if (claimed) observed[qualifiedName(claimed)] = claimed;
    }
    result[groupKey({ apiVersion, kind })] = observed;
  }
  return result;
}

async function claim(transport: Transport, parent: KubeObject, object: KubeObject): Promise<KubeObject | undefined> {
  const { uid } = parent.metadata;
  const { ownerReferences = [], labels, deletionTimestamp } = object.metadata;
  const owner = ownerReferences.find((reference) => reference.controller === true);
  const labelled = labels?.[CONTROLLER_UID] === uid;
  if (owner && owner.uid !== uid) return undefined;
  if (owner && labelled) return object;
  if (parent.metadata.deletionTimestamp) return undefined;
  if (owner) {
    const others = ownerReferences.filter((reference) => reference.uid !== uid);
    await unless([404], transport.update(withOwners(object, others)));
    return undefined;
  }
  if (!labelled || deletionTimestamp) return undefined;
  return transport.update(withOwners(object, [...ownerReferences, controllerReference(parent)]));
}

/** A child with its parent among its owner references. */
export function owned(child: KubeObject, parent: KubeObject): KubeObject {
  const others = child.metadata.ownerReferences ?? [];
  if (others.some(({ uid }) => uid === parent.metadata.uid)) return child;
  return withOwners(child, [...others, controllerReference(parent)]);
}

/** The owner reference that makes a child one of the parent. */
export function controllerReference({ apiVersion, kind, metadata: { name, uid = '' } }: KubeObject): OwnerReference {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

function withOwners(object: KubeObject, ownerReferences: OwnerReference[]): KubeObject {
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}
