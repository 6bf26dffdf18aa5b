import { readdir, readFile } from 'node:fs/promises';

/** A process of the sandbox. */
export interface Process {
  pid: string;
  /** Its command line. */
  command: string;
  /** The fields of its status, such as `Uid`, by name. */
  status: Record<string, string>;
  /** CPU time in clock ticks, of which Linux has 100 in a second. */
  ticks: number;
  /** Uid of its pod. */
  pod: string | undefined;
  /** Options of the mount of its root filesystem. */
  root: string[];
}

/** The processes of the sandbox, those of pods included. */
export async function processes(): Promise<Process[]> {
  const found: Process[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    try {
      const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8');
      const fields = (await read('stat')).split(') ')[1]?.split(' ') ?? [];
      const [, , , , , options = ''] =
        (await read('mountinfo'))
          .split('\n')
          .map((line) => line.split(' '))
          .find(([, , , , at]) => at === '/') ?? [];
      found.push({
        pid,
        command: (await read('cmdline')).replaceAll('\0', ' ').trim(),
        status: Object.fromEntries(
          (await read('status')).split('\n').map((line) => line.split(/:\s+/) as [string, string]),
        ),
        ticks: Number(fields[11]) + Number(fields[12]),
        pod: /\/pod([0-9a-f-]{36})\//.exec(await read('cgroup'))?.[1],
        root: options.split(','),
      });
    } catch {
      // It has ended.
    }
  }
  return found;
}
