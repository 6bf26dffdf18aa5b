import type { V1ClusterRole, V1ClusterRoleBinding, V1PolicyRule } from '@kubernetes/client-node';
import { Value } from '@sinclair/typebox/value';
import { meshSyncKind } from '../meshsync/kinds.ts';
import { ACTIVE_MESHSYNC, isActive } from '../meshsync/names.ts';
import { type MeshSync, resolveMeshSync } from '../meshsync/spec.ts';
import { readWatchList } from '../meshsync/watch-list.ts';
import { UsageError } from './errors.ts';
import { asParent } from './render.ts';
import type { GivenResource } from './resources.ts';
import { printYaml } from './yaml.ts';

/** What MeshSync reads whatever its watch-list: the list itself, and the uid of a namespace, by which it names the cluster. */
const itself: V1PolicyRule[] = [
  { apiGroups: ['meshery.io'], resources: ['meshsyncs'], resourceNames: [ACTIVE_MESHSYNC.name], verbs: ['get'] },
  { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
];

/** Without a whitelist, every custom resource is among what MeshSync watches, which are not known in advance. */
const everything: V1PolicyRule = { apiGroups: ['*'], resources: ['*'], verbs: ['list', 'watch'] };

/** A MeshSync with what grants its ServiceAccount the rights that it needs. */
export interface Grants {
  source: string;
  meshSync: MeshSync;
  role: V1ClusterRole & GrantObject;
  binding: V1ClusterRoleBinding & GrantObject;
}

/** What all objects of a grant have. */
interface GrantObject {
  kind: string;
  metadata: { name: string; labels: Record<string, string> };
}

/**
 * The ClusterRole and the ClusterRoleBinding that each MeshSync needs, as YAML: with a whitelist, precisely what that
 * names; otherwise list and watch of everything, as the shipped ClusterRole has it. The list is that of the active
 * MeshSync where that is among the resources, and else its own, with a note.
 * @param namespace of resources that name none
 * @throws UsageError naming the resource and the field that can't be worked with
 */
export function rbac(resources: GivenResource[], namespace: string): { yaml: string; notes: string[] } {
  const all = grants(resources, namespace);
  if (all.length === 0) throw new UsageError('the files contain no MeshSync');
  const yaml = all
    .flatMap(({ role, binding }) => [role, binding])
    .map((object) => printYaml(object))
    .join('---\n');
  const { namespace: where, name } = ACTIVE_MESHSYNC;
  const notes =
    all.some(({ meshSync }) => isActive(meshSync.name, meshSync.namespace)) || activeIn(resources)
      ? []
      : all.map(
          ({ source }) =>
            `${source}: the role follows its own watch-list, but every MeshSync reads that of ${where}/${name}`,
        );
  return { yaml, notes };
}

/**
 * The same as objects, for each MeshSync among some resources.
 * @throws UsageError naming the resource and the field that can't be worked with
 */
export function grants(resources: GivenResource[], namespace: string): Grants[] {
  const meshSyncs = resources
    .filter(({ kind }) => kind === 'MeshSync')
    .map((resource, index) => {
      const meshSync = resolveMeshSync(asParent(resource, index, namespace));
      if ('path' in meshSync) throw new UsageError(`${resource.source}: ${meshSync.path} ${meshSync.message}`);
      return { meshSync, source: resource.source };
    });
  const main = meshSyncs.find(({ meshSync }) => isActive(meshSync.name, meshSync.namespace)) ?? activeIn(resources);
  return meshSyncs.map(({ meshSync, source }) => {
    const [role, binding] = objects(meshSync, rules(main ?? { meshSync, source }));
    return { source, meshSync, role, binding };
  });
}

/** The active MeshSync of the cluster, where one of the resources is of a cluster. */
function activeIn(resources: GivenResource[]): { meshSync: MeshSync; source: string } | undefined {
  const { namespace, name } = ACTIVE_MESHSYNC;
  const source = `MeshSync ${namespace}/${name}`;
  for (const { observed } of resources) {
    const found = observed?.related[meshSyncKind.key]?.[`${namespace}/${name}`];
    if (!Value.Check(meshSyncKind.schema, found)) continue;
    const meshSync = resolveMeshSync({ ...found, metadata: { namespace, name, uid: '' } });
    if ('path' in meshSync) throw new UsageError(`${source}: ${meshSync.path} ${meshSync.message}`);
    return { meshSync, source };
  }
  return undefined;
}

function rules({ meshSync, source }: { meshSync: MeshSync; source: string }): V1PolicyRule[] {
  const list = readWatchList(meshSync.watchList, meshSync.tag);
  if ('path' in list) throw new UsageError(`${source}: ${list.path} ${list.message}`);
  if (list.kind !== 'whitelist') return [everything, ...itself];
  const byGroup = new Map<string, Set<string>>();
  for (const name of list.resources.keys()) {
    const [plural = '', , ...group] = name.split('.');
    const key = group.join('.');
    byGroup.set(key, (byGroup.get(key) ?? new Set()).add(plural));
  }
  const watched = [...byGroup].sort().map(([group, plurals]) => ({
    apiGroups: [group],
    resources: [...plurals].sort(),
    verbs: ['list', 'watch'],
  }));
  return [...watched, ...itself];
}

function objects(
  { name, namespace, names, serviceAccountName = names.meshsync }: MeshSync,
  rules: V1PolicyRule[],
): [Grants['role'], Grants['binding']] {
  const metadata = {
    // By a name that no other binding has: its role could not be changed.
    name: `meshery-meshsync:${namespace}:${name}`,
    labels: { 'app.kubernetes.io/name': 'meshsync', 'app.kubernetes.io/part-of': 'meshery' },
  };
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  return [
    { apiVersion, kind: 'ClusterRole', metadata, rules },
    {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: serviceAccountName, namespace }],
    },
  ];
}
