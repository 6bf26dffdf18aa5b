import { join } from 'node:path';
import { reportBuilds } from '../tools.ts';
import { buildPrograms } from './cluster.ts';
import { forward } from './forward.ts';
import { environmentOf, images } from './images.ts';
import { progress } from './progress.ts';
import { inSandbox, missing, sandboxOf } from './sandbox.ts';

/**
 * `npm run playground`: a real node with the operator and the samples, which runs until it is interrupted. With
 * `--simulated`, or where no real node can run, nodes and pods are simulated.
 */
const simulated = process.argv.includes('--simulated');
const reason = simulated ? undefined : await missing();
if (reason) process.stderr.write(`pods are simulated, since no real node can run here: ${reason}\n`);
if (simulated || reason) {
  await import('../cluster/playground.ts');
} else {
  // Two steps here, the others in the sandbox.
  const steps = 9;
  const building = progress(steps);
  reportBuilds(building.detail);
  building.step('programs');
  await buildPrograms();
  building.step('images');
  const archives = await images(building.detail);

  const directory = sandboxOf(process.pid);
  const api = await forward({ host: '127.0.0.1', port: 0 }, { path: join(directory, 'api.sock') });
  const inside = ['test/node/playground-inside.ts', `${steps}`, `${api}`];
  process.exit(await inSandbox([process.execPath, '--import', 'tsx', ...inside], environmentOf(archives)));
}
