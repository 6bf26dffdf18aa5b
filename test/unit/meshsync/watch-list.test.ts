import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meshSyncDefaults } from '../../../src/api/meshsync.ts';
import { knownResources, READ_AS } from '../../../src/meshsync/known-resources.ts';
import { readWatchList, type WatchList } from '../../../src/meshsync/watch-list.ts';

/** The result of MeshSync 1.0.3 for a list; the file describes how it was recorded. */
interface Row {
  data: Record<string, string> | null;
  refused?: string;
  watched?: Record<string, string[]>;
  watchedBut?: string[];
  operatorRefuses?: string;
}

const { origin, version, lists } = JSON.parse(readFileSync(new URL('watch-lists.json', import.meta.url), 'utf8')) as {
  origin: string;
  version: string;
  lists: Row[];
};

/** The version that the lists were run with. Another default needs them to be run anew, as the file describes. */
const TAG = version;

it('are compared with the default version of MeshSync, by the rules of which the operator reads lists', () => {
  expect(version).toBe(meshSyncDefaults.version);
  expect(version).toBe(READ_AS);
  expect(origin).toContain(`What MeshSync ${version} made of each list`);
});

it('are read by these rules for an image of that version with a digest too', () => {
  const tag = `${TAG}@sha256:${'0'.repeat(64)}`;
  expect(valid({}, tag)).toEqual(valid({}));
  expect(valid({}, tag).warnings).not.toEqual(valid({}, '1.1.0').warnings);
});

function valid(data: Record<string, string>, tag = TAG): WatchList {
  const list = readWatchList(data, tag);
  if ('path' in list) throw new Error(`${list.path} ${list.message}`);
  return list;
}

const named = ({ data }: Row) => JSON.stringify(data);

/** Lists without entries count as absent; MeshSync reports them with the message of an error. */
const isAbsent = ({ refused }: Row) =>
  refused === 'both whitelisted and blacklisted resources missing' || refused?.startsWith('custom Resource does not');

describe('a watch-list, compared with MeshSync 1.0.3', () => {
  it('is compared for at least 60 lists', () => {
    expect(new Set(lists.map(named)).size).toBeGreaterThanOrEqual(60);
  });

  it.each(lists.filter((row) => row.refused && !isAbsent(row)).map((row) => [named(row), row] as const))(
    'is rejected: %s',
    (_name, { data }) => {
      expect(readWatchList(data ?? {}, TAG)).toMatchObject({ path: expect.stringMatching(/^spec\.watch-list\.data/) });
    },
  );

  it.each(lists.filter(isAbsent).map((row) => [named(row), row] as const))(
    'is the default set, or rejected when it has other keys: %s',
    (_name, { data }) => {
      const list = readWatchList(data ?? {}, TAG);
      const other = Object.keys(data ?? {}).some((key) => !['whitelist', 'blacklist'].includes(key));
      if (other) expect(list).toMatchObject({ path: 'spec.watch-list.data' });
      else expect(list).toMatchObject({ kind: 'default', resources: new Map() });
    },
  );

  it.each(lists.flatMap((row) => (row.operatorRefuses ? [[named(row), row] as const] : [])))(
    'is rejected although MeshSync accepts it: %s',
    (_name, { data, operatorRefuses }) => {
      expect(readWatchList(data ?? {}, TAG)).toMatchObject({ path: operatorRefuses });
    },
  );

  it.each(lists.filter((row) => !row.refused && !row.operatorRefuses).map((row) => [named(row), row] as const))(
    'has the resources that MeshSync watches: %s',
    (_name, { data, watched, watchedBut }) => {
      const { kind, resources } = valid(data ?? {});
      const known = [...resources].filter(([name]) => knownResources.has(name));
      if (kind === 'whitelist') {
        const events = known.map(([name, list]) => [name, [...new Set(list)].sort()] as const);
        expect(Object.fromEntries(events)).toEqual(watched);
      } else {
        expect(kind).toBe('blacklist');
        // With service.apis in it, MeshSync stops at that resource; its warning is tested below.
        const names = known.map(([name]) => name).sort();
        if (resources.has('service.apis')) expect(names.filter((name) => name !== 'service.apis')).toEqual(watchedBut);
        else expect(watched).toEqual({});
      }
    },
  );

  it('the known resources include all that MeshSync watches by default', () => {
    const everything = lists.find(({ data }) => data?.blacklist === '["service.apis"]');
    expect(everything?.watchedBut).toEqual([]);
    const named = lists.flatMap(({ watched }) => Object.keys(watched ?? {}));
    expect(named.filter((name) => !knownResources.has(name))).toEqual([]);
  });
});

