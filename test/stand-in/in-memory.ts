import type { Cluster } from './cluster.ts';
import { groupKey } from './json.ts';
import type { KindOf } from './registrations.ts';
import { MANAGER, type Transport } from './transport.ts';

/** The API of a cluster that is itself a test double. */
export function inMemory(cluster: Cluster, kindOf: KindOf): Transport {
  return {
    kindOf: async (apiVersion, resource) => kindOf(apiVersion, resource),
    list: async (apiVersion, kind, namespace) => cluster.all(groupKey({ apiVersion, kind }), namespace),
    create: async (object) => cluster.create(object, MANAGER),
    update: async (object) => cluster.update(object, MANAGER),
    apply: async (object) => cluster.apply(object, MANAGER),
    delete: async (object) => cluster.delete(object),
    updateStatus: async (object) => cluster.setStatus(object, object.status),
  };
}
