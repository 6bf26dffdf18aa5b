import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { brokerConditions } from '../../src/broker/conditions.ts';
import { meshSyncConditions } from '../../src/meshsync/conditions.ts';
import { type ConditionTable, commonConditions } from '../../src/metacontroller/conditions.ts';
import { hasTest } from '../support/evidence.ts';

const page = readFileSync('docs/troubleshooting.md', 'utf8');

/** An entry of the page: what one sees, and the tests that make it. */
interface Entry {
  heading: string;
  text: string;
  tests: [file: string, name: string][];
}

const entries: Entry[] = page
  .split(/^(?=#{2,3} )/m)
  .filter((section) => section.startsWith('### '))
  .map((section) => ({
    heading: section.slice(4, section.indexOf('\n')),
    text: section,
    tests: [...section.matchAll(/^<!-- made by: (\S+) "(.+)" -->$/gm)].map(([, file = '', name = '']) => [file, name]),
  }));

/** All that has messages for people: the code, and the chart. */
const code = ['src', 'manifests/chart/templates']
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)))
  .filter((name) => /\.(ts|yaml|txt|tpl)$/i.test(name))
  .map((name) => readFileSync(name, 'utf8'));

describe('an entry of troubleshooting', () => {
  it('is one of many, and has no heading twice', () => {
    expect(entries.length).toBeGreaterThan(80);
    expect(new Set(entries.map(({ heading }) => heading)).size).toBe(entries.length);
  });

  it.each(entries)('says why, what to do, and when it is over: $heading', ({ text }) => {
    const parts = [...text.matchAll(/^\*\*(Why|Do|Over):\*\*/gm)].map(([, part]) => part);
    expect(parts).toEqual(['Why', 'Do', 'Over']);
  });

  it.each(entries)('is a state that a test makes: $heading', ({ tests }) => {
    expect(tests.length).toBeGreaterThan(0);
    for (const [file, name] of tests) expect([file, name, hasTest(file, name)]).toEqual([file, name, true]);
  });

  it.each(entries)('quotes what its tests or the code have: $heading', ({ heading, tests }) => {
    const sources = [...code, ...tests.map(([file]) => readFileSync(file, 'utf8'))];
    for (const [, quote = ''] of heading.matchAll(/`([^`]+)`/g)) {
      expect([quote, sources.some((source) => source.includes(quote))]).toEqual([quote, true]);
    }
  });
});

/** Reasons of a condition that is as it should be, of one that passes in a moment, and of one that repeats another. */
const NOTHING_TO_DO = [
  ...[
    'Ready',
    'Applied',
    'NoConflicts',
    'Complete',
    'ClusterInternal',
    'Published',
    'Overridden',
    'Quorum',
    'EvenSize',
  ],
  ...['Available', 'Covered', 'Valid', 'Resolved', 'CustomUrl', 'Connected'],
];

describe('the reasons of conditions', () => {
  const tables: ConditionTable[] = [commonConditions, brokerConditions, meshSyncConditions];
  const reasons = [
    ...new Set(tables.flatMap((table) => Object.values(table).flatMap((each) => Object.keys(each.reasons)))),
  ];

  it('are known where there is nothing to do', () => {
    expect(reasons).toEqual(expect.arrayContaining(NOTHING_TO_DO));
  });

  it.each(reasons.filter((reason) => !NOTHING_TO_DO.includes(reason)))(
    'have an entry that names them: %s',
    (reason) => {
      const word = new RegExp(`\`${reason}\``);
      expect(entries.filter(({ text }) => word.test(text)).map(({ heading }) => heading)).not.toEqual([]);
    },
  );

  it.each(['Stalled', ...tables.flatMap((table) => Object.keys(table))])(
    'are of conditions that the page names: %s',
    (type) => {
      if (['RoleBound', 'EndpointPublished'].includes(type)) return;
      expect(page).toContain(`\`${type}\``);
    },
  );
});
