import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import biome from '../../biome.json' with { type: 'json' };
import packageJson from '../../package.json' with { type: 'json' };
import { pages } from '../support/pages.ts';

const read = (page: string) => readFileSync(page, 'utf8');
const architecture = read('docs/architecture.md');

describe('the layers of the architecture', () => {
  const [layers = ''] = /^cli, server → .*$/m.exec(architecture) ?? [];
  const folders = layers.split(/, | → /);

  it('are those that the linter enforces', () => {
    expect(folders).toHaveLength(8);
    expect(JSON.stringify(biome)).toContain(`Imports point down only: ${layers}.`);
  });

  it('are all folders of src', () => {
    const found = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(found.map(({ name }) => name)).toEqual([...folders].sort());
  });

  it('have a row in the table of what they know', () => {
    for (const folder of folders) expect(architecture).toMatch(new RegExp(`^\\|.*\`src/${folder}\`.*\\|`, 'm'));
  });

  /** What a sync may only get from its context. */
  const IMPURE =
    /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\brandom(?:Bytes|UUID|Int)\b|\bprocess\.(?:env|hrtime)\b|\bperformance\.now\(/;
  const sources = (folder: string) =>
    readdirSync(`src/${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `src/${folder}/${file}`);

  it('below the server and the command line take time, randomness and environment from their callers', () => {
    const isImpure = (file: string) => IMPURE.test(read(file).replaceAll(/^\s*(?:\/\/|\*|\/\*\*).*$/gm, ''));
    const pure = folders.filter((folder) => folder !== 'server' && folder !== 'cli').flatMap(sources);
    expect(pure.length).toBeGreaterThan(80);
    expect(pure.filter(isImpure)).toEqual([]);
    // The same expression finds it where it is allowed.
    expect(sources('server').filter(isImpure)).toEqual(['src/server/generate-token.ts', 'src/server/serve.ts']);
  });
});

describe.each(['docs/architecture.md', 'docs/contributing.md', 'docs/decisions.md'])('%s', (page) => {
  it('names files and folders that exist', () => {
    const named = [
      ...read(page).matchAll(/`((?:src|test|generate|bench|manifests|metacontroller|docs|\.ci)\/[\w./*-]+)`/g),
    ];
    const found = named.map(([, path = '']) => path);
    for (const path of found) expect(existsSync(path.replace(/\/\*\/.*/, '')), path).toBe(true);
  });

  it('names files in the folders of a kind that exist', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' });
    const named = [...read(page).matchAll(/`([\w-]+(?:\/[\w-]+)?\.ts)`/g)].map(([, file = '']) =>
      file.replace(/^src\//, ''),
    );
    const all = [...files, ...readdirSync('test', { recursive: true, encoding: 'utf8' })];
    for (const name of named)
      expect(
        all.some((file) => file === name || file.endsWith(`/${name}`)),
        name,
      ).toBe(true);
  });
});

describe('links to tests', () => {
  const links = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((\S+\.ts) "([^"]+)"\)/g)].map(([, file = '', name = '']) => ({ page, file, name })),
  );

  it('are on the pages that promise something', () => {
    expect(links.filter(({ page }) => page === 'docs/architecture.md').length).toBeGreaterThan(10);
    expect(links.filter(({ page }) => page === 'docs/decisions.md').length).toBeGreaterThan(15);
  });

  it.each(links)('of $page lead to a test that there is: $name', ({ page, file, name }) => {
    const test = join(dirname(page), file);
    expect(existsSync(test), test).toBe(true);
    // As the argument of a test, or the end of one, or in a list of cases.
    expect(read(test)).toMatch(new RegExp(`['"](?:.* )?${name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}['"]`));
  });
});

describe('the commands of contributors', () => {
  const scripts = pages.flatMap((page) =>
    [...read(page).matchAll(/\bnpm (?:run (?:--silent )?([\w:-]+)|(test|start))\b/g)].map(([, run, short]) => ({
      page,
      script: run ?? short ?? '',
    })),
  );

  it.each(scripts)('of $page are scripts of package.json: $script', ({ script }) => {
    expect(Object.keys(packageJson.scripts)).toContain(script);
  });

  const contributing = read('docs/contributing.md');

  it('name most scripts', () => {
    const named = new Set(scripts.filter(({ page }) => page === 'docs/contributing.md').map(({ script }) => script));
    expect(named.size).toBeGreaterThan(14);
  });

  it('of vitest name files, folders and configurations that there are', () => {
    const commands = [...contributing.matchAll(/npx vitest (?:run )?([^`\n]+)/g)].map(([, words = '']) => words);
    expect(commands.length).toBeGreaterThan(3);
    const paths = commands.flatMap((words) => words.match(/\S+\/\S+/g) ?? []);
    for (const path of paths) expect(existsSync(path), path).toBe(true);
  });

  it('name the variables that the tests read', () => {
    const files = ['test', 'bench', 'generate'].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => read(`${folder}/${file}`)),
    );
    const variables = [...contributing.matchAll(/`([A-Z][A-Z_]{4,})(?:=[^`]*)?`/g)].map(([, name = '']) => name);
    expect(new Set(variables).size).toBeGreaterThan(6);
    for (const name of variables)
      expect(
        files.some((text) => new RegExp(`['.]${name}\\b|\\{ ${name} \\}`).test(text)),
        name,
      ).toBe(true);
  });
});
