import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { image } from '../test/support/image.ts';
import { pinned } from './machine.ts';
import type { Payload } from './payloads.ts';

const CACHE = resolve('node_modules/.cache/meshery-operator/bench');

/** A server as a process that listens on loopback. */
export interface BenchServer {
  name: Contestant;
  url: string;
  pid: number;
  stop: () => Promise<void>;
}

export type Contestant = 'operator' | 'node' | 'go';

/** Starts a contestant on the first core. The baselines get the response that they write. */
export async function startServer(name: Contestant, response = ''): Promise<BenchServer> {
  mkdirSync(CACHE, { recursive: true });
  const file = join(CACHE, 'response.json');
  writeFileSync(file, response);
  const [command, args] = pinned(0, ...program(name));
  const env = {
    PATH: process.env.PATH,
    ...image.environment,
    RESPONSE: file,
    HOST: '127.0.0.1',
    PORT: '0',
    MONITORING_PORT: '0',
  };
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await listening(child);
  return {
    name,
    url,
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

function program(name: Contestant): [command: string, args: string[]] {
  if (name === 'operator') return [process.execPath, [...image.flags, 'dist/server.js']];
  if (name === 'node') return [process.execPath, [...image.flags, 'bench/contestants/node.mjs']];
  const binary = join(CACHE, 'go');
  execFileSync('go', ['build', '-o', binary, '.'], { cwd: resolve('bench/contestants/go') });
  return [binary, []];
}

/** Waits for the line with the URL of the hooks. */
async function listening(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += chunk;
    const [, url] = /listening on (http:\/\/[\d.:]+)/.exec(text) ?? [];
    if (url) {
      child.stdout?.resume();
      return url;
    }
  }
  throw new Error(`a server ended: ${text}`);
}

/** The response of the operator to a request. */
export async function responseTo({ url }: BenchServer, { path, body }: Payload): Promise<string> {
  const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  if (response.status !== 200) throw new Error(`${path} responded with ${response.status}`);
  return response.text();
}
