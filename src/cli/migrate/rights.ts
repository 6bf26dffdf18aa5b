import { groupOf } from '../../metacontroller/object.ts';
import { ownDeniedRights, type Right } from '../cluster/access.ts';
import type { Connection } from '../cluster/connection.ts';
import { ClusterError } from '../errors.ts';
import type { Change } from './change.ts';
import { resourceIfAny } from './discovery.ts';
import type { Step } from './step.ts';

/**
 * Asks the API server whether steps are allowed, before the first of them changes anything.
 * @param keptIn the namespace of what a migration keeps: its Secrets are created by one step, and deleted by another
 * @throws ClusterError that names what is not allowed
 */
export async function assertAllowed(connection: Connection, steps: readonly Step[], keptIn: string): Promise<void> {
  const changes = steps.flatMap((step) => step.changes);
  if (changes.length === 0) return;
  const kept = ['create', 'patch', 'delete'].map((verb) => ({
    verb,
    group: '',
    resource: 'secrets',
    namespace: keptIn,
  }));
  const rights = [...kept, ...(await Promise.all(changes.map((change) => rightsOf(connection, change)))).flat()];
  const each = [...new Map(rights.map((right) => [inWords(right), right])).values()];
  const denied = (await ownDeniedRights(connection, each)).map(inWords);
  if (denied.length > 0)
    throw new ClusterError(`you may not ${denied.join(', ')}: ask for a role that allows it; nothing was changed`, 403);
}

/** The rights that a change needs. Server-side apply creates what is not there. */
async function rightsOf(connection: Connection, { target, request }: Change): Promise<Right[]> {
  const of = target.resource ? { ...target, resource: target.resource } : await resourceIfAny(connection, target);
  // A kind that an earlier change brings.
  if (!of) return [];
  const isApplied = request.verb === 'patch' && request.patch.type === 'apply';
  const verbs = isApplied ? ['create', 'patch'] : [request.verb === 'remove' ? 'delete' : request.verb];
  const subresource = request.verb === 'patch' && request.patch.subresource ? `/${request.patch.subresource}` : '';
  const group = groupOf(target.apiVersion);
  const { namespace } = target;
  return verbs.map((verb) => ({
    ...{ verb, group, resource: `${of.resource}${subresource}` },
    ...(namespace && { namespace }),
  }));
}

function inWords({ verb, group, resource, namespace }: Right): string {
  return `${verb} ${resource}${group && `.${group}`} in ${namespace ? `namespace ${namespace}` : 'the cluster'}`;
}
