import { Type } from '@sinclair/typebox';
import { meshSyncDefaults, MeshSyncStatus as Reported } from '../../api/meshsync.ts';
import { ACTIVE_MESHSYNC, isActive } from '../../meshsync/names.ts';
import { resolveMeshSync } from '../../meshsync/spec.ts';
import { readWatchList } from '../../meshsync/watch-list.ts';
import { conditionsOf } from '../../metacontroller/conditions.ts';
import { mapOf } from '../../metacontroller/object.ts';
import { compiled } from '../../schema/compiled.ts';
import type { Resource } from '../cluster/objects.ts';
import type { Snapshot } from './gather.ts';
import type { MeshSyncStatus, RoleStatus, WatchListStatus } from './model.ts';

const isReported = compiled(Reported);
const hasList = compiled(Type.Object({ 'watch-list': Type.Object({ data: mapOf(Type.String()) }) }));

/** What is particular of a MeshSync: its broker, the watch-list in force, and its role. */
export function meshSyncStatus(
  resource: Resource,
  snapshot: Pick<Snapshot, 'active' | 'isActiveUnknown' | 'bindings'>,
): MeshSyncStatus {
  const conditions = conditionsOf(resource.status);
  const find = (type: string) => conditions.find((each) => each.type === type);
  const status = isReported.Check(resource.status) ? resource.status : {};
  const { broker, 'publishing-to': publishingTo } = status;
  const connected = find('BrokerConnected')?.status;
  return {
    ...(broker && { broker }),
    ...(publishingTo && { publishingTo }),
    brokerState: find('BrokerResolved')?.reason ?? 'Unknown',
    ...(connected && connected !== 'Unknown' && { connected: connected === 'True' }),
    watchList: watchListOf(resource, snapshot, status.version ?? meshSyncDefaults.version),
    role: roleOf(resource, snapshot.bindings),
  };
}

/** By ClusterRoleBindings of the ServiceAccount, or of a group of all ServiceAccounts. */
function roleOf(resource: Resource, bindings: Snapshot['bindings']): RoleStatus {
  const { name, namespace } = resource.metadata;
  const meshSync = resolveMeshSync(resource);
  const account = 'path' in meshSync ? name : (meshSync.serviceAccountName ?? meshSync.names.meshsync);
  const serviceAccount = `${namespace}/${account}`;
  if (!bindings) return { serviceAccount };
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  const roles = bindings
    .filter(({ subjects = [] }) =>
      subjects.some((subject) =>
        subject.kind === 'ServiceAccount'
          ? subject.name === account && subject.namespace === namespace
          : subject.kind === 'Group' && groups.includes(subject.name),
      ),
    )
    .map(({ roleRef }) => roleRef.name)
    // Every ServiceAccount has roles of Kubernetes itself, to ask what it may do.
    .filter((role) => !role.startsWith('system:'));
  return { serviceAccount, clusterRoles: [...new Set(roles)].sort() };
}

function watchListOf(
  { metadata, spec }: Resource,
  { active, isActiveUnknown }: Pick<Snapshot, 'active' | 'isActiveUnknown'>,
  tag: string,
): WatchListStatus {
  const own = isActive(metadata.name, metadata.namespace);
  const source = `${ACTIVE_MESHSYNC.namespace}/${ACTIVE_MESHSYNC.name}`;
  if (!own && isActiveUnknown) return { kind: 'unknown', resources: 0, source, message: 'may not be read' };
  if (!own && !active) return { kind: 'default', resources: 0, source, message: 'does not exist' };
  const given = own ? spec : active?.spec;
  const list = readWatchList(hasList.Check(given) ? given['watch-list'].data : {}, tag);
  if ('path' in list) return { kind: 'invalid', resources: 0, source, message: `${list.path} ${list.message}` };
  return { kind: list.kind, resources: list.resources.size, source };
}
