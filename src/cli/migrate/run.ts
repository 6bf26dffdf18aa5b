import { setTimeout } from 'node:timers/promises';
import type { Connection } from '../cluster/connection.ts';
import { ClusterError } from '../errors.ts';
import { carryOut } from './change.ts';
import type { Facts } from './facts.ts';
import { gather, type Scope } from './gather.ts';
import { isDone, type Step } from './step.ts';

/** How steps are done. */
export interface RunOptions {
  scope: Scope;
  /** The steps, by what is found in the cluster. */
  steps: (facts: Facts) => Step[];
  /** Prints a line of what happens. */
  progress: (line: string) => void;
  /** How long a step may wait. */
  timeoutMs: number;
  /** Called after each step that was not done before; what it throws ends the run. */
  afterStep?: (name: string) => void | Promise<void>;
}

/** Looks at a step so often before it is given up; each time something else had changed the same objects. */
const MAX_ROUNDS = 30;
const POLL_MS = 1_000;

/**
 * Does steps until all are done. Before each, and after each, it looks at the cluster: so it does not matter where an earlier
 * run ended, nor what others have done meanwhile.
 * @throws ClusterError when a step waits for too long, or does not stay done
 */
export async function run(impatient: Connection, options: RunOptions): Promise<void> {
  const connection = patient(impatient);
  const next = async () => options.steps(await gather(connection, options.scope)).find((step) => !isDone(step));
  for (let step = await next(); step; ) {
    options.progress(step.title);
    const { name } = step;
    step = await finish(connection, step, next, options);
    await options.afterStep?.(name);
  }
}

/** Does one step, and returns the one after it. */
async function finish(
  connection: Connection,
  step: Step,
  next: () => Promise<Step | undefined>,
  { progress, timeoutMs }: RunOptions,
): Promise<Step | undefined> {
  const end = Date.now() + timeoutMs;
  let rounds = 0;
  let said: string | undefined;
  let current: Step | undefined = step;
  while (current?.name === step.name) {
    const { changes, waitsFor, title } = current;
    for (const change of changes) {
      progress(`  ${change.does}`);
      await carryOut(connection, change);
    }
    if (changes.length > 0) {
      rounds += 1;
      if (rounds > MAX_ROUNDS) throw new ClusterError(`${title}: something else undoes it`);
    } else {
      if (waitsFor !== said) progress(`  waiting for ${waitsFor}`);
      said = waitsFor;
      if (Date.now() > end) throw new ClusterError(`gave up waiting for ${waitsFor}. Run it again to go on from here`);
      await setTimeout(POLL_MS);
    }
    current = await next();
  }
  return current;
}

/** How long the API server may ask for patience: it does so for a moment after a CustomResourceDefinition was changed. */
const PATIENCE_MS = 30_000;

/** A connection that asks again when the API server says to try later. */
function patient(connection: Connection): Connection {
  const patiently =
    <Args extends unknown[], Answer>(ask: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      for (const end = Date.now() + PATIENCE_MS; ; await setTimeout(500)) {
        try {
          return await ask(...args);
        } catch (error) {
          if (!(error instanceof ClusterError) || error.status !== 429 || Date.now() > end) throw error;
        }
      }
    };
  const { list, get, create, patch, remove } = connection;
  return {
    ...connection,
    ...{ list: patiently(list), get: patiently(get) },
    ...{ create: patiently(create), patch: patiently(patch), remove: patiently(remove) },
  };
}
