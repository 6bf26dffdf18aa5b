import { table } from '../table.ts';
import { closely } from './details.ts';
import type {
  ChildStatus,
  EventStatus,
  LiveStatus,
  MeshSyncStatus,
  PodStatus,
  ResourceStatus,
  RoleStatus,
  ServerStatus,
  Status,
} from './model.ts';
import { type Branch, printTree } from './tree.ts';
import { age, bytes, counted } from './units.ts';

/** Colours a text, or leaves it as it is. */
export type Paint = (colour: 'green' | 'yellow' | 'red' | 'dim', text: string) => string;

/** Names of the clients that belong to Meshery, which are shown even when they are not connected. */
const CLIENTS = ['meshery-server', 'meshsync'];

/** Problems of pods that every start has for a while. */
const PASSING = ['Pulling', 'NotReady'];

/** A status for people: a table when there are several resources, a tree for each, and what could not be read. */
export function printStatus({ resources, notes }: Status, now: Date, paint: Paint): string {
  // The trees of many would bury those that matter.
  const shown = closely(resources, ({ ready }) => ready);
  const parts = [
    ...(resources.length > 1 ? [overview(resources, now, paint)] : []),
    ...shown.map((resource) => printTree(resourceTree(resource, now, paint))),
  ];
  const left = resources.length - shown.length;
  const hidden = [
    ...(left > 0 ? [`the trees of ${counted(left, 'resource')}: name one, such as broker NAME, to see it`] : []),
    ...notes,
  ];
  if (hidden.length > 0) parts.push(hidden.map((line) => `${paint('dim', `Not shown: ${line}`)}\n`).join(''));
  return parts.join('\n');
}

function overview(resources: ResourceStatus[], now: Date, paint: Paint): string {
  const header = ['KIND', 'NAMESPACE', 'NAME', 'READY', 'REASON', 'PODS', 'VERSION', 'RESTARTS', 'AGE'];
  const rows = resources.map((resource) => {
    const { kind, namespace, name, summary, readyPods, desiredPods, version = '', pods, created } = resource;
    const restarts = pods.reduce((sum, each) => sum + each.restarts, 0);
    const reason = [...(summary.reason === 'Ready' ? [] : [summary.reason]), ...marks(resource)].join(', ');
    const counts = `${readyPods}/${desiredPods}`;
    return [kind, namespace, name, summary.status, reason, counts, version, `${restarts}`, age(created, now)];
  });
  const [first = '', ...lines] = table(header, rows).trimEnd().split('\n');
  const painted = lines.map((line, index) => {
    const resource = resources[index];
    return resource ? paint(colourOf(resource), line) : line;
  });
  return `${[first, ...painted].join('\n')}\n`;
}

/** What a reason does not say by itself. */
function marks({ stalled, paused, summary, hibernated }: ResourceStatus): string[] {
  return [
    ...(stalled ? ['stalled'] : []),
    ...(paused ? ['paused'] : []),
    ...(hibernated && summary.reason !== 'Hibernated' ? ['hibernated'] : []),
  ];
}

function colourOf({ ready, stalled, pods }: ResourceStatus): 'green' | 'yellow' | 'red' {
  if (ready) return 'green';
  return stalled || pods.some(({ problem }) => problem && !PASSING.includes(problem.reason)) ? 'red' : 'yellow';
}

function resourceTree(resource: ResourceStatus, now: Date, paint: Paint): Branch {
  const { kind, namespace, name, ready, summary, children, refusals, pods, events, broker, meshSync } = resource;
  const notes = marks(resource).map((mark) => `, ${mark}`);
  const state = ready ? 'Ready' : `not Ready: ${summary.reason}`;
  const what = kind === 'Broker' ? 'servers' : 'pods';
  return {
    text: `${kind} ${namespace}/${name}   ${paint(colourOf(resource), `${state}${notes.join('')}`)}`,
    below: [
      ...(ready ? [] : [{ text: summary.message }]),
      ...(resource.stalled ? [{ text: paint('red', 'It stays so until a person edits something.') }] : []),
      ...conditions(resource, paint),
      { text: `${what}: ${resource.readyPods} of ${resource.desiredPods} ready${versionOf(resource)}` },
      ...endpoints(broker),
      ...(meshSync ? ofMeshSync(resource, meshSync, paint) : []),
      ...childBranches(children, paint),
      ...refusals
        .filter((text) => !summary.message.includes(text))
        .map((text) => ({ text: paint('red', `Kubernetes refuses to create pods: ${text}`) })),
      ...pods.map((pod) => podBranch(pod, paint)),
      ...(broker?.live ? [live(broker.live, paint)] : []),
      ...(events.length > 0 ? [{ text: 'Warning Events', below: events.map((event) => eventBranch(event, now)) }] : []),
    ],
  };
}

