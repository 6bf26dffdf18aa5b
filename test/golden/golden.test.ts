import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { render } from '../../src/cli/render.ts';
import { readResources } from '../../src/cli/resources.ts';

const FOLDER = 'test/golden';

const cases = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

async function rendered(name: string): Promise<string> {
  const { resources } = await readResources([join(FOLDER, name, 'input.yaml')]);
  const { yaml, notes } = render(resources, {
    mint: false,
    namespace: 'default',
    now: () => new Date('2026-01-01T00:00:00Z'),
  });
  expect(notes).toEqual([]);
  return yaml;
}

describe('golden manifests', () => {
  it('are there for every case', () => {
    expect(cases).toEqual([
      'default',
      'loadbalancer-full',
      'meshsync-cross-namespace',
      'meshsync-custom-url',
      'meshsync-custom-url-with-credentials',
      'meshsync-native',
      'meshsync-old-version',
      'nodeport',
      'size-3',
      'two-brokers',
      'version-with-v',
    ]);
  });

  it.each(cases)('%s is rendered as expected', async (name) => {
    const file = join(FOLDER, name, 'expected.yaml');
    const yaml = await rendered(name);
    if (process.env.UPDATE_GOLDEN) writeFileSync(file, yaml);
    if (!existsSync(file)) throw new Error(`${file} is missing: UPDATE_GOLDEN=1 writes it`);
    expect(yaml).toBe(await readFile(file, 'utf8'));
  });
});
