import { NATS_CONTAINER } from '../../broker/children/stateful-set.ts';
import { PORTS } from '../../broker/nats.ts';
import { kinds } from '../../kubernetes/kinds.ts';
import { inParallel } from '../cluster/answer.ts';
import { type Connection, parsed, pathOf, refused } from '../cluster/connection.ts';
import { allContainers, type Pod } from '../cluster/objects.ts';
import { ClusterError } from '../errors.ts';
import { logLines } from '../foreign-text.ts';
import { belongingsOf } from './belongings.ts';
import { judgeConditions } from './conditions.ts';
import { type Ending, endingOf } from './ending.ts';
import type { Snapshot } from './gather.ts';

/** How many resources are looked at so closely: each takes requests of its own. */
export const MAX_DETAILED = 10;

/** What takes a request for each pod. */
export interface Details {
  /** What the monitoring port of a server says, by `namespace/pod`. */
  servers: Map<string, Monitored>;
  /** The last lines of containers that ended, by `namespace/pod/container`, without credentials. */
  logs: Map<string, string[]>;
  /** What was refused, a line each. */
  notes: string[];
}

/** The answers of a server by their paths, or why there are none. */
export type Monitored = { problem: string } | { varz: unknown; routez: unknown; connz: unknown; jsz: unknown };

/** A pod that does not answer must not keep the others from being shown. */
const TIMEOUT_MS = 4_000;

/** The last of a log. */
const LOG_LINES = 10;
const LOG_BYTES = 65_536;

/** Pods that are asked at the same time. */
const PARALLEL = 20;

/** Those that are looked at closely: all, or of many the first that are not Ready. */
export function closely<Item>(items: Item[], isReady: (item: Item) => boolean): Item[] {
  return items.length > MAX_DETAILED ? items.filter((item) => !isReady(item)).slice(0, MAX_DETAILED) : items;
}

/** Asks the servers of the Brokers of a snapshot, and reads what containers wrote before they ended. */
export async function gatherDetails(connection: Connection, snapshot: Snapshot): Promise<Details> {
  const belongings = belongingsOf(snapshot);
  const resources = closely(snapshot.resources, (resource) => judgeConditions(resource).ready);
  const pods = resources.flatMap((resource) => belongings(resource).pods);
  const notes = new Set<string>();
  const endings = pods.flatMap((pod) =>
    allContainers(pod).flatMap((container) => {
      const ending = endingOf(container);
      return ending ? [{ pod, name: container.name, ending }] : [];
    }),
  );
  const [servers, logs] = await Promise.all([
    inParallel(
      pods.filter(isServing),
      PARALLEL,
      async (pod) => [keyOf(pod), await monitored(connection, pod)] as const,
    ),
    inParallel(endings, PARALLEL, async ({ pod, name, ending }) => {
      const lines = await lastLines(connection, pod, name, ending);
      if ('problem' in lines) notes.add(lines.problem);
      return [`${keyOf(pod)}/${name}`, 'problem' in lines ? [] : lines] as const;
    }),
  ]);
  return { servers: new Map(servers), logs: new Map(logs), notes: [...notes] };
}

/** `namespace/name` of a pod. */
export function keyOf({ metadata }: Pod): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function isServing({ status }: Pod): boolean {
  const server = status?.containerStatuses?.find(({ name }) => name === NATS_CONTAINER);
  return server?.state?.running !== undefined;
}

async function monitored(connection: Connection, pod: Pod): Promise<Monitored> {
  const proxy = `${podPath(pod, schemeOf(pod))}:${PORTS.monitor}/proxy`;
  const get = async (path: string) => {
    const { status, text } = await connection.read(`${proxy}/${path}`, TIMEOUT_MS);
    if (status >= 300) throw refused(status, parsed(text), 'GET of its monitoring port');
    return parsed(text);
  };
  try {
    // The others would be refused like the first.
    const varz = await get('varz');
    const [routez, connz, jsz] = await Promise.all([get('routez'), get('connz?limit=4096'), get('jsz')]);
    return { varz, routez, connz, jsz };
  } catch (error) {
    return { problem: why(error) };
  }
}

async function lastLines(
  connection: Connection,
  pod: Pod,
  container: string,
  { isPrevious }: Ending,
): Promise<string[] | { problem: string }> {
  const limits = { tailLines: `${LOG_LINES}`, limitBytes: `${LOG_BYTES}` };
  const query = new URLSearchParams({ container, previous: `${isPrevious}`, ...limits });
  try {
    const { status, text } = await connection.read(`${podPath(pod)}/log?${query}`, TIMEOUT_MS);
    if (status >= 300) return { problem: refused(status, parsed(text), `GET of the log of ${container}`).message };
    return logLines(text).slice(-LOG_LINES);
  } catch (error) {
    return { problem: why(error) };
  }
}

/** The API server answered the lists: what gives no answer now is behind it. */
function why(error: unknown): string {
  if (!(error instanceof ClusterError)) throw error;
  return error.status === undefined ? `no answer within ${TIMEOUT_MS / 1_000} s` : error.message;
}

/** @param scheme prefix of the name by which the API server connects to a port */
function podPath({ metadata: { namespace, name } }: Pod, scheme = ''): string {
  return `${pathOf(kinds.pod, namespace)}/${scheme}${encodeURIComponent(name)}`;
}

/** That of the monitoring port, which is as the pod has it and not as the spec has it by now. */
function schemeOf({ spec }: Pod): string {
  const server = spec.containers.find(({ name }) => name === NATS_CONTAINER);
  return server?.readinessProbe?.httpGet?.scheme === 'HTTPS' ? 'https:' : '';
}
