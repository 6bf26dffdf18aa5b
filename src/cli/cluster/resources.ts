import { controllers } from '../../controllers.ts';
import { ClusterError, UsageError } from '../errors.ts';
import { printable } from '../foreign-text.ts';
import { metadataErrors } from '../metadata.ts';
import { read } from './answer.ts';
import { apiResourceOf } from './api.ts';
import type { Connection } from './connection.ts';
import { Resource } from './objects.ts';

/** Which Brokers and MeshSyncs a command looks at. */
export interface Scope {
  kinds: readonly Resource['kind'][];
  /** Default: all namespaces. */
  namespace?: string;
  /** Default: all resources. */
  name?: string;
}

/**
 * The Brokers and MeshSyncs of a scope, by namespace, kind and name.
 * @throws UsageError for a name that none can have, and ClusterError when they can't be listed
 */
export async function listResources(connection: Connection, { kinds, namespace, name }: Scope): Promise<Resource[]> {
  const [error] = name ? metadataErrors({ metadata: { name } }, 'any') : [];
  if (error) throw new UsageError(`name ${printable(name ?? '')} ${error.message}`);
  const where = { ...(namespace && { namespace }), ...(name && { fieldSelector: `metadata.name=${name}` }) };
  const lists = await Promise.all(
    controllers
      .filter(({ kind }) => kinds.some((each) => each === kind))
      .map(async (controller) => {
        try {
          return await connection.list(apiResourceOf(controller), where);
        } catch (error) {
          if (!(error instanceof ClusterError) || error.status !== 404) throw error;
          throw new ClusterError(
            `the cluster has no ${controller.plural} of ${controller.apiVersion}: install the operator first`,
            404,
          );
        }
      }),
  );
  const place = ({ metadata, kind }: Resource) => `${metadata.namespace} ${kind} ${metadata.name}`;
  return lists
    .flat()
    .map((object) => read(Resource, object))
    .sort((left, right) => (place(left) < place(right) ? -1 : 1));
}
