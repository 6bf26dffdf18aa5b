import type { ApiResource, ClusterObject, Connection, Patch } from '../cluster/connection.ts';
import { objectInWords } from '../cluster/objects.ts';
import { ClusterError } from '../errors.ts';
import { resourceOf } from './discovery.ts';
import type { Kind } from './kinds.ts';

/** One request that changes the cluster. Made again, it changes nothing more. */
export interface Change {
  /** What it does, in a line without credentials. */
  does: string;
  target: { apiVersion: string; kind: string; resource?: string; name: string; namespace?: string };
  request: { verb: 'create'; body: object } | { verb: 'patch'; patch: Patch } | { verb: 'remove' };
}

const target = (kind: Kind, { name, namespace }: { name: string; namespace?: string | undefined }) => ({
  ...kind,
  name,
  ...(namespace && { namespace }),
});

/** The change that creates an object. */
export function creation(does: string, kind: Kind, object: ClusterObject): Change {
  return { does, target: target(kind, object.metadata), request: { verb: 'create', body: object } };
}

/** The change that patches an object. */
export function patched(does: string, kind: Kind, { metadata }: ClusterObject, patch: Patch): Change {
  return { does, target: target(kind, metadata), request: { verb: 'patch', patch } };
}

/** The change that deletes an object. */
export function removal(kind: Kind, { metadata }: ClusterObject, why = ''): Change {
  const does = `delete ${objectInWords({ kind: kind.kind, metadata })}${why && `: ${why}`}`;
  return { does, target: target(kind, metadata), request: { verb: 'remove' } };
}

/**
 * Makes a change. That an object was changed, made or deleted by somebody else since it was read is no error: the next look
 * at the cluster shows what is left to do.
 */
export async function carryOut(connection: Connection, { target, request }: Change): Promise<void> {
  const { name } = target;
  const { namespace, ...of } = await placeOf(connection, target);
  try {
    if (request.verb === 'create') await connection.create(of, request.body, namespace);
    if (request.verb === 'patch') await connection.patch(of, name, request.patch, namespace);
    if (request.verb === 'remove') await connection.remove(of, name, namespace);
  } catch (error) {
    const isOutdated = error instanceof ClusterError && (error.status === 409 || error.status === 404);
    if (!isOutdated || (request.verb === 'patch' && request.patch.type === 'apply')) throw error;
  }
}

/** The resource of a target, and its namespace: for an object of a file that names none, that of the context. */
async function placeOf(
  connection: Connection,
  { apiVersion, kind, resource, namespace }: Change['target'],
): Promise<ApiResource & { namespace?: string }> {
  if (resource) return { apiVersion, resource, ...(namespace && { namespace }) };
  const found = await resourceOf(connection, { apiVersion, kind });
  const inNamespace = found.namespaced ? (namespace ?? connection.namespace) : undefined;
  return { apiVersion, resource: found.resource, ...(inNamespace && { namespace: inNamespace }) };
}
