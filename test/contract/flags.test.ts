import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { APPLY_STRATEGY, LEAST_METACONTROLLER, SPEED_FLAGS } from '../../src/metacontroller/flags.ts';

const read = (file: string) => readFileSync(`metacontroller/install/${file}`, 'utf8');
const all = [APPLY_STRATEGY, ...SPEED_FLAGS];
const flags = all.map(({ name, value }) => `--${name}=${value}`);

it.each([
  ['values.yaml', parse(read('values.yaml')).commandArgs],
  ['patch.yaml', parse(read('patch.yaml')).spec.template.spec.containers[0].args],
])('the flags that doctor recommends are those of %s', (_file, args) => {
  expect(args).toEqual(expect.arrayContaining(flags));
});

it('the page names the same flags, with their defaults, and the least version', () => {
  const page = read('README.md');
  const rows = [...page.matchAll(/^\| `--(\S+)` \| (\S+) \| (\S+) \|/gm)].map(([, ...cells]) => cells);
  expect(rows.sort()).toEqual(all.map(({ name, value, byDefault }) => [name, value, byDefault]).sort());
  expect(page).toContain(`Version ${LEAST_METACONTROLLER} or later.`);
});
