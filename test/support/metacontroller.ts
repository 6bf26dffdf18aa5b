import { type Cluster, groupKey } from './cluster.ts';
import { dynamicApply, LAST_APPLIED, withLastApplied } from './dynamic-apply.ts';
import { clone, equal, type JsonObject, type KubeObject, walk } from './json.ts';

/**
 * A test double of Metacontroller: one sync of one parent, by either apply strategy. It follows pkg/controller/composite
 * and pkg/controller/common of Metacontroller 4.17; the API server that it talks to is a double as well.
 */
export type Strategy = 'dynamic-apply' | 'server-side-apply';

const MANAGER = 'metacontroller';
const CONTROLLER_UID = 'controller-uid';

/** The kinds that a CompositeController of the folder metacontroller registers. */
const CHILDREN: Record<string, string[]> = {
  Broker: [
    ...['Secret.v1', 'ConfigMap.v1', 'Service.v1', 'StatefulSet.apps/v1'],
    ...['PodDisruptionBudget.policy/v1', 'NetworkPolicy.networking.k8s.io/v1'],
  ],
  MeshSync: ['ServiceAccount.v1', 'Secret.v1', 'Deployment.apps/v1'],
};

/** Group keys by the name and version of a resource in a customize answer. */
const RESOURCES: Record<string, string> = {
  'v1 secrets': 'Secret.v1',
  'v1 configmaps': 'ConfigMap.v1',
  'v1 services': 'Service.v1',
  'v1 serviceaccounts': 'ServiceAccount.v1',
  'v1 pods': 'Pod.v1',
  'apps/v1 statefulsets': 'StatefulSet.apps/v1',
  'apps/v1 deployments': 'Deployment.apps/v1',
  'policy/v1 poddisruptionbudgets': 'PodDisruptionBudget.policy/v1',
  'networking.k8s.io/v1 networkpolicies': 'NetworkPolicy.networking.k8s.io/v1',
  'meshery.io/v1alpha2 brokers': 'Broker.meshery.io/v1alpha2',
  'meshery.io/v1alpha2 meshsyncs': 'MeshSync.meshery.io/v1alpha2',
};

/** Calls a hook: the path and the request in, the answer out. */
export type Hook = (path: string, body: object) => Promise<JsonObject>;

type Objects = Record<string, Record<string, KubeObject>>;

export interface SyncRequest {
  parent: KubeObject;
  children: Objects;
  related: Objects;
}

export interface SyncOutcome {
  request: SyncRequest;
  status: JsonObject;
  children: KubeObject[];
  /** Every write to a child, for example `update StatefulSet.apps/v1 meshery/meshery-nats`. */
  writes: string[];
  /** What the API server refused. */
  errors: string[];
  statusWritten: boolean;
}

/** One sync, as Metacontroller does it. */
export async function sync(
  cluster: Cluster,
  parentOf: KubeObject,
  hook: Hook,
  strategy: Strategy,
): Promise<SyncOutcome> {
  const { kind, metadata } = parentOf;
  const parent = cluster.get(groupKey(parentOf), metadata.namespace, metadata.name);
  if (!parent) throw new Error('the parent is gone');
  const children = claimChildren(cluster, parent);
  const route = `/${kind.toLowerCase()}`;
  const related = relatedObjects(cluster, decodeCustomize(await hook(`${route}/customize`, { parent })));
  const request = { controller: {}, parent, children, related, finalizing: false };
  const answer = decodeSync(await hook(`${route}/sync`, request), parent);
  const outcome = { writes: [] as string[], errors: [] as string[] };
  manageChildren(cluster, parent, children, answer.children, strategy, outcome);
  const status: JsonObject = { ...answer.status, observedGeneration: parent.metadata.generation ?? 0 };
  const statusWritten = !equal(parent.status, status);
  if (statusWritten) cluster.setStatus(parent, status);
  return { request, ...answer, ...outcome, statusWritten };
}

/** Owned children with the label are observed, those without it released, orphans with it adopted. */
function claimChildren(cluster: Cluster, parent: KubeObject): Objects {
  const { uid } = parent.metadata;
  const result: Objects = {};
  for (const group of CHILDREN[parent.kind] ?? []) {
    const observed: Record<string, KubeObject> = {};
    for (const object of cluster.all(group)) {
      if (object.metadata.namespace !== parent.metadata.namespace) continue;
      const controller = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
      const labelled = object.metadata.labels?.[CONTROLLER_UID] === uid;
      if (controller && controller.uid === uid && !labelled) {
        cluster.edit(object, MANAGER, ({ metadata }) => {
          metadata.ownerReferences = metadata.ownerReferences?.filter((reference) => reference.uid !== uid) ?? [];
        });
      }
      if (!controller && labelled) {
        cluster.edit(object, MANAGER, ({ metadata }) => {
          metadata.ownerReferences = [...(metadata.ownerReferences ?? []), controllerReference(parent)];
        });
      }
      if (labelled && (!controller || controller.uid === uid)) {
        const { namespace, name } = object.metadata;
        observed[`${namespace}/${name}`] = cluster.get(group, namespace, name) ?? object;
      }
    }
    result[group] = observed;
  }
  return result;
}

