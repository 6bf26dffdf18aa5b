import { Value } from '@sinclair/typebox/value';
import { type ApiResource, ClusterObject, type Connection, type Selection } from '../../src/cli/cluster/connection.ts';
import { ClusterError } from '../../src/cli/errors.ts';
import type { KubeObject } from '../stand-in/json.ts';

/** A connection to a cluster in memory, which counts what it is asked for. */
export interface FakeConnection extends Connection {
  /** `list pods`, `get secrets/name`, `read /api/v1/…`, in order. */
  asked: string[];
  /** By plural name. */
  objects: Record<string, KubeObject[]>;
}

/**
 * A cluster of some objects, which knows namespaces, label selectors and names.
 * @param replaced methods of its own
 */
export function fakeConnection(
  namespace: string,
  objects: Record<string, KubeObject[]> = {},
  replaced: Partial<Connection> = {},
): FakeConnection {
  const asked: string[] = [];
  const refuse = () => Promise.reject(new ClusterError('not in this cluster', 501));
  const fake: FakeConnection = {
    ...{ asked, objects, context: 'test', namespace },
    list: async (of: ApiResource, where: Selection = {}) => {
      asked.push(`list ${of.resource}`);
      return (fake.objects[of.resource] ?? []).filter((object) => isSelected(object, where)).map(asClusterObject);
    },
    get: async (of, name, inNamespace) => {
      asked.push(`get ${of.resource}/${name}`);
      const found = (fake.objects[of.resource] ?? []).find(
        ({ metadata }) => metadata.name === name && metadata.namespace === inNamespace,
      );
      return found && asClusterObject(found);
    },
    read: async (path) => {
      asked.push(`read ${path}`);
      return { status: 404, text: '' };
    },
    create: refuse,
    patch: refuse,
    remove: refuse,
    request: refuse,
    forward: refuse,
    ...replaced,
  };
  return fake;
}

function asClusterObject(object: KubeObject): ClusterObject {
  const clone: unknown = structuredClone(object);
  if (Value.Check(ClusterObject, clone)) return clone;
  throw new Error(`${object.kind} ${object.metadata.name} is no object of a cluster`);
}

function isSelected({ metadata }: KubeObject, { namespace, labelSelector = '', fieldSelector = '' }: Selection) {
  const labels: Record<string, unknown> = { ...(metadata.labels as object | undefined) };
  const pairs = labelSelector.split(',').filter((pair) => pair.includes('='));
  const name = /^metadata\.name=(.*)$/.exec(fieldSelector)?.[1];
  return (
    (!namespace || metadata.namespace === namespace) &&
    (!name || metadata.name === name) &&
    pairs.every((pair) => labels[pair.split('=')[0] ?? ''] === pair.split('=')[1])
  );
}
