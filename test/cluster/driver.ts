import type { RelatedResourceRule } from '../../src/metacontroller/envelope.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Kubernetes, KubernetesObject } from './kubernetes.ts';
import type { Driver } from './metacontroller.ts';
import type { CompositeController } from './registration.ts';

/**
 * A TEST DOUBLE that plays Metacontroller where no real one is at hand, so that the scenarios never pass by being
 * skipped: it looks at all parents again and again, asks the hooks, applies children by server-side apply and writes the
 * status. It does it the simplest way that leads to the same end.
 */
export function startDriver({ kubernetes }: ControlPlane): Driver {
  let stopped = false;
  const memory: Memory = { synced: new Map(), rules: new Map(), backOff: new Map() };
  const loop = (async () => {
    while (!stopped) {
      await round(kubernetes, memory).catch(() => {}); // the API server is away: the next round tries again
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return {
    name: 'the test double of Metacontroller',
    stop: async () => {
      stopped = true;
      await loop;
    },
  };
}

/** By uid of the parent: what was last carried out, and until when a failed sync is left alone. */
interface Memory {
  synced: Map<string, string>;
  /** Answers of customize by uid and generation. */
  rules: Map<string, RelatedResourceRule[]>;
  backOff: Map<string, number>;
}

/** Lists the objects of a kind in all namespaces; asks the API server once a round. */
type List = (apiVersion: string, kind: string) => Promise<KubernetesObject[]>;

/** One look at every parent. */
async function round(kubernetes: Kubernetes, memory: Memory): Promise<void> {
  const lists = new Map<string, Promise<KubernetesObject[]>>();
  const list: List = async (apiVersion, kind) => {
    const key = `${apiVersion} ${kind}`;
    const listed = lists.get(key) ?? kubernetes.list(apiVersion, kind);
    lists.set(key, listed);
    return (await listed).map((object) => ({ ...object, apiVersion, kind }));
  };
  for (const object of await list('metacontroller.k8s.io/v1alpha1', 'CompositeController')) {
    const controller = object as unknown as CompositeController;
    const { apiVersion, resource } = controller.spec.parentResource;
    const parents = await list(apiVersion, kindOf(resource));
    await Promise.all(parents.map((parent) => syncUnlessFailing(kubernetes, list, memory, controller, parent)));
  }
}

const kinds: Record<string, string> = {
  secrets: 'Secret',
  configmaps: 'ConfigMap',
  services: 'Service',
  serviceaccounts: 'ServiceAccount',
  pods: 'Pod',
  statefulsets: 'StatefulSet',
  deployments: 'Deployment',
  brokers: 'Broker',
  meshsyncs: 'MeshSync',
};

async function syncUnlessFailing(
  kubernetes: Kubernetes,
  list: List,
  memory: Memory,
  controller: CompositeController,
  parent: KubernetesObject,
): Promise<void> {
  const uid = parent.metadata.uid ?? '';
  if ((memory.backOff.get(uid) ?? 0) > Date.now()) return;
  try {
    await sync(kubernetes, list, memory, controller, parent);
  } catch {
    memory.synced.delete(uid);
    memory.backOff.set(uid, Date.now() + 1_000);
  }
}

async function sync(
  kubernetes: Kubernetes,
  list: List,
  memory: Memory,
  controller: CompositeController,
  parent: KubernetesObject,
): Promise<void> {
  const children = await ownedChildren(list, controller, parent);
  const { customize, sync } = controller.spec.hooks;
  const uid = parent.metadata.uid ?? '';
  const key = `${uid}/${parent.metadata.generation}`;
  const rules =
    memory.rules.get(key) ??
    ((await call(customize.webhook.url, { controller, parent }, ['relatedResources']))
      .relatedResources as RelatedResourceRule[]);
  memory.rules.set(key, rules);
  const related = await relatedObjects(list, rules);
  const request = { controller, parent, children, related, finalizing: false };
  const {
    status: _status,
    metadata: { resourceVersion: _version, managedFields: _fields, ...metadata },
  } = parent as KubernetesObject & {
    metadata: { managedFields?: unknown };
  };
  const state = JSON.stringify([metadata, parent.spec, children, related]);
  if (memory.synced.get(uid) === state) return;
  const answer = await call(sync.webhook.url, request, ['status', 'children', 'resyncAfterSeconds', 'finalized']);
  if (!parent.metadata.deletionTimestamp)
    await manage(kubernetes, parent, children, answer.children as KubernetesObject[]);
  await writeStatus(kubernetes, controller, parent, answer.status as object);
  memory.synced.set(uid, state);
}

type Objects = Record<string, Record<string, KubernetesObject>>;

async function ownedChildren(list: List, controller: CompositeController, parent: KubernetesObject): Promise<Objects> {
  const result: Objects = {};
  for (const { apiVersion, resource } of controller.spec.childResources) {
    const kind = kindOf(resource);
    const group: Record<string, KubernetesObject> = {};
    for (const object of await list(apiVersion, kind)) {
      if (isOwned(object, parent)) group[`${object.metadata.namespace}/${object.metadata.name}`] = object;
    }
    result[keyOf(apiVersion, kind)] = group;
  }
  return result;
}

async function relatedObjects(list: List, rules: RelatedResourceRule[]): Promise<Objects> {
  const result: Objects = {};
  for (const rule of rules) {
    const kind = kindOf(rule.resource);
    const key = keyOf(rule.apiVersion, kind);
    const group = result[key] ?? {};
    result[key] = group;
    for (const object of await list(rule.apiVersion, kind)) {
      if (isRelated(object, rule)) group[`${object.metadata.namespace}/${object.metadata.name}`] = object;
    }
  }
  return result;
}

function isRelated({ metadata }: KubernetesObject, { namespace, names, labelSelector }: RelatedResourceRule): boolean {
  if (metadata.namespace !== namespace) return false;
  if (names) return names.includes(metadata.name);
  return Object.entries(labelSelector?.matchLabels ?? {}).every(([name, value]) => metadata.labels?.[name] === value);
}

/** Calls a hook; an answer with a field that Metacontroller does not know is an error, as it is there. */
async function call(url: string, body: object, fields: string[]): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
  const answer = (await response.json()) as Record<string, unknown>;
  const unknown = Object.keys(answer).filter((field) => !fields.includes(field));
  if (unknown.length > 0) throw new Error(`unknown field ${unknown[0]}`);
  return answer;
}

async function manage(
  kubernetes: Kubernetes,
  parent: KubernetesObject,
  observed: Objects,
  desired: KubernetesObject[],
): Promise<void> {
  const wanted = new Set(desired.map(({ kind, metadata }) => `${kind}/${metadata.name}`));
  for (const { apiVersion, kind, metadata } of Object.values(observed).flatMap((group) => Object.values(group))) {
    if (!wanted.has(`${kind}/${metadata.name}`))
      await kubernetes.delete(apiVersion, kind, metadata.name, metadata.namespace);
  }
  for (const child of desired) {
    const owned = withOwner(child, parent);
    const path = `${pathOf(child)}?fieldManager=metacontroller&force=true`;
    await kubernetes.request('PATCH', path, owned, { 'content-type': 'application/apply-patch+yaml' });
  }
}

function withOwner(child: KubernetesObject, { apiVersion, kind, metadata }: KubernetesObject): KubernetesObject {
  const uid = metadata.uid ?? '';
  const reference = { apiVersion, kind, name: metadata.name, uid, controller: true, blockOwnerDeletion: true };
  return {
    ...child,
    metadata: {
      ...child.metadata,
      labels: { 'controller-uid': uid, ...child.metadata.labels },
      ownerReferences: [reference],
    },
  };
}

async function writeStatus(
  kubernetes: Kubernetes,
  controller: CompositeController,
  parent: KubernetesObject,
  status: object,
): Promise<void> {
  const wanted = { ...status, observedGeneration: parent.metadata.generation };
  if (canonical(wanted) === canonical(parent.status)) return;
  const { apiVersion, resource } = controller.spec.parentResource;
  const path = `/apis/${apiVersion}/namespaces/${parent.metadata.namespace}/${resource}/${parent.metadata.name}/status`;
  await kubernetes.request('PUT', path, { ...parent, status: wanted });
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item) =>
    item && typeof item === 'object' && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort()) : item,
  );
}

function isOwned({ metadata }: KubernetesObject, parent: KubernetesObject): boolean {
  const { uid } = parent.metadata;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return owner?.uid === uid && metadata.labels?.['controller-uid'] === uid;
}

function kindOf(resource: string): string {
  const kind = kinds[resource];
  if (!kind) throw new Error(`the driver does not know the kind of ${resource}`);
  return kind;
}

function pathOf({ apiVersion, kind, metadata }: KubernetesObject): string {
  const [resource] = Object.entries(kinds).find(([, each]) => each === kind) ?? [];
  return `/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}/namespaces/${metadata.namespace}/${resource}/${metadata.name}`;
}

function keyOf(apiVersion: string, kind: string): string {
  return `${kind}.${apiVersion}`;
}
