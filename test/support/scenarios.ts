import { controllers } from '../../src/controllers.ts';
import type { Controller } from '../../src/metacontroller/controller.ts';
import { Cluster } from '../stand-in/cluster.ts';
import { type Progress, runControllers } from '../stand-in/controllers.ts';
import { inMemory } from '../stand-in/in-memory.ts';
import { groupKey, type JsonObject, type KubeObject, type Metadata } from '../stand-in/json.ts';
import { type Strategy, type SyncOutcome, sync as syncParent } from '../stand-in/metacontroller.ts';
import { kindsOf, registrationOf } from '../stand-in/registrations.ts';
import type { TestApp } from './app.ts';

/** The recommended strategy, then the default of Metacontroller. */
export const STRATEGIES: Strategy[] = ['server-side-apply', 'dynamic-apply'];

export interface ParentObject extends KubeObject {
  metadata: Metadata & { uid: string; generation: number };
}

export function brokerParent(spec?: JsonObject, name = 'meshery-broker', namespace = 'meshery'): ParentObject {
  return parent('Broker', name, namespace, spec);
}

export function meshSyncParent(spec?: JsonObject, name = 'meshery-meshsync', namespace = 'meshery'): ParentObject {
  return parent('MeshSync', name, namespace, spec);
}

function parent(kind: string, name: string, namespace: string, spec: JsonObject | undefined): ParentObject {
  const metadata = { name, namespace, uid: `${kind.toLowerCase()}-${namespace}-${name}`, generation: 1 };
  return { apiVersion: 'meshery.io/v1alpha2', kind, metadata, ...(spec && { spec }) };
}

/** A cluster with these objects. */
export function clusterWith(...objects: KubeObject[]): Cluster {
  const cluster = new Cluster();
  for (const object of objects) cluster.create(object, 'kubectl');
  return cluster;
}

/** Calls a hook: from its path and the request to the response. */
export type Hook = (path: string, body: object) => Promise<JsonObject>;

/** The hooks of the application, with rejected requests as errors. */
export function hookOf({ post }: TestApp): Hook {
  return async (path, body) => {
    const response = await post(path, body);
    if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${response.text}`);
    return response.json();
  };
}

export const READY: Progress = { ready: true, addresses: true };

/** One sync of a parent with its state in the cluster, as Metacontroller does it with our registration. */
export async function sync(
  cluster: Cluster,
  object: KubeObject,
  hook: Hook,
  strategy: Strategy,
  list: readonly Controller[] = controllers,
): Promise<SyncOutcome> {
  const parent = cluster.get(groupKey(object), object.metadata.namespace, object.metadata.name);
  if (!parent) throw new Error('the parent does not exist');
  const transport = inMemory(cluster, kindsOf(list));
  const controller = registrationOf(list, object.kind);
  return syncParent({ transport, controller, strategy, call: ({ path = '' }, body) => hook(path, body) }, parent);
}

/** Syncs parents in turn, with the controllers of the cluster running in between, until nothing is written any more. */
export async function settle(
  cluster: Cluster,
  parents: KubeObject[],
  hook: Hook,
  strategy: Strategy,
  progress: Progress = READY,
): Promise<SyncOutcome[]> {
  for (let round = 0; round < 8; round++) {
    const outcomes: SyncOutcome[] = [];
    for (const each of parents) outcomes.push(await sync(cluster, each, hook, strategy));
    runControllers(cluster, progress);
    const errors = outcomes.flatMap((outcome) => outcome.errors);
    if (errors.length > 0) throw new Error(errors.join('; '));
    if (round > 1 && outcomes.every(({ writes, statusWritten }) => writes.length === 0 && !statusWritten)) {
      return outcomes;
    }
  }
  throw new Error('does not settle');
}

/** A request of a Broker that keeps a given number of children, so that the response has that size. */
export function brokerWithChildren(count: number) {
  const names = Array.from({ length: count }, (_, index) => `m${index}`);
  const object = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'meshery' } });
  const children = Object.fromEntries(names.map((name) => [`meshery/${name}`, object(name)]));
  return { parent: brokerParent({ size: 'x' }), children: { 'ConfigMap.v1': children } };
}