function versionOf({ version }: ResourceStatus): string {
  return version ? `, version ${version}` : '';
}

/** The conditions, but for those that say what Ready says in a line above. */
function conditions({ conditions, summary }: ResourceStatus, paint: Paint): Branch[] {
  return conditions
    .filter(({ reason, message }) => reason !== summary.reason || message !== summary.message)
    .map(({ type, status, reason, message }) => ({
      text: `${paint('yellow', `${type} is ${status}`)}: ${reason}: ${message}`,
    }));
}

function endpoints(broker: ResourceStatus['broker']): Branch[] {
  const { internal, external } = broker ?? {};
  const addresses = [...(internal ? [`${internal} inside`] : []), ...(external ? [`${external} outside`] : [])];
  return addresses.length > 0 ? [{ text: `endpoint: ${addresses.join(', ')}` }] : [];
}

function ofMeshSync(resource: ResourceStatus, meshSync: MeshSyncStatus, paint: Paint): Branch[] {
  const { broker, publishingTo, brokerState, connected, watchList } = meshSync;
  const states: Record<string, string> = { Resolved: 'found', CustomUrl: 'given by its URL', Unknown: 'unknown' };
  const isFine = brokerState === 'Resolved' || brokerState === 'CustomUrl';
  const found = states[brokerState] ?? brokerState;
  const connection = connected === undefined ? '' : connected ? ', connected' : `, ${paint('yellow', 'not connected')}`;
  const to = publishingTo ? ` at ${publishingTo}` : '';
  return [
    { text: `broker: ${broker ?? 'none'}${to}, ${isFine ? found : paint('yellow', found)}${connection}` },
    { text: `watch-list: ${watchListText(watchList, paint)}` },
    { text: `role: ${roleText(meshSync.role, resource, paint)}` },
  ];
}

function roleText({ serviceAccount, clusterRoles }: RoleStatus, { namespace, name }: ResourceStatus, paint: Paint) {
  const of = `ServiceAccount ${serviceAccount}`;
  if (!clusterRoles) return `that of ${of} is not known`;
  if (clusterRoles.length > 0) return `${clusterRoles.join(', ')}, for ${of}`;
  const remedy = `meshery-operator rbac meshsync/${name} -n ${namespace} | kubectl apply -f -`;
  return `${paint('yellow', `none for ${of}, so it sees nothing`)}: ${remedy}`;
}

function watchListText({ kind, resources, source, message }: MeshSyncStatus['watchList'], paint: Paint): string {
  const why = message ? `: ${message}` : '';
  if (kind === 'invalid') return paint('red', `that of ${source} is invalid${why}`);
  if (kind === 'unknown') return `that of ${source}, which ${message}`;
  if (kind === 'default') return `MeshSync's default set, since ${source} ${message ?? 'names none'}`;
  return `${kind} of ${counted(resources, 'resource')}, of ${source}`;
}

function childBranches(children: ChildStatus[], paint: Paint): Branch[] {
  const named = (state: ChildStatus['state']) => byKind(children.filter((child) => child.state === state));
  const [missing, deleting, unknown] = [named('missing'), named('deleting'), named('unknown')];
  return [
    { text: `children: ${named('present') || 'none'}` },
    ...(missing ? [{ text: `${paint('red', 'missing')}: ${missing}` }] : []),
    ...(deleting ? [{ text: `${paint('yellow', 'being deleted')}: ${deleting}` }] : []),
    ...(unknown ? [{ text: `not known whether they exist: ${unknown}` }] : []),
  ];
}

