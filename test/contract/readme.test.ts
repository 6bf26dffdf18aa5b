import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readmePage } from '../../generate/readme.ts';

const read = (file: string) => readFileSync(file, 'utf8');

/** The files that the links of a page lead to. */
const linked = (page: string) =>
  [...read(page).matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, path = '']) => join(dirname(page), path));

describe('the README', () => {
  it('has no more lines than one reads at a stretch', () => {
    expect(read('README.md').split('\n').length).toBeLessThanOrEqual(121);
  });

  it('leads to every page, or to one that does', () => {
    const near = linked('README.md');
    const known = new Set([...near, ...near.filter((page) => page.endsWith('.md')).flatMap(linked)]);
    const pages = readdirSync('docs', { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md') && !file.startsWith('.'))
      .map((file) => join('docs', file));
    expect(pages.length).toBeGreaterThan(15);
    // The first page of the site is what the README is here.
    expect(pages.filter((page) => !known.has(page) && page !== 'docs/index.md')).toEqual([]);
  });

  it('can not have a figure that nobody has measured', () => {
    const measured = read('docs/measured.md').replace(/^\| 3 servers: a node is drained .*\n/m, '');
    expect(() => readmePage(read('README.md'), measured)).toThrow('no row "3 servers: a node is drained"');
  });
});
