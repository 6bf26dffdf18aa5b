import { Command } from 'commander';
import { afterEach, expect, it, vi } from 'vitest';
import { withClusterOptions } from '../../../src/cli/options.ts';

afterEach(() => vi.unstubAllEnvs());

it('prints without colours by --no-color, also where the environment forces them', async () => {
  vi.stubEnv('FORCE_COLOR', '1');
  vi.stubEnv('NO_COLOR', undefined);
  const parse = (...args: string[]) =>
    withClusterOptions(new Command())
      .action(() => {})
      .parseAsync(args, { from: 'user' });
  await parse();
  expect([process.env.FORCE_COLOR, process.env.NO_COLOR]).toEqual(['1', undefined]);
  await parse('--no-color');
  expect([process.env.FORCE_COLOR, process.env.NO_COLOR]).toEqual([undefined, '1']);
});
