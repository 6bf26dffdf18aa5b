import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { rightsInWords, rightsOf } from '../../../../src/cli/cluster/access.ts';
import { ask, inParallel } from '../../../../src/cli/cluster/answer.ts';
import { podImageTag } from '../../../../src/cli/cluster/image.ts';
import type { Finding } from '../../../../src/cli/doctor/finding.ts';
import { asData, asText, outcomes, summary } from '../../../../src/cli/doctor/print.ts';
import { differences, somePaths } from '../../../../src/cli/doctor/structure.ts';
import { ClusterError } from '../../../../src/cli/errors.ts';

describe('differences', () => {
  it.each<[expected: unknown, observed: unknown, paths: string[]]>([
    [{ a: 1 }, { a: 1, added: true }, []],
    [{ a: { b: [1, 2] } }, { a: { b: [1, 3] } }, ['a.b[1]']],
    [{ a: [1] }, { a: [1, 2] }, ['a']],
    [{ a: {} }, {}, []],
    [{ a: { b: 1 } }, { a: 'text' }, ['a']],
    [
      { s: { openAPIV3Schema: { x: { y: 1 } } } },
      { s: { openAPIV3Schema: { x: { y: 1, z: 2 } } } },
      ['s.openAPIV3Schema.x.z'],
    ],
    [{ openAPIV3Schema: { x: 1 } }, { openAPIV3Schema: {} }, ['openAPIV3Schema.x']],
  ])('from %j to %j are %j', (expected, observed, paths) => {
    expect(differences(expected, observed)).toEqual(paths);
  });

  it('are shortened', () => {
    expect(somePaths(['a', 'b', 'c'])).toBe('a, b, c');
    expect(somePaths(['a', 'b', 'c', 'd', 'e'])).toBe('a, b, c and 2 more');
  });
});

it.each([
  ['nats:2.14.2-alpine', '2.14.2-alpine'],
  ['mirror:5000/nats:1@sha256:0', '1'],
  ['mirror:5000/nats', ''],
  ['mirror:5000/nats@sha256:0', ''],
  ['', ''],
])('the tag of %s is "%s"', (image, tag) => {
  expect(podImageTag(image)).toBe(tag);
});

describe('rights', () => {
  it('are those of each rule, one by one', () => {
    expect(
      rightsOf([
        { apiGroups: ['', 'apps'], resources: ['a', 'b'], verbs: ['get', 'list'] },
        { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
      ]),
    ).toHaveLength(9);
  });

  it('are said together, and not endlessly', () => {
    const rights = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((resource) => ({ verb: 'get', group: '', resource }));
    expect(rightsInWords(rights)).toBe('get a, get b, get c, get d, get e and 2 more');
  });
});

describe('an answer', () => {
  it('is the right that is missing, but no answer at all is an error', async () => {
    expect(await ask(async () => 1)).toEqual({ value: 1 });
    expect(await ask(() => Promise.reject(new ClusterError('you may not', 403)))).toEqual({ missing: 'you may not' });
    await expect(ask(() => Promise.reject(new ClusterError('away')))).rejects.toThrow('away');
    await expect(ask(() => Promise.reject(new TypeError('bug')))).rejects.toThrow('bug');
  });
});

it('work in parallel is bounded, and its results are in order', async () => {
  let running = 0;
  let most = 0;
  const results = await inParallel([5, 1, 4, 2, 3], 2, async (item) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, item));
    running -= 1;
    return item * 2;
  });
  expect([results, most]).toEqual([[10, 2, 8, 4, 6], 2]);
});

describe('printing', () => {
  const fix = { summary: 'apply it', writes: [] };
  const findings: Finding[] = [
    { check: 'a', severity: 'ok', message: 'fine' },
    { check: 'longer', severity: 'error', message: 'broken', remedy: 'mend it', fix },
    { check: 'a', severity: 'warning', message: 'not checked: you may not', unchecked: true },
  ];

  it('gives a line to each finding and each remedy, without colours in a pipe', () => {
    const pipe = Object.assign(new PassThrough(), { isTTY: false }) as unknown as NodeJS.WriteStream;
    expect(asText(findings, pipe)).toBe(
      [
        'ok       a       fine',
        'error    longer  broken',
        '                 mend it',
        'warning  a       not checked: you may not',
        '',
      ].join('\n'),
    );
    expect(summary(findings)).toBe('1 error, 1 warning\n');
    expect(summary([])).toBe('0 errors, 0 warnings\n');
  });

  it('gives programs all but how a fix is made', () => {
    const made = [{ fix }, { fix, failure: 'you may not' }];
    const report = JSON.parse(asData(findings, made, 'json'));
    expect(report).toEqual({
      findings: [
        { check: 'a', severity: 'ok', message: 'fine' },
        { check: 'longer', severity: 'error', message: 'broken', remedy: 'mend it' },
        { check: 'a', severity: 'warning', message: 'not checked: you may not', unchecked: true },
      ],
      fixes: [{ summary: 'apply it' }, { summary: 'apply it', failure: 'you may not' }],
      errors: 1,
      warnings: 1,
    });
    expect(asData([], [], 'yaml')).toBe('findings: []\nfixes: []\nerrors: 0\nwarnings: 0\n');
    expect(outcomes(made)).toBe('fixed: apply it\nnot fixed: apply it: you may not\n');
  });
});
