import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';

/** Path of Chromium: `CHROMIUM`, or the one of the machine; `undefined` where there is none. */
export async function chromium(): Promise<string | undefined> {
  const { CHROMIUM } = process.env;
  if (CHROMIUM) return CHROMIUM;
  const found = await promisify(execFile)('sh', ['-c', 'command -v chromium || command -v google-chrome']).catch(
    () => undefined,
  );
  return found?.stdout.trim() || undefined;
}

/** A Chromium of its own, without a window. */
export interface Chromium {
  /** Descriptors 3 and 4, where `--remote-debugging-pipe` is among the arguments. */
  pipe: { to: Writable; from: Readable };
  close: () => Promise<void>;
}

/** Starts Chromium with an empty profile. */
export async function startChromium(browser: string, args: string[]): Promise<Chromium> {
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
  const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] as const;
  const running = spawn(browser, [...flags, `--user-data-dir=${profile}`, ...args], {
    stdio: [...stdio],
    detached: true,
  });
  const [, , , to, from] = running.stdio;
  return {
    pipe: { to: to as Writable, from: from as Readable },
    close: async () => {
      await endGroup(running);
      await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

/** Chromium has children of its own. */
async function endGroup(running: ChildProcess): Promise<void> {
  if (running.exitCode !== null || running.pid === undefined) return;
  const exited = once(running, 'exit');
  process.kill(-running.pid, 'SIGKILL');
  await exited;
}
