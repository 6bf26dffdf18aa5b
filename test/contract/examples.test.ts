import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diffLines } from 'diff';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { render } from '../../src/cli/render.ts';
import type { GivenResource, GivenSecret, Resource } from '../../src/cli/resources.ts';
import { findings } from '../../src/cli/validate.ts';
import { printYaml } from '../../src/cli/yaml.ts';
import { controllers } from '../../src/controllers.ts';
import { encode } from '../../src/kubernetes/secrets.ts';
import { isObject } from '../stand-in/json.ts';
import { authority, issue, tlsData } from '../support/certificates.ts';
import { type Block, pages, yamlBlocks } from '../support/pages.ts';

const FOLDER = 'test/contract/examples';
/** Blocks with a name after the language are parts of files of other tools, which have tests of their own. */
const NAMED_BLOCK = /^```yaml \S+\n[\s\S]*?^```/gm;

const isOurs = ({ apiVersion }: Pick<Resource, 'apiVersion'>) => String(apiVersion).startsWith('meshery.io/');

interface Example extends Block {
  objects: Resource[];
}

const examples: Example[] = yamlBlocks
  .map((block) => ({ ...block, objects: parseAllDocuments(block.text).map((document): Resource => document.toJS()) }))
  .filter(({ objects }) => objects.some((object) => isObject(object) && isOurs(object)));

const ca = await authority();
const pair = await issue(ca, 'meshery-nats.meshery.svc');
const routesPair = await issue(ca, '*.meshery-nats-headless.meshery.svc');
/** The Secrets that cert-manager would make. */
const certificates = [
  secret({ name: 'nats-tls', namespace: 'meshery' }, tlsData(pair, ca)),
  secret({ name: 'nats-routes', namespace: 'meshery' }, tlsData(routesPair, ca)),
];

