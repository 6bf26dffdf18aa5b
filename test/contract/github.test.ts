import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { commandsOf } from '../../src/cli/options.ts';
import { createProgram } from '../../src/cli/program.ts';
import { anchors } from '../support/pages.ts';

const FOLDER = '.github/ISSUE_TEMPLATE';
const SITE = 'https://meshery.github.io/meshery-operator-metacontroller/';

const strict = { additionalProperties: false };
const Text = Type.String({ minLength: 1 });
const Validations = Type.Optional(Type.Object({ required: Type.Boolean() }, strict));
const asked = { label: Text, description: Type.Optional(Text) };

/** A field of a form that is filled in, of one type. */
function field<Kind extends string>(type: Kind, attributes: Parameters<typeof Type.Object>[0]) {
  return Type.Object(
    {
      type: Type.Literal(type),
      id: Type.String({ pattern: '^[a-z0-9_-]+$' }),
      attributes: Type.Object({ ...asked, ...attributes }, strict),
      validations: Validations,
    },
    strict,
  );
}

/** What GitHub accepts as an issue form, as far as it is used here: docs.github.com, "Syntax for GitHub's form schema". */
const Form = Type.Object(
  {
    name: Type.String({ minLength: 4 }),
    description: Type.String({ minLength: 4 }),
    labels: Type.Array(Text, { minItems: 1 }),
    body: Type.Array(
      Type.Union([
        Type.Object(
          { type: Type.Literal('markdown'), attributes: Type.Object({ value: Text }, strict) },
          { additionalProperties: false },
        ),
        field('input', { placeholder: Type.Optional(Text) }),
        field('textarea', { placeholder: Type.Optional(Text), render: Type.Optional(Text) }),
        field('dropdown', { options: Type.Array(Text, { minItems: 2, uniqueItems: true }) }),
        field('checkboxes', {
          options: Type.Array(Type.Object({ label: Text, required: Type.Optional(Type.Boolean()) }, strict)),
        }),
      ]),
      { minItems: 1 },
    ),
  },
  strict,
);
type Form = Static<typeof Form>;

const Config = Type.Object(
  {
    blank_issues_enabled: Type.Boolean(),
    contact_links: Type.Array(
      Type.Object({ name: Text, url: Type.String({ pattern: '^https://' }), about: Text }, strict),
    ),
  },
  strict,
);

const parsed = (file: string): unknown => {
  const document = parseDocument(readFileSync(file, 'utf8'), { strict: true });
  expect(document.errors).toEqual([]);
  return document.toJS();
};

const forms = ['bug', 'feature'].map((name) => `${FOLDER}/${name}.yml`);
const texts = readdirSync('.github', { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(md|yml)$/.test(file) && !file.startsWith('workflows'))
  .map((file) => [file, readFileSync(`.github/${file}`, 'utf8')] as const);

it('there are two forms for issues, and their configuration', () => {
  expect(readdirSync(FOLDER).map((name) => `${FOLDER}/${name}`)).toEqual([forms[0], `${FOLDER}/config.yml`, forms[1]]);
  expect([...Value.Errors(Config, parsed(`${FOLDER}/config.yml`))]).toEqual([]);
});

describe.each(forms)('the form %s', (file) => {
  it('is one that GitHub accepts', () => {
    expect([...Value.Errors(Form, parsed(file))].map(({ path, message }) => `${path} ${message}`)).toEqual([]);
  });

  it('has fields with ids and labels of their own, and asks for something', () => {
    const { body } = parsed(file) as Form;
    const asking = body.flatMap((each) => (each.type === 'markdown' ? [] : [each]));
    expect(new Set(asking.map(({ id }) => id)).size).toBe(asking.length);
    expect(new Set(asking.map(({ attributes }) => attributes.label)).size).toBe(asking.length);
    expect(asking.some(({ validations }) => validations?.required)).toBe(true);
  });
});

it('who reports a bug is asked for what finds it: versions, status and doctor', () => {
  const { body } = parsed(`${FOLDER}/bug.yml`) as Form;
  const required = body.flatMap((each) => (each.type !== 'markdown' && each.validations?.required ? [each.id] : []));
  expect(required).toEqual(['what', 'status', 'doctor', 'version', 'kubernetes', 'metacontroller', 'installed']);
});

describe('what GitHub shows', () => {
  const commands = texts.flatMap(([file, text]) =>
    [...text.matchAll(/`meshery-operator ([^`]+)`/g)].map(([, line = '']) => [file, line] as const),
  );

  it('names commands', () => {
    expect(commands.length).toBeGreaterThan(2);
  });

  it.each(commands.filter(([, line]) => line !== '--version'))(
    '%s: the command is understood: %s',
    async (_file, line) => {
      const program = createProgram();
      for (const each of commandsOf(program)) each.action(() => undefined);
      await program.parseAsync(line.split(' '), { from: 'user' });
    },
  );

  const links = texts.flatMap(([file, text]) =>
    [...text.matchAll(new RegExp(`${SITE}([\\w/#-]+)`, 'g'))].map(([, path = '']) => [file, path] as const),
  );

  it('leads to pages of the site', () => {
    expect(links.length).toBeGreaterThan(2);
  });

  it.each(links)('%s: the page exists: %s', (_file, path) => {
    const [page, section] = path.split('#');
    const file = `docs/${page}.md`;
    expect(existsSync(file), file).toBe(true);
    if (section) expect(anchors(readFileSync(file, 'utf8'))).toContain(section);
  });

  it.each(texts)('%s: the files exist that it links to', (file, text) => {
    for (const [, path = ''] of text.matchAll(/\]\((?!\w+:)([^)#\s]+)\)/g)) {
      expect(existsSync(new URL(path, `file://${process.cwd()}/.github/${file}`)), path).toBe(true);
    }
  });
});
