import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { commandsOf } from '../../src/cli/options.ts';
import { createProgram } from '../../src/cli/program.ts';
import { anchors, pages, referencePages, yamlBlocks } from '../support/pages.ts';

it.each(yamlBlocks)('$page, $heading, has valid YAML', ({ text }) => {
  for (const document of parseAllDocuments(text, { strict: true })) expect(document.errors).toEqual([]);
});

it.each([...pages, ...referencePages])('the links of %s lead to files and sections that exist', (page) => {
  const text = readFileSync(page, 'utf8');
  for (const [, link = ''] of text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
    const [path = '', section] = link.split('#');
    const file = path === '' ? page : join(dirname(page), path);
    expect(existsSync(file), link).toBe(true);
    if (section) expect(anchors(readFileSync(file, 'utf8')), link).toContain(section);
  }
});

const lines = [...pages, 'docs/reference/command-line.md'].flatMap((page) =>
  [...readFileSync(page, 'utf8').matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    [...block.matchAll(/^(?:meshery-operator|kubectl meshery) ([^[<\n]*)$/gm)].map(
      ([, line = '']) => [page, line] as const,
    ),
  ),
);

describe('the command lines of the documentation', () => {
  it('exist', () => {
    expect(lines.length).toBeGreaterThan(20);
  });

  it.each(lines)('of %s are understood: %s', async (_page, line) => {
    const [command = ''] = line.split(/\s[#|<>&]/);
    const program = createProgram();
    for (const each of commandsOf(program)) each.action(() => undefined);
    await program.parseAsync(command.trim().split(/\s+/), { from: 'user' });
  });
});
