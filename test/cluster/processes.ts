import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';

/** A program that a test started. */
export interface RunningProcess {
  name: string;
  pid: number;
  /** The file of its output. */
  log: string;
  running: () => boolean;
  /** Signals it and waits for its end; SIGKILL after ten seconds. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/**
 * Path of a program that the tests do not build: the value of an environment variable, else the program on PATH, else
 * `undefined`.
 * @throws an Error when the variable names no file
 */
export function givenProgram(variable: string, name: string): string | undefined {
  const given = process.env[variable];
  if (given && !existsSync(given)) throw new Error(`${variable} names ${given}, which does not exist`);
  const folders = (process.env.PATH ?? '').split(delimiter);
  return given || folders.map((folder) => join(folder, name)).find(existsSync);
}

/** Path of a real MeshSync: `MESHSYNC`, else `meshery-meshsync` on PATH, else `undefined`. */
export function meshSyncBinary(): string | undefined {
  return givenProgram('MESHSYNC', 'meshery-meshsync');
}

const started = new Set<ChildProcess>();

// The child processes never outlive this process.
process.on('exit', killAll);
// A process that is ended by a signal has no `exit` event: vitest ends its workers, and a shell its jobs, in this way.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.once(signal, () => {
    if (process.listenerCount(signal) > 0) return; // other listeners stop in their own way, and exit
    killAll();
    process.kill(process.pid, signal);
  });
}

function killAll(): void {
  for (const child of started) child.kill('SIGKILL');
}

/** Names of the programs that were started here and have not ended. */
export function stillRunning(): string[] {
  return [...started].map(({ pid, spawnargs }) => `${pid} ${spawnargs.join(' ')}`);
}

/** Starts a program whose output goes to `<directory>/<name>.log`. */
export function startProcess(
  name: string,
  command: string,
  args: string[],
  directory: string,
  environment: Record<string, string | undefined> = process.env,
): RunningProcess {
  const log = join(directory, `${name}.log`);
  const output = createWriteStream(log, { flags: 'a' });
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  started.add(child);
  child.once('exit', () => started.delete(child));
  const running = () => child.exitCode === null && child.signalCode === null;
  return {
    name,
    pid: child.pid ?? 0,
    log,
    running,
    stop: async (signal = 'SIGTERM') => {
      if (!running()) return;
      const exited = once(child, 'exit');
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Waits until a check returns a value; fails with the last lines of the log when the process ends or at the timeout. */
export async function until<Value>(
  what: string,
  check: () => Promise<Value | undefined | false>,
  seconds: number,
  process?: RunningProcess,
): Promise<Value> {
  let last: unknown;
  for (const end = Date.now() + seconds * 1_000; Date.now() < end; ) {
    if (process && !process.running()) throw new Error(`${process.name} ended: ${await tail(process.log)}`);
    try {
      const value = await check();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const reason = last instanceof Error ? `: ${last.message}` : '';
  throw new Error(`${what}: not within ${seconds} s${reason}${process ? `\n${await tail(process.log)}` : ''}`);
}

/** A free port of loopback. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

async function tail(log: string): Promise<string> {
  return (await readFile(log, 'utf8').catch(() => '')).trim().split('\n').slice(-8).join('\n');
}
