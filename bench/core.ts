import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { pinned } from './machine.ts';
import { printed, type Spread, table } from './statistics.ts';

/** What `contestants/core.ts` prints for a payload. */
export interface CoreResult {
  payload: string;
  /** Microseconds of a sync function alone. */
  sync: Spread;
  /** Microseconds of `JSON.parse` of the same request, to compare with. */
  parse: Spread;
  /** Bytes that a sync allocates. */
  allocated: number;
}

/** The sync functions alone, bundled as the server is, in a process of their own. */
export async function benchCore({ rounds = 21 } = {}): Promise<CoreResult[]> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    const outfile = join(directory, 'core.mjs');
    await build({
      ...{ entryPoints: ['bench/contestants/core.ts'], outfile, bundle: true, minify: true, platform: 'node' },
      ...{ format: 'esm', target: 'node20.19', mainFields: ['module', 'main'], logLevel: 'error' },
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    });
    const [command, args] = pinned(0, process.execPath, [
      ...['--expose-gc', '--max-semi-space-size=64', outfile, `${rounds}`],
    ]);
    const { stdout } = await promisify(execFile)(command, args);
    return JSON.parse(stdout);
  } finally {
    await rm(directory, { recursive: true });
  }
}

export function printCore(results: CoreResult[]): string {
  return table(
    ['payload', 'sync function, µs', 'JSON.parse of the request, µs', 'allocated by a sync, KiB'],
    results.map(({ payload, sync, parse, allocated }) => [
      ...[payload, printed(sync), printed(parse), (allocated / 1024).toFixed(0)],
    ]),
  );
}
