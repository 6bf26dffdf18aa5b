import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { VARIABLES } from '../../generate/reference/command-line.ts';
import { routes } from '../../generate/reference/metrics.ts';
import since from '../../generate/since.json' with { type: 'json' };
import packageJson from '../../package.json' with { type: 'json' };
import { controllers } from '../../src/controllers.ts';
import { buildApp, buildMonitoring } from '../../src/server/app.ts';
import { Metrics } from '../../src/server/metrics.ts';
import { at, isObject } from '../stand-in/json.ts';

const page = (name: string) => readFileSync(`docs/reference/${name}.md`, 'utf8');

/** The entries of a page or of a part of it: the name of each, and the structure that it links to. */
const entries = (text: string) =>
  new Map(
    [...text.matchAll(/^(?:- )?\*\*`(.+?)`\*\*(?: \*[^\n[]*\[[^\]]+\]\(#([\w-]+)\))?/gm)].map(([, name = '', link]) => [
      name,
      link,
    ]),
  );

describe('the page of fields', () => {
  const text = page('fields');
  /** The entries of each part below a heading. */
  const parts = (level: string) =>
    new Map(
      text
        .split(new RegExp(`^${level} `, 'm'))
        .map((part) => [part.slice(0, part.indexOf('\n')), entries(part)] as const),
    );
  const kinds = parts('##');
  const structures = new Map(
    [...parts('###')].map(([heading, list]) => [heading.toLowerCase().replaceAll(' ', '-'), list]),
  );

  /** Where a field of a CRD is described: on its own, or within a structure that it or one above it has. */
  function isDescribed(path: string, list: Map<string, string | undefined>): boolean {
    if (list.has(path)) return true;
    const steps = path.split('.');
    for (let end = steps.length - 1; end > 0; end--) {
      const above = steps.slice(0, end).join('.').replace(/\[\]$/, '');
      const structure = structures.get(list.get(above) ?? '');
      if (structure) return isDescribed(steps.slice(end).join('.'), structure);
    }
    return false;
  }

  function pathsOf(schema: unknown, path: string): string[] {
    const inside = Object.entries(at(schema, 'properties') ?? {}).flatMap(([name, field]) => [
      `${path}.${name}`,
      ...pathsOf(field, `${path}.${name}`),
    ]);
    const items = at(schema, 'items');
    return isObject(items) ? [...inside, ...pathsOf(items, `${path}[]`)] : inside;
  }

  it.each(controllers.map(({ kind, plural }) => [kind, plural]))('has every field of the CRD of %s', (kind, plural) => {
    const crd = parse(readFileSync(`manifests/crds/meshery.io_${plural}.yaml`, 'utf8'));
    const { properties } = crd.spec.versions.at(-1).schema.openAPIV3Schema;
    const paths = [...pathsOf(properties.spec, 'spec'), ...pathsOf(properties.status, 'status')];
    expect(paths.length).toBeGreaterThan(150);
    const own = kinds.get(kind) ?? new Map();
    // What both kinds have in the same way is described once.
    const isShared = (path: string) => {
      const [, name = ''] = path.split(/[.[]/);
      const [, section = ''] = text.split(`\n### ${kind} ${name}\n`);
      const [until = ''] = section.split('\n### ');
      return path !== `spec.${name}` && until.includes(`[those of a Broker](#broker-${name.toLowerCase()})`);
    };
    const ofBroker = kinds.get('Broker') ?? new Map();
    expect(paths.filter((path) => !isDescribed(path, isShared(path) ? ofBroker : own))).toEqual([]);
  });

  it('has every rule of the CRDs', () => {
    const missing = controllers.flatMap(({ plural }) => {
      const crd = readFileSync(`manifests/crds/meshery.io_${plural}.yaml`, 'utf8');
      const messages = [...crd.matchAll(/^\s+(?:- )?message: "?(.+?)"?$/gm)].map(([, message = '']) => message);
      expect(messages.length).toBeGreaterThan(5);
      return messages.filter((message) => !text.replaceAll(/[`\\]/g, '').includes(message));
    });
    expect(missing).toEqual([]);
  });

  it('says of the fields of v1alpha1 of the Go operator that they are as old', () => {
    for (const { kind, checkedInAll } of controllers) {
      const releases = Object.entries(at(since, kind) as Record<string, string>);
      const oldest = releases.filter(([path, release]) => release === '1.0' && /^spec\.[^.]+$/.test(path));
      expect(oldest.map(([path]) => path.slice('spec.'.length)).sort()).toEqual([...(checkedInAll ?? [])].sort());
    }
  });

  it('names no release that is to come, and none for a field that is older than the one that it is in', () => {
    const compare = (one: string, other: string) => one.localeCompare(other, 'en', { numeric: true });
    const present = packageJson.version.split('.').slice(0, 2).join('.');
    for (const group of Object.values<Record<string, string>>(since)) {
      for (const [path, release] of Object.entries(group)) {
        expect(release).toMatch(/^\d+\.\d+$/);
        expect(compare(release, present), path).toBeLessThanOrEqual(0);
        const above = group[path.slice(0, path.lastIndexOf('.')).replace(/\[\]$/, '')];
        if (above) expect(compare(release, above), path).toBeGreaterThanOrEqual(0);
      }
    }
  });
});

describe('the page of conditions', () => {
  const headings = [...page('conditions').matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);

  it('has a heading of its own for each condition of each kind, to link to', () => {
    expect(new Set(headings).size).toBe(headings.length);
    for (const { kind, conditions } of controllers) {
      for (const type of [...Object.keys(conditions), 'Ready', 'Stalled'])
        expect(headings).toContain(`${kind} ${type}`);
    }
  });
});

describe('the page of metrics', () => {
  const text = page('metrics');

  it('lists the routes that both ports have', async () => {
    const found: string[] = [];
    const listed = (app: FastifyInstance) => {
      app.addHook('onRoute', ({ method, url }) => {
        if (method !== 'HEAD') found.push(`${method} ${url}`);
      });
      return app.ready();
    };
    const context = { now: () => new Date(0), generateToken: () => '' };
    await listed(buildApp({ controllers, context }));
    await listed(buildMonitoring({ metrics: new Metrics(), health: { stopping: false, inFlight: 0 } }));
    expect([...new Set(found)].sort()).toEqual(
      routes(controllers)
        .map(([route]) => route)
        .sort(),
    );
  });

  it('has every metric that the alerts and the dashboard query', () => {
    const queries = ['prometheus-rule.yaml', 'dashboard.json']
      .map((file) => readFileSync(`manifests/monitoring/${file}`, 'utf8'))
      .join('\n');
    const names = [...queries.matchAll(/\bmeshery_(?:operator|resource)_\w+/g)].map(([name]) =>
      name.replace(/_(bucket|sum|count)$/, ''),
    );
    expect(names.length).toBeGreaterThan(20);
    expect([...new Set(names)].filter((name) => !entries(text).has(name))).toEqual([]);
  });
});

describe('the page of the command line', () => {
  it('has the variables that the code reads', () => {
    const files = readdirSync('src/cli', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const code = files.map((name) => readFileSync(join('src/cli', name), 'utf8')).join('\n');
    const read = [...code.matchAll(/process\.env\.(\w+)|\{ (\w+)[^}]*\} = process\.env/g)];
    const names = read.map(([, one, other]) => one ?? other);
    expect([...new Set(names)].sort()).toEqual(Object.keys(VARIABLES).sort());
  });
});

describe('the page of the values of the chart', () => {
  it('has every value of the schema, or the value that it is in', () => {
    const schema = JSON.parse(readFileSync('manifests/chart/values.schema.json', 'utf8'));
    const described = [...entries(page('chart-values')).keys()];
    const paths = (node: unknown, path: string): string[] => {
      const inside = Object.entries(at(node, 'properties') ?? {});
      return inside.length === 0
        ? [path]
        : inside.flatMap(([name, each]) => paths(each, path ? `${path}.${name}` : name));
    };
    const all = paths(schema, '');
    expect(all.length).toBeGreaterThan(30);
    expect(all.filter((path) => !described.includes(path))).toEqual([]);
  });
});
