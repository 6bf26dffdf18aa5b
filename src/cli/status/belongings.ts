import { controllerOfObject, type Pod, type Resource } from '../cluster/objects.ts';
import type { Snapshot } from './gather.ts';
import type { Child, Workload } from './objects.ts';

/** What belongs to a resource, by the owner references of Kubernetes. */
export interface Belongings {
  /** Its StatefulSet or Deployment. */
  workload: Workload | undefined;
  children: Snapshot['children'];
  replicaSets: Child[];
  pods: Pod[];
}

/** Returns a function that finds what belongs to a resource; each list is read once. */
export function belongingsOf(snapshot: Snapshot): (resource: Resource) => Belongings {
  const children = byController(snapshot.children);
  const workloads = byController(snapshot.workloads);
  const replicaSets = byController(snapshot.replicaSets);
  const pods = byController(snapshot.pods);
  return ({ metadata: { uid } }) => {
    const [workload] = workloads.get(uid) ?? [];
    const workloadUid = workload?.metadata.uid ?? '';
    const sets = replicaSets.get(workloadUid) ?? [];
    const owners = [workloadUid, ...sets.map(({ metadata }) => metadata.uid ?? '')];
    return {
      workload,
      children: children.get(uid) ?? [],
      replicaSets: sets,
      pods: owners
        .flatMap((owner) => pods.get(owner) ?? [])
        .sort((left, right) => left.metadata.name.localeCompare(right.metadata.name, 'en', { numeric: true })),
    };
  };
}

function byController<Item extends Child>(objects: Item[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const object of objects) {
    const uid = controllerOfObject(object)?.uid;
    if (uid === undefined) continue;
    const group = groups.get(uid);
    if (group) group.push(object);
    else groups.set(uid, [object]);
  }
  return groups;
}
