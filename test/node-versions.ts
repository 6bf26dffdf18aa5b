import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { imageRelease, nodeProgram, oldestRelease } from './support/node.ts';
import { CACHE } from './tools.ts';

/**
 * `npm run test:versions`: the tests of `npm test`, but those of the site, which no release runs, in the oldest Node that
 * package.json promises, then in the Node of the image. Processes that the tests start run in the same. Prints a line with the
 * results of each, and ends at the first that fails, with the exit code of vitest, whose arguments can follow.
 */
for (const release of [await oldestRelease(), await imageRelease()]) {
  const program = await nodeProgram(release);
  const version = execFileSync(program, ['--version'], { encoding: 'utf8' }).trim();
  process.stdout.write(`Node ${version}: ${program}\n`);
  const results = join(CACHE, `results-${release}.json`);
  const reporters = ['--reporter=minimal', '--reporter=json', `--outputFile.json=${results}`];
  const { status } = spawnSync(
    program,
    ['node_modules/vitest/vitest.mjs', 'run', '--exclude=test/site/**', ...reporters, ...process.argv.slice(2)],
    {
      stdio: 'inherit',
      // What the random searches find does not depend on the version.
      env: { ...process.env, FAST_CHECK_RUNS: '60', PATH: [dirname(program), process.env.PATH].join(delimiter) },
    },
  );
  if (status !== 0) process.exit(status ?? 1);
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(results, 'utf8'));
  process.stdout.write(`${version}: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped\n`);
}
