import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';

/** The machine of the measurements, in one line. */
export function machine(): string {
  const [{ model = 'unknown' } = {}] = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  const version = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' }).trim();
  return [
    `${availableParallelism()} cores of ${model}, ${memory} GiB`,
    `Linux ${version('uname', '-r')}`,
    `Node ${process.version}`,
    version('go', 'version').replace(/^go version go(\S+).*/, 'Go $1'),
  ].join('; ');
}

/** Whether a process can be bound to a core here, so that servers and the load generator use different cores. */
const canPin = succeeds('taskset', '-c', '1', 'true');

/**
 * Keeps the core of the load generator awake, with the lowest priority, where that is possible. An idle virtual core is
 * halted soon, and a server that responds after that takes 20 µs to wake it: more than the difference between two servers.
 * @returns stops it; it also ends with this process
 */
export function keepAwake(): () => void {
  if (!canPin || !succeeds('chrt', '--idle', '0', 'true')) return () => {};
  const [command, args] = pinned(1, 'chrt', ['--idle', '0', 'sh', '-c', `while kill -0 ${process.pid}; do :; done`]);
  const child = spawn(command, args, { stdio: 'ignore' });
  return () => child.kill('SIGKILL');
}

function succeeds(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A command that runs on one core, where that is possible. */
export function pinned(core: number, command: string, args: string[]): [command: string, args: string[]] {
  return canPin ? ['taskset', ['-c', `${core}`, command, ...args]] : [command, args];
}

/** Resident memory of a process, in MiB. */
export function residentMemory(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

/** Seconds of CPU that a process has used. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100; // ticks of a hundredth of a second, as on every current Linux
}
