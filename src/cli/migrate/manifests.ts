import { Value } from '@sinclair/typebox/value';
import { API_GROUP } from '../../api/group.ts';
import { ClusterObject, type Connection } from '../cluster/connection.ts';
import { objectInWords } from '../cluster/objects.ts';
import { ClusterError, UsageError } from '../errors.ts';
import { content } from '../resources.ts';
import { readYaml } from '../yaml.ts';
import type { Change } from './change.ts';
import { KUBECTL } from './definitions.ts';
import { resourceIfAny } from './discovery.ts';
import type { Facts } from './facts.ts';

/** Reads the objects of files, such as `install.yaml` of a release; `-` is standard input. */
export async function readManifests(files: string[]): Promise<ClusterObject[]> {
  const contents = await Promise.all(files.map(async (file) => ({ file, content: await content(file) })));
  return contents.flatMap(({ file, content }) =>
    readYaml(content).flatMap((document, index) => {
      const where = `${file}, document ${index + 1}`;
      if ('error' in document) throw new UsageError(`${where}: ${document.error}`);
      if (document.value === null) return [];
      if (!Value.Check(ClusterObject, document.value) || !document.value.kind || !document.value.apiVersion)
        throw new UsageError(`${where}: is not a Kubernetes object`);
      return [document.value];
    }),
  );
}

/**
 * The changes that apply the given objects, as `kubectl apply --server-side` would, in an order in which none misses another:
 * the registrations come last, which tells a later run that all others are there. Brokers and MeshSyncs stay as they are.
 */
export function manifestChanges({ manifests }: Facts): Change[] {
  const rank = ({ kind }: ClusterObject) => {
    if (kind === 'CompositeController') return 2;
    return kind === 'CustomResourceDefinition' || kind === 'Namespace' ? 0 : 1;
  };
  return manifests
    .filter(({ apiVersion }) => !apiVersion?.startsWith(`${API_GROUP}/`))
    .sort((left, right) => rank(left) - rank(right))
    .map((object) => {
      const { apiVersion = '', kind = '', metadata } = object;
      const { name, namespace } = metadata;
      return {
        does: `apply ${objectInWords(object)}`,
        target: { apiVersion, kind, name, ...(namespace && { namespace }) },
        request: {
          verb: 'patch',
          patch: { type: 'apply', force: true, fieldManager: KUBECTL.manager, body: object },
        },
      };
    });
}

/**
 * Asks the API server whether it would accept the given objects, which stores nothing. Those of a kind or a namespace that is
 * not there yet, and those that take the place of an object of the Go operator, can't be asked about.
 * @throws UsageError for an object that is invalid, ClusterError for one that the caller may not apply
 */
export async function assertAccepted(connection: Connection, changes: readonly Change[], replaced: readonly string[]) {
  for (const { target, request } of changes) {
    const { name, namespace } = target;
    const about = objectInWords({ kind: target.kind, metadata: { name, namespace } });
    const of = await resourceIfAny(connection, target);
    if (!of || request.verb !== 'patch' || replaced.includes(about)) continue;
    const inNamespace = of.namespaced ? (namespace ?? connection.namespace) : undefined;
    try {
      await connection.patch(of, name, { ...request.patch, dryRun: true }, inNamespace);
    } catch (error) {
      if (!(error instanceof ClusterError) || error.status === undefined) throw error;
      if (error.status === 404) continue;
      const message = `${about} can't be applied: ${error.message}; nothing was changed`;
      throw error.status === 400 || error.status === 422
        ? new UsageError(message)
        : new ClusterError(message, error.status);
    }
  }
}
