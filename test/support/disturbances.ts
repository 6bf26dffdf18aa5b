import fc from 'fast-check';
import { oneOfs } from '../../src/metacontroller/one-of.ts';
import type { Cluster } from '../stand-in/cluster.ts';
import { isObject, type JsonObject, type KubeObject } from '../stand-in/json.ts';
import { applyEdit, editsOf } from './one-of-edits.ts';

/** An event for the children of a parent between two syncs. */
export interface Disturbance {
  what: 'delete' | 'half-made' | 'foreign' | 'stranger' | 'no status' | 'unready' | 'edited' | 'unlabelled' | 'one-of';
  /** The index of the child among all. */
  which: number;
}

export const disturbances: fc.Arbitrary<Disturbance[]> = fc.array(
  fc.record({
    what: fc.constantFrom(
      'delete',
      'half-made',
      'foreign',
      'stranger',
      'no status',
      'unready',
      'edited',
      'unlabelled',
      'one-of',
    ),
    which: fc.nat(10),
  }),
  { maxLength: 4 },
);

const CHILD_KINDS = [
  'Secret.v1',
  'ConfigMap.v1',
  'Service.v1',
  'ServiceAccount.v1',
  'StatefulSet.apps/v1',
  'Deployment.apps/v1',
  'PodDisruptionBudget.policy/v1',
  'NetworkPolicy.networking.k8s.io/v1',
];

/** @returns the child that belongs to somebody else from now on, if it is one that can be deleted and re-created */
export function disturb(cluster: Cluster, parent: KubeObject, { what, which }: Disturbance): KubeObject | undefined {
  const children = CHILD_KINDS.flatMap((group) => cluster.all(group)).filter(({ metadata }) =>
    metadata.ownerReferences?.some(({ uid }) => uid === parent.metadata.uid),
  );
  const child = children[which % Math.max(children.length, 1)];
  if (!child) return undefined;
  switch (what) {
    case 'delete':
      cluster.delete(child);
      return undefined;
    case 'half-made':
      cluster.edit(child, 'somebody', halve);
      return undefined;
    case 'foreign':
    case 'stranger':
      cluster.delete(child);
      cluster.create(somebodyElses(child, what === 'foreign'), 'somebody');
      return cluster.get(`${child.kind}.${child.apiVersion}`, child.metadata.namespace, child.metadata.name);
    case 'no status':
      cluster.setStatus(child, undefined);
      return undefined;
    case 'unready':
      if (isObject(child.status)) cluster.setStatus(child, { ...child.status, readyReplicas: 0 });
      return undefined;
    case 'edited':
      cluster.edit(child, 'somebody', ({ metadata }) => {
        metadata.annotations = { ...metadata.annotations, 'example.com/note': 'mine' };
        metadata.labels = { ...metadata.labels, 'app.kubernetes.io/part-of': 'mine' };
      });
      return undefined;
    case 'one-of':
      editOneOf(cluster, child, which);
      return undefined;
    case 'unlabelled':
      cluster.edit(child, 'somebody', ({ metadata }) => {
        delete metadata.labels?.['controller-uid'];
      });
      return undefined;
  }
}

/** Replaces a field by another one of which the API server takes one only. */
function editOneOf(cluster: Cluster, child: KubeObject, which: number): void {
  const edits = editsOf(child, oneOfs);
  const edit = edits[(which * 7) % Math.max(edits.length, 1)];
  if (edit) cluster.edit(child, 'somebody', (object) => applyEdit(object, edit));
}

function halve(child: KubeObject): void {
  const { spec } = child;
  if (isObject(child.data)) delete child.data[Object.keys(child.data)[0] ?? ''];
  if (child.kind === 'Service' && isObject(spec)) {
    spec.ports = Array.isArray(spec.ports) ? spec.ports.slice(0, 1) : [];
    spec.selector = {};
  }
  if (isObject(spec) && isObject(spec.template) && isObject(spec.template.spec)) {
    spec.replicas = 7;
    spec.template.spec.volumes = [];
    const containers = (spec.template.spec.containers ?? []) as JsonObject[];
    for (const container of containers) {
      container.env = [];
      container.volumeMounts = [];
      container.image = 'somebody/else:1';
    }
  }
}

function somebodyElses({ apiVersion, kind, metadata, spec, data }: KubeObject, owned: boolean): KubeObject {
  const owner = { apiVersion: 'example.com/v1', kind: 'Thing', name: 'thing', uid: 'uid-of-a-thing', controller: true };
  return {
    apiVersion,
    kind,
    metadata: { name: metadata.name, namespace: metadata.namespace, ...(owned && { ownerReferences: [owner] }) },
    ...(spec && { spec }),
    ...(data && { data }),
  };
}