interface Rule {
  apiVersion: string;
  resource: string;
  namespace: string;
  names?: string[];
  labelSelector?: { matchLabels: Record<string, string> };
}

function decodeCustomize(answer: JsonObject): Rule[] {
  refuseUnknown(answer, ['relatedResources']);
  const rules = answer.relatedResources as unknown as (Rule & JsonObject)[];
  for (const rule of rules) refuseUnknown(rule, ['apiVersion', 'resource', 'namespace', 'names', 'labelSelector']);
  return rules;
}

function relatedObjects(cluster: Cluster, rules: Rule[]): Objects {
  const result: Objects = {};
  for (const { apiVersion, resource, namespace, names, labelSelector } of rules) {
    const group = RESOURCES[`${apiVersion} ${resource}`];
    if (!group) throw new Error(`unknown resource ${apiVersion} ${resource}`);
    if (names && labelSelector) throw new Error('names and labelSelector exclude each other');
    const selected = cluster.all(group).filter(({ metadata }) => {
      if (metadata.namespace !== namespace) return false;
      if (names && !names.includes(metadata.name)) return false;
      return Object.entries(labelSelector?.matchLabels ?? {}).every(([key, value]) => metadata.labels?.[key] === value);
    });
    result[group] ??= {};
    for (const object of selected) result[group][`${namespace}/${object.metadata.name}`] = object;
  }
  return result;
}

/** Version v2 of the hooks decodes strictly; beside that, every child must be one that can be applied. */
function decodeSync(answer: JsonObject, parent: KubeObject): { status: JsonObject; children: KubeObject[] } {
  refuseUnknown(answer, ['status', 'children']);
  for (const [path, value] of walk(answer)) if (value === null) throw new Error(`null at ${path.join('.')}`);
  const children = answer.children as unknown as KubeObject[];
  const names = new Set<string>();
  for (const child of children) {
    const { name, namespace } = child.metadata;
    if (!CHILDREN[parent.kind]?.includes(groupKey(child))) throw new Error(`${groupKey(child)} is not registered`);
    if (!name || namespace !== parent.metadata.namespace) throw new Error(`${child.kind} has no proper name`);
    if (names.has(`${groupKey(child)} ${name}`)) throw new Error(`${child.kind} ${name} is there twice`);
    names.add(`${groupKey(child)} ${name}`);
  }
  return { status: answer.status as JsonObject, children };
}

function refuseUnknown(object: JsonObject, known: string[]): void {
  const unknown = Object.keys(object).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new Error(`unknown field ${unknown.join(', ')}`);
}

function manageChildren(
  cluster: Cluster,
  parent: KubeObject,
  observed: Objects,
  desired: KubeObject[],
  strategy: Strategy,
  { writes, errors }: Pick<SyncOutcome, 'writes' | 'errors'>,
): void {
  const keyOf = (object: KubeObject) => `${object.metadata.namespace}/${object.metadata.name}`;
  for (const object of Object.values(observed).flatMap(Object.values) as KubeObject[]) {
    if (object.metadata.deletionTimestamp) continue;
    if (desired.some((wanted) => groupKey(wanted) === groupKey(object) && keyOf(wanted) === keyOf(object))) continue;
    writes.push(`delete ${groupKey(object)} ${keyOf(object)}`);
    cluster.delete(object);
  }
  for (const child of desired.map(clone)) {
    const group = groupKey(child);
    const existing = observed[group]?.[keyOf(child)];
    child.metadata.labels = { [CONTROLLER_UID]: parent.metadata.uid ?? '', ...child.metadata.labels };
    try {
      const write = strategy === 'dynamic-apply' ? applyDynamically : applyServerSide;
      const done = write(cluster, parent, existing, child);
      if (done) writes.push(`${done} ${group} ${keyOf(child)}`);
    } catch (error) {
      errors.push(String(error));
    }
  }
}

function applyDynamically(
  cluster: Cluster,
  parent: KubeObject,
  existing: KubeObject | undefined,
  child: KubeObject,
): string | undefined {
  if (existing) {
    const next = dynamicApply(existing, child);
    if (equal(next, existing) || existing.metadata.deletionTimestamp) return undefined;
    cluster.update(next, MANAGER);
    return 'update';
  }
  const created = owned(withLastApplied(child, child), parent);
  return cluster.create(created, MANAGER) ? 'create' : undefined;
}

function applyServerSide(
  cluster: Cluster,
  parent: KubeObject,
  existing: KubeObject | undefined,
  child: KubeObject,
): string | undefined {
  if (existing?.metadata.deletionTimestamp) return undefined;
  if (existing?.metadata.annotations?.[LAST_APPLIED]) {
    cluster.edit(existing, MANAGER, ({ metadata }) => {
      delete metadata.annotations?.[LAST_APPLIED];
    });
  }
  return cluster.apply(owned(child, parent), MANAGER) ? 'apply' : undefined;
}

function owned(child: KubeObject, parent: KubeObject): KubeObject {
  const others = child.metadata.ownerReferences ?? [];
  if (others.some(({ uid }) => uid === parent.metadata.uid)) return child;
  return { ...child, metadata: { ...child.metadata, ownerReferences: [...others, controllerReference(parent)] } };
}

export function controllerReference({ apiVersion, kind, metadata: { name, uid = '' } }: KubeObject) {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}