describe('the examples of the documentation', () => {
  it('are whole objects, and all that is written of our kinds is among them', () => {
    for (const { page, text } of yamlBlocks) {
      for (const document of parseAllDocuments(text)) {
        expect(document.toJS(), `${page}: ${text}`).toMatchObject({ apiVersion: /./, kind: /./ });
      }
    }
    const kinds = new RegExp(`^\\W*kind: (${controllers.map(({ kind }) => kind).join('|')})$`, 'gm');
    const written = pages.flatMap((page) => readFileSync(page, 'utf8').replace(NAMED_BLOCK, '').match(kinds) ?? []);
    expect(written.length).toBeGreaterThan(15);
    expect(examples.flatMap(({ objects }) => objects.filter(isOurs))).toHaveLength(written.length);
  });

  it.each(examples)('of $page, $heading, are valid', (example) => {
    const found = findings(given(example), 'meshery', new Date());
    expect(found.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  const byPage = pages
    .map((page) => [page, examples.filter((example) => example.page === page)] as const)
    .filter(([, ofPage]) => ofPage.length > 0);

  it.each(byPage)('of %s are rendered as expected, without notes', (page, ofPage) => {
    const file = join(FOLDER, goldenOf(page));
    const outcome = Object.fromEntries(ofPage.map((example) => [example.heading, differences(example)]));
    expect(Object.keys(outcome)).toHaveLength(ofPage.length);
    const yaml = printYaml(outcome);
    if (process.env.UPDATE_GOLDEN) {
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(file, yaml);
    }
    if (!existsSync(file)) throw new Error(`${file} is missing: UPDATE_GOLDEN=1 writes it`);
    expect(yaml).toBe(readFileSync(file, 'utf8'));
  });

  it('have no expected output of pages that have none', () => {
    expect(readdirSync(FOLDER)).toEqual(byPage.map(([page]) => goldenOf(page)).sort());
  });
});

function goldenOf(page: string): string {
  return `${page.replace(/^docs\//, '').replace(/\.md$/, '')}.yaml`;
}

/** The resources and Secrets of an example, as `render` reads them from a file. */
function given({ page, objects }: Example): { resources: GivenResource[]; secrets: GivenSecret[] } {
  const place = { file: page, document: 1 };
  return {
    resources: objects.filter(isOurs).map((object) => ({ ...object, place, source: page })),
    secrets: [...certificates, ...objects.filter(({ kind }) => kind === 'Secret').map(secretOf)],
  };
}

function secretOf(object: Resource): GivenSecret {
  const { metadata, stringData = {} } = object as Resource & { stringData?: Record<string, string> };
  const { name, namespace = '' } = metadata;
  return secret(
    { name, namespace },
    Object.fromEntries(Object.entries(stringData).map(([key, value]) => [key, encode(value)])),
  );
}

function secret(metadata: GivenSecret['metadata'], data: Record<string, string>): GivenSecret {
  return { apiVersion: 'v1', kind: 'Secret', metadata, data };
}

/** The same resource without what an example is about. */
function plain({ kind, ...resource }: GivenResource): GivenResource {
  const spec = kind === 'MeshSync' ? { broker: { native: { name: 'meshery-broker' } } } : {};
  return { ...resource, kind, spec };
}

/** What `render` prints, by kind and name: each object as its fields by their paths. */
function rendered(resources: GivenResource[], secrets: GivenSecret[]): Map<string, Map<string, unknown>> {
  const options = { mint: false, namespace: 'meshery', now: () => new Date('2026-01-01T00:00:00Z') };
  const { yaml, notes } = render({ resources, secrets }, options);
  expect(notes).toEqual([]);
  // The certificates are made for each run, and checksums tell nothing that the fields don't.
  const stable = yaml
    .replace(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g, 'CERTIFICATE')
    .replace(/\b[0-9a-f]{64}\b/g, 'CHECKSUM');
  return new Map(
    parseAllDocuments(stable).map((document) => {
      const { apiVersion: _version, kind, metadata, spec, ...object } = document.toJS();
      const { name, namespace: _namespace, ...others } = metadata;
      // The spec of a resource is the example itself.
      const own = controllers.some((controller) => controller.kind === kind) ? {} : { spec };
      return [`${kind} ${name}`, new Map(fieldsOf({ metadata: others, ...own, ...object }))];
    }),
  );
}

/** What an example makes in addition to a plain resource, and changes in its children and its status. */
function differences(example: Example): object {
  const { resources, secrets } = given(example);
  const broker = { apiVersion: 'meshery.io/v1alpha2', kind: 'Broker', metadata: { name: 'meshery-broker' } };
  const place = { file: example.page, document: 1 };
  const needed: GivenResource[] = resources.some(({ kind }) => kind === 'Broker')
    ? []
    : [{ ...broker, place, source: example.page }];
  const before = rendered([...needed, ...resources.map(plain)], secrets);
  const after = rendered([...needed, ...resources], secrets);
  const removed = [...before.keys()].filter((what) => !after.has(what));
  const changed = [...after].flatMap(([what, fields]) => {
    const old = before.get(what);
    const lines = changes(old ?? new Map(), fields);
    return Object.keys(lines).length > 0 ? [[old ? what : `new ${what}`, lines] as const] : [];
  });
  return Object.fromEntries([...removed.map((what) => [`removed ${what}`, {}] as const), ...changed]);
}

/** By path, the new values; `null` where there is none any more. Texts of several lines by the lines that change. */
function changes(before: Map<string, unknown>, after: Map<string, unknown>): Record<string, unknown> {
  const paths = [...after.keys(), ...[...before.keys()].filter((path) => !after.has(path))];
  return Object.fromEntries(
    paths
      .filter((path) => before.get(path) !== after.get(path))
      .map((path) => {
        const [old, now] = [before.get(path), after.get(path)];
        return [path, isText(old) && isText(now) ? linesOf(old, now) : (now ?? null)];
      }),
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.includes('\n');
}

function linesOf(old: string, now: string): string[] {
  return diffLines(old, now)
    .filter(({ added, removed }) => added || removed)
    .flatMap(({ added, value }) =>
      value
        .trimEnd()
        .split('\n')
        .map((line) => `${added ? '+' : '-'} ${line}`),
    );
}

/** Fields of all objects, which tell nothing about an example. */
const COMMON = ['observedGeneration', 'lastTransitionTime'];
/** Fields by which the items of a list are told apart. */
const NAMES = ['mountPath', 'name', 'type'];

/** The values in an object that are no objects, by their paths. Items of lists go by the names that they have. */
function fieldsOf(value: unknown, path = ''): [string, unknown][] {
  if (Array.isArray(value)) return value.flatMap((item, index) => itemOf(item, index, path));
  if (!isObject(value)) return [[path, value]];
  const fields = Object.entries(value).filter(([key]) => !COMMON.includes(key));
  if (fields.length === 0) return [[path, '{}']];
  return fields.flatMap(([key, field]) => {
    const step = /^[\w-]+$/.test(key) ? key : `"${key}"`;
    // All objects have the same.
    return step.startsWith('"app.kubernetes.io/') ? [] : fieldsOf(field, path ? `${path}.${step}` : step);
  });
}

function itemOf(item: unknown, index: number, list: string): [string, unknown][] {
  if (!isObject(item)) return fieldsOf(item, `${list}[${index}]`);
  const key = NAMES.find((name) => name in item);
  if (!key) return fieldsOf(item, `${list}[${index}]`);
  const { [key]: name, ...others } = item;
  return fieldsOf(others, `${list}[${name}]`);
}