/** Children in a line, those of a kind together: `Secret a, b; Service c`. */
function byKind(children: ChildStatus[]): string {
  const names = new Map<string, string[]>();
  for (const { kind, name } of children) names.set(kind, [...(names.get(kind) ?? []), name]);
  return [...names].map(([kind, of]) => `${kind} ${of.join(', ')}`).join('; ');
}

function podBranch(pod: PodStatus, paint: Paint): Branch {
  const { name, node, phase, readyContainers, containers, restarts, problem } = pod;
  const where = node ? ` on ${node}` : '';
  const text = `pod ${name}: ${phase}, ${readyContainers}/${containers} ready${where}, ${counted(restarts, 'restart')}`;
  if (!problem) return { text };
  const { reason, container, image, message, log = [] } = problem;
  const what = [...(container ? [`container ${container}`] : []), ...(image ? [`image ${image}`] : [])].join(', ');
  const colour = PASSING.includes(reason) ? 'yellow' : 'red';
  const lines = log.map((line) => ({ text: paint('dim', line) }));
  return { text, below: [{ text: `${paint(colour, reason)}: ${what ? `${what}: ` : ''}${message}`, below: lines }] };
}

function live({ servers, clients, jetStream, problem }: LiveStatus, paint: Paint): Branch {
  if (problem) return { text: `live: not known: ${problem}` };
  const connections = (name: string) => clients.find((client) => client.name === name)?.connections ?? 0;
  const named = [
    ...CLIENTS.map((name) => `${name} ${connections(name) || paint('yellow', 'none')}`),
    ...clients
      .filter(({ name }) => !CLIENTS.includes(name))
      .map(({ name, connections }) => `${name || 'unnamed'} ${connections}`),
  ];
  return {
    text: 'live',
    below: [
      ...servers.map((server) => ({ text: serverText(server, servers.length, paint) })),
      ...(servers.some(({ problem }) => !problem) ? [{ text: `connections by client: ${named.join(', ')}` }] : []),
      ...(jetStream ? [{ text: jetStreamText(jetStream, paint) }] : []),
    ],
  };
}

function serverText(server: ServerStatus, size: number, paint: Paint): string {
  const { pod, problem, version, uptime, connections = 0, routes = [], slowConsumers = 0, memoryBytes } = server;
  if (problem) return `${pod}: ${paint('yellow', `not known: ${problem}`)}`;
  const routed = `routes to ${routes.length} of ${counted(size - 1, 'server')}`;
  const { jetStream } = server;
  const parts = [
    ...(version ? [version] : []),
    ...(uptime ? [`up ${uptime}`] : []),
    counted(connections, 'connection'),
    ...(size > 1 ? [routes.length < size - 1 ? paint('yellow', routed) : routed] : []),
    ...(memoryBytes === undefined ? [] : [`${bytes(memoryBytes)} of memory`]),
    ...(slowConsumers > 0 ? [paint('yellow', counted(slowConsumers, 'slow consumer'))] : []),
    ...(jetStream
      ? [
          `JetStream: ${counted(jetStream.streams, 'stream')}, ${counted(jetStream.messages, 'message')}, ${bytes(jetStream.storageBytes)} in files, ${bytes(jetStream.memoryBytes)} in memory`,
        ]
      : []),
  ];
  return `${pod}: ${parts.join(', ')}`;
}

function jetStreamText({ leader, peers }: NonNullable<LiveStatus['jetStream']>, paint: Paint): string {
  const states = peers.map(({ name, current, offline }) => {
    if (offline) return `${name} ${paint('red', 'offline')}`;
    return current ? `${name} current` : `${name} ${paint('yellow', 'catching up')}`;
  });
  const led = leader ? `led by ${leader}` : paint('red', 'without a leader');
  return `JetStream cluster: ${led}${states.length > 0 ? `, peers: ${states.join(', ')}` : ''}`;
}

function eventBranch({ object, reason, message, count, last }: EventStatus, now: Date): Branch {
  const when = last ? `${age(last, now)} ago` : 'at an unknown time';
  return { text: `${when}${count > 1 ? `, ${count} times` : ''}: ${object}: ${reason}: ${message}` };
}
