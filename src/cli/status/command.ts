import { setTimeout as sleep } from 'node:timers/promises';
import yoctoSpinner from 'yocto-spinner';
import type { Connection } from '../cluster/connection.ts';
import type { Resource } from '../cluster/objects.ts';
import { listResources, type Scope } from '../cluster/resources.ts';
import { duration } from '../duration.ts';
import { ClusterError, EXIT, UsageError } from '../errors.ts';
import { printable, withPrintableTexts } from '../foreign-text.ts';
import { controllerOf, liveArgument } from '../live/argument.ts';
import type { ClusterCommandOptions, Output } from '../options.ts';
import type { Terminal } from '../terminal.ts';
import { printYaml } from '../yaml.ts';
import { judgeConditions } from './conditions.ts';
import { gatherDetails, MAX_DETAILED } from './details.ts';
import { gather } from './gather.ts';
import { judge } from './judge.ts';
import type { Status } from './model.ts';
import { printStatus } from './print.ts';

/** The options of `status`. */
export interface StatusOptions extends ClusterCommandOptions {
  allNamespaces: boolean;
  watch: boolean;
  wait: boolean;
  /** How long `watch` and `wait` go on. Default: `DEFAULT_TIMEOUT`. */
  timeout?: string;
}

/** How long is waited unless an option says so, as kubectl writes it. */
export const DEFAULT_TIMEOUT = '5m';

/** Pause between two looks. */
const INTERVAL_MS = 1_000;

/**
 * Shows Brokers and MeshSyncs and what belongs to them.
 * @param what kind and name of a resource, also as `broker/NAME` in one; all where they are `undefined`
 * @returns the exit code: 0 when there are resources and all are Ready
 * @throws UsageError, and ClusterError when the resources can't be listed
 */
export async function status(
  connection: Connection,
  what: { kind: string | undefined; name: string | undefined },
  options: StatusOptions,
  terminal: Terminal,
): Promise<number> {
  const scope = scopeOf(connection, what, options);
  const { watch, wait, timeout = DEFAULT_TIMEOUT } = options;
  if (watch && wait) throw new UsageError('--watch and --wait exclude each other');
  if (options.timeout && !watch && !wait) throw new UsageError('--timeout is for --watch and --wait');
  const limit: Limit = { timeout, end: Date.now() + duration(timeout) };
  if (watch) return (await watchUntilReady(connection, scope, { ...options, limit }, terminal)) ? 0 : EXIT.refused;
  if (wait) await waitUntilReady(connection, scope, limit, terminal);
  const found = await look(connection, scope);
  if (options.output === 'text' && found.resources.length === 0) terminal.progress(nothing(scope));
  else terminal.write(printed(found, options.output, terminal));
  return found.ready ? 0 : EXIT.refused;
}

/** Until when is looked again. */
interface Limit {
  /** As it was given. */
  timeout: string;
  /** In milliseconds since 1970. */
  end: number;
}

function scopeOf(
  connection: Connection,
  given: { kind: string | undefined; name: string | undefined },
  { allNamespaces }: StatusOptions,
): Scope {
  const all: Resource['kind'][] = ['Broker', 'MeshSync'];
  const { kind = '' } = given;
  const both = given.name === undefined ? liveArgument(kind, () => false) : undefined;
  const found = (both?.controller ?? controllerOf(kind))?.kind;
  const name = both?.name ?? given.name;
  if (kind && !found) throw new UsageError(`${kind} is neither broker nor meshsync`);
  if (name && allNamespaces) throw new UsageError('a resource that is named is in one namespace: use -n, not -A');
  return {
    kinds: all.filter((each) => !found || each === found),
    ...(!allNamespaces && { namespace: connection.namespace }),
    ...(name && { name }),
  };
}

