import type { Cluster } from './cluster.ts';
import { groupKey, type KubeObject, qualifiedName } from './json.ts';
import type { KindOf } from './kinds.ts';
import { MANAGER, refusal, type Transport } from './transport.ts';

/** The API of a cluster that is itself a double. */
export function inMemory(cluster: Cluster, kindOf: KindOf): Transport {
  const stored = (object: KubeObject) => {
    const found = cluster.get(groupKey(object), object.metadata.namespace, object.metadata.name);
    if (!found) throw refusal(404, `${groupKey(object)} ${qualifiedName(object)} not found`);
    return found;
  };
  return {
    kindOf: async (apiVersion, resource) => kindOf(apiVersion, resource),
    list: async (apiVersion, kind, namespace) => cluster.all(groupKey({ apiVersion, kind }), namespace),
    create: async (object) => {
      if (!cluster.create(object, MANAGER)) throw refusal(409, `${qualifiedName(object)} already exists`);
      return stored(object);
    },
    update: async (object) => {
      cluster.update(object, MANAGER);
      return stored(object);
    },
    apply: async (object) => {
      cluster.apply(object, MANAGER);
      return stored(object);
    },
    delete: async (object) => cluster.delete(object),
    updateStatus: async (object) => cluster.setStatus(object, object.status),
  };
}
