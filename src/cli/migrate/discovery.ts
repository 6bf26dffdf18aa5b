import { setTimeout } from 'node:timers/promises';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type ApiResource, type Connection, parsed, versionPath } from '../cluster/connection.ts';
import { ClusterError } from '../errors.ts';

const Resources = Type.Object({
  resources: Type.Array(Type.Object({ name: Type.String(), kind: Type.String(), namespaced: Type.Boolean() })),
});

/** How long a kind may be missing: the API server serves it a moment after its CustomResourceDefinition was created. */
const PATIENCE_MS = 30_000;
const POLL_MS = 500;

/** A kind as an object names it. */
interface NamedKind {
  apiVersion: string;
  kind: string;
}

/** A resource of the API, and whether its objects are in namespaces. */
interface Discovered extends ApiResource {
  namespaced: boolean;
}

/**
 * The resource of a kind, by the discovery of the API server.
 * @throws ClusterError when the API server does not serve the kind, nor does so after some time
 */
export async function resourceOf(connection: Connection, named: NamedKind): Promise<Discovered> {
  for (const end = Date.now() + PATIENCE_MS; ; await setTimeout(POLL_MS)) {
    const found = await resourceIfAny(connection, named);
    if (found) return found;
    if (Date.now() > end) throw new ClusterError(`the cluster has no kind ${named.kind} of ${named.apiVersion}`, 404);
  }
}

/** The same, `undefined` for a kind that the API server does not serve. */
export async function resourceIfAny(
  connection: Connection,
  { apiVersion, kind }: NamedKind,
): Promise<Discovered | undefined> {
  const { status, text } = await connection.request('GET', versionPath(apiVersion));
  const content = status === 200 ? parsed(text) : undefined;
  if (!Value.Check(Resources, content)) return undefined;
  const found = content.resources.find((each) => each.kind === kind && !each.name.includes('/'));
  return found && { apiVersion, resource: found.name, namespaced: found.namespaced };
}
