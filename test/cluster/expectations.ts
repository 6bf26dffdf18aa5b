import { expect } from 'vitest';
import type { Kubernetes, KubernetesObject, Table } from './kubernetes.ts';
import { until } from './processes.ts';

const MESHERY = 'meshery.io/v1alpha2';

/** A Broker to apply. */
export function broker(namespace: string, name: string, spec: object = {}): KubernetesObject {
  return { apiVersion: MESHERY, kind: 'Broker', metadata: { name, namespace }, spec };
}

/** A MeshSync to apply, by default of a Broker in its namespace. */
export function meshSync(
  namespace: string,
  name: string,
  brokerName = 'meshery-broker',
  brokerNamespace = namespace,
): KubernetesObject {
  const spec = { broker: { native: { name: brokerName, namespace: brokerNamespace } } };
  return { apiVersion: MESHERY, kind: 'MeshSync', metadata: { name, namespace }, spec };
}

/** Labels of a namespace that admits only pods of the restricted Pod Security Standard. */
export const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' };

/** Creates a namespace with the strictest Pod Security Standard. */
export async function namespace(kubernetes: Kubernetes, name: string): Promise<string> {
  await kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: restricted } });
  return name;
}

/** Waits for the condition Ready of a Broker or MeshSync at its current generation, by default to be True. */
export async function isReady(
  kubernetes: Kubernetes,
  { kind, metadata }: Pick<KubernetesObject, 'kind' | 'metadata'>,
  reason = 'Ready',
  seconds = 40,
): Promise<KubernetesObject> {
  let last: unknown;
  try {
    return await until(
      `${kind} ${metadata.namespace}/${metadata.name} to be ${reason}`,
      async () => {
        const object = await kubernetes.get(MESHERY, kind, metadata.name, metadata.namespace);
        const ready = object && conditionOf(object, 'Ready');
        last = object?.status;
        const current = object?.status?.observedGeneration === object?.metadata.generation;
        return current && ready?.reason === reason ? object : undefined;
      },
      seconds,
    );
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}; its status is ${JSON.stringify(last)}`);
  }
}

/** Waits until a value in the cluster is as expected, and fails with the difference at the timeout. */
export async function eventually(check: () => Promise<void>, seconds = 40): Promise<void> {
  const end = Date.now() + seconds * 1_000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** Kinds of all children of both resources. */
export const childKinds: [apiVersion: string, kind: string][] = [
  ['v1', 'Secret'],
  ['v1', 'ConfigMap'],
  ['v1', 'Service'],
  ['v1', 'ServiceAccount'],
  ['apps/v1', 'StatefulSet'],
  ['apps/v1', 'Deployment'],
  ['policy/v1', 'PodDisruptionBudget'],
  ['networking.k8s.io/v1', 'NetworkPolicy'],
];

/** The children of a resource, as `Kind/name`, by owner. */
export async function childrenOf(kubernetes: Kubernetes, parent: KubernetesObject): Promise<KubernetesObject[]> {
  const lists = await Promise.all(
    childKinds.map(async ([apiVersion, kind]) =>
      (await kubernetes.list(apiVersion, kind, parent.metadata.namespace)).map((object) => ({
        ...object,
        apiVersion,
        kind,
      })),
    ),
  );
  return lists
    .flat()
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === parent.metadata.uid));
}

/** `Kind/name` of objects, sorted. */
export function names(objects: KubernetesObject[]): string[] {
  return objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort();
}

/** uid by `Kind/name`. */
export function uids(objects: KubernetesObject[]): Record<string, string | undefined> {
  return Object.fromEntries(objects.map(({ kind, metadata }) => [`${kind}/${metadata.name}`, metadata.uid]));
}

/** resourceVersion of all objects of our kinds in a namespace. */
export async function versions(kubernetes: Kubernetes, of: string): Promise<Record<string, string | undefined>> {
  const kinds: [string, string][] = [...childKinds, ['v1', 'Pod'], [MESHERY, 'Broker'], [MESHERY, 'MeshSync']];
  const lists = await Promise.all(kinds.map(([apiVersion, kind]) => kubernetes.list(apiVersion, kind, of)));
  return Object.fromEntries(
    lists.flatMap((list, index) =>
      list.map(({ metadata }) => [`${kinds[index]?.[1]}/${metadata.name}`, metadata.resourceVersion]),
    ),
  );
}

/** Waits until nothing is written in a namespace for some seconds; the effects of the last change may take a moment. */
export function rests(kubernetes: Kubernetes, of: string, seconds = 4): Promise<void> {
  return eventually(async () => {
    const before = await versions(kubernetes, of);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    expect(await versions(kubernetes, of)).toEqual(before);
  });
}

/** A condition of an object. */
export function conditionOf({ status }: Pick<KubernetesObject, 'status'>, type: string) {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** The output of `kubectl get` for one object: cells by column; with `wide`, also those of `-o wide`. */
export async function printed(
  kubernetes: Kubernetes,
  plural: string,
  of: string,
  name: string,
  wide = false,
): Promise<Record<string, unknown>> {
  const accept = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const path = `/apis/${MESHERY}/namespaces/${of}/${plural}/${name}`;
  const { columnDefinitions, rows } = (await kubernetes.request('GET', path, undefined, accept)).body as Table;
  expect(rows).toHaveLength(1);
  return Object.fromEntries(
    columnDefinitions.flatMap((column, index) =>
      wide || column.priority === 0 ? [[column.name, rows[0]?.cells[index]]] : [],
    ),
  );
}
