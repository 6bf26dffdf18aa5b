import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { build } from 'esbuild';

/** A page that Chromium shows. */
export interface Page {
  /** What its script has reported so far. */
  reports: string[];
  close: () => Promise<void>;
}

/** Path of Chromium: `CHROMIUM`, or the one of the machine; `undefined` where there is none. */
export async function chromium(): Promise<string | undefined> {
  const { CHROMIUM } = process.env;
  if (CHROMIUM) return CHROMIUM;
  const found = await promisify(execFile)('sh', ['-c', 'command -v chromium']).catch(() => undefined);
  return found?.stdout.trim() || undefined;
}

/**
 * Shows a page with a script in Chromium. The script is a module that may import packages, and calls `report(text)`.
 * @param port where the page is served, which is part of its origin; by default a free one
 */
export async function open(browser: string, script: string, port = 0): Promise<Page> {
  const report = `const report = (text) => fetch('/report', { method: 'POST', body: String(text) });\n`;
  const bundle = await build({
    stdin: { contents: `${report}${script}`, resolveDir: process.cwd() },
    ...{ bundle: true, format: 'esm', write: false, platform: 'browser' },
  });
  const reports: string[] = [];
  const server = createServer(async (request, response) => {
    if (request.url === '/report') reports.push(await text(request));
    const isScript = request.url === '/script.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? bundle.outputFiles[0]?.text : '<script type="module" src="/script.js"></script>');
  });
  const origin = `http://127.0.0.1:${await listening(server, port)}`;
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
  const args = [...flags, '--ignore-certificate-errors', `--user-data-dir=${profile}`, `${origin}/`];
  const running = spawn(browser, args, { stdio: 'ignore', detached: true });
  return {
    reports,
    close: async () => {
      await endGroup(running);
      server.closeAllConnections();
      server.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

async function listening(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Chromium has children of its own. */
async function endGroup(running: ChildProcess): Promise<void> {
  if (running.exitCode !== null || running.pid === undefined) return;
  const exited = once(running, 'exit');
  process.kill(-running.pid, 'SIGKILL');
  await exited;
}
