import type { Static, TSchema } from '@sinclair/typebox';
import { controllers } from '../../controllers.ts';
import { kinds } from '../../kubernetes/kinds.ts';
import { ACTIVE_MESHSYNC, isActive } from '../../meshsync/names.ts';
import { ask, read } from '../cluster/answer.ts';
import { API, apiResourceOf } from '../cluster/api.ts';
import type { ApiResource, Connection, Selection } from '../cluster/connection.ts';
import { Event, Pod, Resource } from '../cluster/objects.ts';
import { listResources, type Scope } from '../cluster/resources.ts';
import { Binding, Child, Service, Workload } from './objects.ts';

/** What the API server knows of the resources of a scope: lists only, so that their number does not depend on how many there are. */
export interface Snapshot {
  context: string;
  resources: Resource[];
  /** The MeshSync whose watch-list all MeshSyncs read; `undefined` when there is none, or when it may not be read. */
  active?: Resource;
  /** Whether it may not be read. */
  isActiveUnknown: boolean;
  workloads: Workload[];
  replicaSets: Child[];
  pods: Pod[];
  services: Service[];
  /** All children, workloads and Services among them. */
  children: (Child & { kind: string })[];
  /** The kinds of children that could not be listed. */
  unlisted: string[];
  /** All ClusterRoleBindings; `undefined` where they may not be listed. */
  bindings?: Binding[];
  /** Warning Events. */
  events: Event[];
  /** Events of images that are being pulled, or were. */
  pulls: Event[];
  /** What was refused, a line each. */
  notes: string[];
}

/** The label of all children. */
const MANAGED = 'app.kubernetes.io/managed-by=meshery-operator';

/** Labels of the pods, which those of other operators have too: that they are owned counts. */
const POD_LABELS = { Broker: 'app.kubernetes.io/name=nats', MeshSync: 'component=meshsync' };

type ChildKind = ApiResource & { kind: string };

/** The Brokers and MeshSyncs of a scope and all that belongs to them. What may not be listed is missing, with a note. */
export async function gather(connection: Connection, scope: Scope): Promise<Snapshot> {
  const notes: string[] = [];
  const unlisted: string[] = [];
  const inScope = scope.namespace ? { namespace: scope.namespace } : {};
  const asked = async <Value>(what: () => Promise<Value>): Promise<Value | undefined> => {
    const answer = await ask(what);
    if ('value' in answer) return answer.value;
    notes.push(answer.missing);
    return undefined;
  };
  const list = <Schema extends TSchema>(of: ApiResource, schema: Schema, where: Selection = {}) =>
    asked(async (): Promise<Static<Schema>[]> => {
      const objects = await connection.list(of, where);
      return objects.map((object) => read(schema, object));
    });
  const childrenOf = async <Schema extends TSchema>(of: ChildKind, schema: Schema, where: Selection = {}) => {
    const found = await list(of, schema, { ...inScope, labelSelector: MANAGED, ...where });
    if (!found) unlisted.push(of.kind);
    return found ?? [];
  };
  /** Children that are known by their metadata alone, which does not say their kind. */
  const named = async (of: ChildKind) => withKind(of.kind, await childrenOf(of, Child, { metadataOnly: true }));
  const podsOf = (kind: Resource['kind']) => list(kinds.pod, Pod, { ...inScope, labelSelector: POD_LABELS[kind] });
  const has = (kind: Resource['kind']) => scope.kinds.includes(kind);

  const [resources, broker, meshSync, deployments, secrets, events, pulls] = await Promise.all([
    listResources(connection, scope),
    has('Broker') &&
      Promise.all([
        childrenOf(kinds.statefulSet, Workload),
        childrenOf(kinds.service, Service),
        podsOf('Broker'),
        named(kinds.configMap),
        named(kinds.podDisruptionBudget),
        named(kinds.networkPolicy),
      ]),
    has('MeshSync') &&
      Promise.all([
        list(API.replicaSets, Child, { ...inScope, labelSelector: POD_LABELS.MeshSync, metadataOnly: true }),
        podsOf('MeshSync'),
        named(kinds.serviceAccount),
        list(API.bindings, Binding),
      ]),
    childrenOf(kinds.deployment, Workload),
    named(kinds.secret),
    list(API.events, Event, { ...inScope, fieldSelector: 'type=Warning' }),
    list(API.events, Event, { ...inScope, fieldSelector: 'reason=Pulling' }),
  ]);
  const active = await asked(() => activeMeshSync(connection, resources));
  const [statefulSets, services, brokerPods, ...ofBroker] = broker || [[], [], []];
  const [replicaSets, meshSyncPods, accounts, bindings] = meshSync || [[], [], []];

  return {
    context: connection.context,
    resources,
    ...(active?.found && { active: active.found }),
    isActiveUnknown: !active,
    workloads: [...statefulSets, ...deployments.filter((deployment) => !isOfBroker(deployment))],
    replicaSets: replicaSets ?? [],
    pods: [...(brokerPods ?? []), ...(meshSyncPods ?? [])],
    services,
    children: [
      ...withKind(kinds.statefulSet.kind, statefulSets),
      ...withKind(kinds.deployment.kind, deployments),
      ...withKind(kinds.service.kind, services),
      ...[secrets, accounts, ...ofBroker].flat(),
    ],
    unlisted,
    ...(bindings && { bindings }),
    events: events ?? [],
    pulls: pulls ?? [],
    // What was refused twice is one line.
    notes: [...new Set(notes)].sort(),
  };
}

/** The Deployment of the command line of NATS, on which nothing of the Broker depends. */
function isOfBroker({ metadata }: Workload): boolean {
  return Boolean(metadata.ownerReferences?.some(({ kind, controller }) => controller && kind === 'Broker'));
}

function withKind<Item extends Child>(kind: string, objects: Item[]): (Item & { kind: string })[] {
  return objects.map((object) => ({ ...object, kind }));
}

/** The MeshSync whose watch-list counts, which is asked for only when another one is looked at. */
async function activeMeshSync(connection: Connection, resources: Resource[]): Promise<{ found?: Resource }> {
  const meshSyncs = resources.filter(({ kind }) => kind === 'MeshSync');
  const listed = meshSyncs.find(({ metadata }) => isActive(metadata.name, metadata.namespace));
  if (listed) return { found: listed };
  const { name, namespace } = ACTIVE_MESHSYNC;
  const [controller] = controllers.filter(({ kind }) => kind === 'MeshSync');
  if (meshSyncs.length === 0 || !controller) return {};
  const found = await connection.get(apiResourceOf(controller), name, namespace);
  return found ? { found: read(Resource, found) } : {};
}
