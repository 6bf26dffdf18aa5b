import { expect, it } from 'vitest';
import { processes } from './processes.ts';
import type { Scene } from './scene.ts';

/** How the command line of each program begins. */
const programs: Record<string, RegExp> = {
  'operator, each of 2 pods': /^\/nodejs\/bin\/node /,
  Metacontroller: /^\/usr\/bin\/metacontroller /,
  'NATS server': /^\/usr\/local\/bin\/nats-server /,
  reloader: /^\/usr\/local\/bin\/nats-server-config-reloader /,
  MeshSync: /^(\/usr\/bin\/node )?\.\/meshery-meshsync/,
};

/** What the pods of a pair and those that manage it need, while nothing happens. */
export function usage({ measured }: Scene, when: string): void {
  it(`uses memory and CPU ${when}`, async () => {
    const before = new Map((await processes()).map(({ pid, ticks }) => [pid, ticks]));
    const seconds = 20;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    const after = await processes();
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    for (const [name, pattern] of Object.entries(programs)) {
      const found = after.filter(({ pid, pod, command }) => pod && pattern.test(command) && before.has(pid));
      if (name === 'Metacontroller' && found.length === 0) continue; // the test double is no pod
      expect(found.length, name).toBeGreaterThan(0);
      const kibibytes = found.map(({ status }) => Number.parseInt(status.VmRSS ?? '0', 10));
      const ticks = found.map((process) => process.ticks - (before.get(process.pid) ?? 0));
      measured('memory', `${name}, ${when}`, mean(kibibytes) / 1024);
      measured('cpu', `${name}, ${when}`, (mean(ticks) / 100 / seconds) * 1_000);
    }
  });
}