describe('an invalid watch-list', () => {
  it.each([
    [{ whitelist: 'pods.v1.' }, 'whitelist', 'must be JSON: invalid symbol at line 1, column 1'],
    [
      { whitelist: '[\n  {"Resource": "pods.v1.",}\n]' },
      'whitelist',
      'must be JSON: property name expected at line 2, column 27',
    ],
    [{ blacklist: '["secrets.v1.",]' }, 'blacklist', 'must be JSON: value expected at line 1, column 16'],
    [{ blacklist: '["secrets.v1."' }, 'blacklist', 'must be JSON: close bracket expected at line 1, column 15'],
    [{ blacklist: '["secrets.v1.\n"]' }, 'blacklist', 'must be JSON: unexpected end of string at line 1, column 2'],
    [{ whitelist: '{}' }, 'whitelist', 'must be a JSON list'],
    [
      { whitelist: '[{"Resource":"Pods.v1.","Events":["ADDED"]}]' },
      'whitelist[0].Resource',
      'must be plural.version.group',
    ],
    [
      { whitelist: '[{"Resource":"pods.v1.","Events":["ADDED","UPDATED"]}]' },
      'whitelist[0].Events[1]',
      'must be one of ADDED, MODIFIED, DELETED',
    ],
    [{ whitelist: '[{"Resource":"pods.v1."}]' }, 'whitelist[0].Events', 'must be a list of at least one'],
    [{ blacklist: '["secrets.v1.",7]' }, 'blacklist[1]', 'must be a resource as a string'],
  ])('is rejected with the path of the error: %j', (data, path, message) => {
    const list = readWatchList(data as Record<string, string>, TAG);
    expect(list).toMatchObject({ path: `spec.watch-list.data.${path}`, message: expect.stringContaining(message) });
  });

  it('is found wherever JSON.parse finds it, and the message never quotes the list', () => {
    const broken = fc.tuple(
      fc.constantFrom('[{"Resource":"pods.v1.","Events":["ADDED"]}]', '["s3cr3t.v1."]', '[{"Resource":"s3cr3t"}]'),
      fc.nat(60),
      fc.constantFrom('', '"', '{', ']', ',', 'x', '\\', '\u0000', '/*', '\u2028'),
    );
    fc.assert(
      fc.property(broken, fc.constantFrom('whitelist', 'blacklist'), ([text, at, character], key) => {
        const data = { [key]: text.slice(0, at) + character + text.slice(at + 1) };
        const list = readWatchList(data, TAG);
        let parses = true;
        try {
          JSON.parse(data[key] || '[]');
        } catch {
          parses = false;
        }
        if (!parses) expect(list).toMatchObject({ message: expect.stringMatching(/ at line \d+, column \d+$/) });
        if ('path' in list) expect(list.message).not.toContain('s3cr3t');
      }),
    );
  });
});

describe('the warnings of a watch-list', () => {
  const pods = '{"Resource":"pods.v1.","Events":["ADDED"]}';

  it.each([
    [
      'names that MeshSync does not know',
      { whitelist: `[${pods},{"Resource":"pod.v1.","Events":["ADDED"]}]` },
      ['MeshSync does not know these names, and skips them: "pod.v1.".'],
    ],
    [
      'only names that MeshSync does not know',
      { whitelist: '[{"Resource":"pod.v1.","Events":["ADDED"]}]' },
      ['MeshSync does not know these names, and skips them: "pod.v1.".', 'So it watches custom resources only.'],
    ],
    [
      'duplicate entries that MeshSync skips',
      { whitelist: `[${pods},{"Resource":"pods.v1.","Events":["DELETED"]}]` },
      ['Of several entries of one resource, MeshSync uses the first: "pods.v1.".'],
    ],
    ['other keys', { whitelist: `[${pods}]`, Blacklist: '[]' }, ['MeshSync ignores these keys: "Blacklist".']],
    ['nothing', { whitelist: `[${pods}]` }, []],
    ['nothing, with service.apis', { blacklist: '["service.apis","secrets.v1."]' }, []],
  ])('report %s', (_what, data, warnings) => {
    expect(valid(data as unknown as Record<string, string>).warnings).toEqual(warnings);
  });

  it('report that version 1.0.3 stops at service.apis, and do so for no other version', () => {
    const stops = expect.stringContaining('stops at service.apis');
    expect(valid({}).warnings).toEqual([stops]);
    expect(valid({ whitelist: '[]' }).warnings).toEqual([expect.stringContaining('empty list'), stops]);
    expect(valid({ blacklist: '["secrets.v1."]' }).warnings).toEqual([stops]);
    for (const tag of ['1.0.2', '1.0.4', 'latest']) expect(valid({}, tag).warnings).toEqual([]);
  });
});