async function look(connection: Connection, scope: Scope): Promise<Status> {
  const snapshot = await gather(connection, scope);
  // Whoever may write an Event or a status writes none to the terminal.
  const judged = withPrintableTexts(judge(snapshot, await gatherDetails(connection, snapshot)));
  if (snapshot.resources.length <= MAX_DETAILED) return judged;
  const note = `logs, and what servers say of themselves, but for the first ${MAX_DETAILED} resources that are not Ready`;
  return { ...judged, notes: [note, ...judged.notes] };
}

function printed(status: Status, output: Output, { paint }: Terminal): string {
  if (output === 'json') return `${JSON.stringify(status, undefined, 2)}\n`;
  return output === 'yaml' ? printYaml(status) : printStatus(status, new Date(), paint);
}

function nothing({ kinds, namespace, name }: Scope): string {
  const what = kinds.map((kind) => (name ? `${kind} ${name}` : kind)).join(' and no ');
  const where = namespace ? `in namespace ${namespace}; -n names another, -A looks into all` : 'in the cluster';
  return `there is no ${what} ${where}`;
}

/**
 * Shows the state again and again, until all is Ready or the time is over.
 * @returns whether all is
 */
async function watchUntilReady(
  connection: Connection,
  scope: Scope,
  { output, limit }: Pick<StatusOptions, 'output'> & { limit: Limit },
  terminal: Terminal,
): Promise<boolean> {
  let last = '';
  for await (const found of again(() => look(connection, scope), limit, terminal)) {
    const isEmpty = output === 'text' && found.resources.length === 0;
    const text = isEmpty ? `${nothing(scope)}\n` : printed(found, output, terminal);
    // Where nothing is redrawn, what has not changed is not printed again.
    const state = JSON.stringify(found);
    if (terminal.isRedrawn) terminal.write(`${CLEAR}${text}`);
    else if (state !== last) terminal.write(last === '' ? text : `${output === 'yaml' ? '---' : ''}\n${text}`);
    last = state;
    if (found.ready) return true;
  }
  return false;
}

/** Moves to the first line, and clears all. */
const CLEAR = '\u001b[H\u001b[2J\u001b[3J';

/** Waits until all resources are Ready, one is stalled, or the time is over. */
async function waitUntilReady(connection: Connection, scope: Scope, limit: Limit, terminal: Terminal): Promise<void> {
  const spinner = terminal.isWatched ? yoctoSpinner({ text: 'waiting' }).start() : undefined;
  try {
    for await (const resources of again(() => listResources(connection, scope), limit, terminal)) {
      const judged = resources.map((resource) => ({ resource, ...judgeConditions(resource) }));
      if (judged.some(({ stalled }) => stalled)) return;
      if (judged.length > 0 && judged.every(({ ready }) => ready)) return;
      const [waiting] = judged.filter(({ ready }) => !ready);
      if (spinner) {
        spinner.text = waiting
          ? `waiting for ${waiting.resource.kind} ${waiting.resource.metadata.name}: ${printable(waiting.summary.reason)}`
          : `waiting: ${nothing(scope)}`;
      }
    }
  } finally {
    spinner?.stop();
  }
}

/**
 * Asks again and again until the time is over, and says so then. After the first answer, a missing one is no end: an API server
 * that restarts is away for some seconds.
 */
async function* again<Value>(ask: () => Promise<Value>, { timeout, end }: Limit, terminal: Terminal) {
  let isAway = false;
  for (let isFirst = true; Date.now() < end; isFirst = false) {
    try {
      yield await ask();
      isAway = false;
    } catch (error) {
      if (isFirst || !(error instanceof ClusterError) || !isPassing(error)) throw error;
      if (!isAway) terminal.progress(error.message);
      isAway = true;
    }
    await sleep(Math.min(INTERVAL_MS, Math.max(0, end - Date.now())));
  }
  terminal.progress(`not all is Ready within ${timeout}`);
}

/** Whether there was no answer, or the API server is starting or has too much to do. */
function isPassing({ status }: ClusterError): boolean {
  return status === undefined || status === 429 || status >= 500;
}
