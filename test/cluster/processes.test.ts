import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from './processes.ts';

/** Like the operator: a program that does not end by itself when nobody reads its output any more. */
const lasting = `process.stdout.on('error', () => {}); setInterval(() => {}, 1_000);`;

it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('child processes end with their parent on %s', async (signal) => {
  const directory = await mkdtemp(join(tmpdir(), 'meshery-processes-'));
  const starter = `
    import { startProcess } from './test/cluster/processes.ts';
    const { pid } = startProcess('lasting', process.execPath, ['-e', ${JSON.stringify(lasting)}], ${JSON.stringify(directory)});
    console.log(pid);
    setInterval(() => {}, 1_000);
  `;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', starter], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let pid: number | undefined;
  try {
    const [output] = await once(child.stdout, 'data');
    pid = Number(output);
    expect(alive(pid)).toBe(true);
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([null, signal]);
    await until('the end of what was started', async () => !alive(Number(pid)), 5);
  } finally {
    child.kill('SIGKILL');
    if (pid && alive(pid)) process.kill(pid, 'SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
