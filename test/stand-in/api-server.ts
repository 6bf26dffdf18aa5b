import type { Kubernetes, KubernetesObject } from '../cluster/kubernetes.ts';
import { AnyObject, decode } from './decode.ts';
import { MANAGER, type Transport } from './transport.ts';

/** The API of a real API server. */
export function apiServer(kubernetes: Kubernetes): Transport {
  return {
    kindOf: kubernetes.kindOf,
    list: async (apiVersion, kind, namespace) =>
      // The items of a list have no kind of their own.
      (await kubernetes.list(apiVersion, kind, namespace)).map((item) => given({ ...item, apiVersion, kind })),
    create: async (object) => given(await kubernetes.create(object, MANAGER)),
    update: async (object) => given(await kubernetes.update(object, MANAGER)),
    apply: async (object) => given(await kubernetes.apply(object, MANAGER)),
    delete: ({ apiVersion, kind, metadata }) => kubernetes.delete(apiVersion, kind, metadata.name, metadata.namespace),
    updateStatus: async (object) => void (await kubernetes.update(object, MANAGER, '/status')),
  };
}

const given = (object: KubernetesObject) => decode(AnyObject, object);
