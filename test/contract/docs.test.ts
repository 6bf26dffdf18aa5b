import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { commandsOf } from '../../src/cli/options.ts';
import { createProgram } from '../../src/cli/program.ts';
import { render } from '../../src/cli/render.ts';
import type { GivenSecret, Resource } from '../../src/cli/resources.ts';
import { findings } from '../../src/cli/validate.ts';
import { controllers } from '../../src/controllers.ts';
import { authority, issue, tlsData } from '../support/certificates.ts';

const pages = [
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  'README.md',
];
const blocks = pages.flatMap((page) =>
  [...readFileSync(page, 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, yaml = '']) => [page, yaml] as const),
);
/** The others are for programs that the tests don't have. */
const examples = blocks.filter(([, yaml]) => yaml.includes('apiVersion: meshery.io/'));

const ca = await authority();
const pair = await issue(ca, 'meshery-nats.meshery.svc');

describe('the examples of the documentation', () => {
  it('exist', () => {
    expect(examples.length).toBeGreaterThan(5);
  });

  it.each(examples)('of %s are rendered without notes and errors: %s', (page, yaml) => {
    const objects = parseAllDocuments(yaml, { strict: true }).map((document) => document.toJS());
    const resources = objects
      .filter(({ apiVersion }) => apiVersion.startsWith('meshery.io/'))
      .map((object) => ({ ...(object as Resource), place: { file: page, document: 1 }, source: page }));
    expect(resources.length).toBeGreaterThan(0);
    // Secrets of the example itself, and the one that cert-manager would create.
    const own = objects
      .filter(({ kind }) => kind === 'Secret')
      .map(({ metadata, stringData }) => secret(metadata, stringData));
    const secrets = [...own, secret({ name: 'nats-tls', namespace: 'meshery' }, {}, tlsData(pair, ca))];
    const options = { mint: false, namespace: 'meshery', now: () => new Date() };
    expect(render({ resources, secrets }, options).notes).toEqual([]);
    const found = findings({ resources, secrets }, 'meshery', new Date());
    expect(found.filter(({ severity }) => severity === 'error')).toEqual([]);
  });
});

it.each(blocks)('%s has valid YAML: %s', (_page, yaml) => {
  for (const document of parseAllDocuments(yaml, { strict: true })) expect(document.errors).toEqual([]);
});

/** The heading of each section as a link names it. */
const anchors = (text: string) =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

it.each(pages)('the links of %s lead to files and sections that exist', (page) => {
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

describe('the README', () => {
  const text = readFileSync('README.md', 'utf8');
  it.each(controllers.flatMap(({ kind, spec }) => Object.keys(spec.properties).map((field) => [kind, field])))(
    'has a row for the field of %s called %s',
    (_kind, field) => {
      expect(text).toMatch(new RegExp(`^\\|.*\`spec\\.${field}[.\`]`, 'm'));
    },
  );
});

function secret(
  metadata: GivenSecret['metadata'],
  plain: Record<string, string>,
  data: Record<string, string> = {},
): GivenSecret {
  const encoded = Object.entries(plain).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return { apiVersion: 'v1', kind: 'Secret', metadata, data: { ...data, ...Object.fromEntries(encoded) } };
}
