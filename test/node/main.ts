import { spawnSync } from 'node:child_process';
import { buildPrograms } from './cluster.ts';
import { environmentOf, images } from './images.ts';
import { inSandbox, missing } from './sandbox.ts';

/** `npm run test:node`: builds the images, then runs the tests in a sandbox; the arguments are those of vitest. */
const reason = await missing();
if (reason) {
  process.stderr.write(`WARNING: the tests on a real node are skipped: ${reason}\n`);
} else {
  const log = (line: string) => process.stderr.write(`${line}\n`);
  await buildPrograms();
  const archives = await images(log);
  for (const { name, layers } of archives) {
    const sizes = layers.map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`);
    log(`${name}: ${sizes.length} ${sizes.length === 1 ? 'layer' : 'layers'}, ${sizes.join(' + ')}`);
  }
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/node/vitest.config.ts'];
  const { status } = spawnSync(process.execPath, [...vitest, 'sandbox.test.ts'], { stdio: 'inherit' });
  const command = [process.execPath, ...vitest, 'node.test.ts', ...process.argv.slice(2)];
  process.exitCode = status === 0 ? await inSandbox(command, environmentOf(archives)) : (status ?? 1);
}
