import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Servers, servers } from '../support/listening.ts';

const run = promisify(execFile);

const VERSION = '4.32.5';
const ENVIRONMENT = resolve(`node_modules/.cache/meshery-operator/schemathesis-${VERSION}`);
const SECONDS = Number(process.env.SOAK_SECONDS ?? 60);

let all: Servers;
beforeAll(async () => {
  all = await servers();
  if (existsSync(`${ENVIRONMENT}/bin/schemathesis`)) return;
  await run('python3', ['-m', 'venv', ENVIRONMENT]);
  await run(`${ENVIRONMENT}/bin/pip`, ['install', '--quiet', `schemathesis==${VERSION}`]);
});
afterAll(() => all.stop());

it('schemathesis finds no response that is missing in the OpenAPI document', async () => {
  const server = await all.listen();
  const { stdout } = await run(
    `${ENVIRONMENT}/bin/schemathesis`,
    [
      'run',
      resolve('docs/api/openapi.json'),
      '--url',
      server.url,
      '--max-time',
      `${SECONDS}`,
      '--no-color',
      '--continue-on-failure',
    ],
    { maxBuffer: 1e8, cwd: ENVIRONMENT },
  ).catch((error: { stdout?: string }) => {
    throw new Error(error.stdout?.slice(-4_000) ?? String(error));
  });
  process.stdout.write(stdout.slice(stdout.indexOf('= SUMMARY')));
  expect(stdout).toContain('No issues found');
  server.child.kill('SIGTERM');
  const { stdout: log } = await server.finished;
  expect(log.split('\n').filter((line) => line.includes('"level":50'))).toEqual([]);
});
