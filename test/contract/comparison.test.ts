import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { comparisonPage, evidence, rowsOf } from '../../generate/comparison.ts';
import { hasTest } from '../support/evidence.ts';

const [heads = [], , ...rows] = rowsOf(readFileSync('docs/comparison.md', 'utf8'));
const features = rows.map(([feature = '', own = '', ...others]) => ({ feature, own, shownBy: others.at(-1) ?? '' }));

describe('the comparison', () => {
  it('has rows, and a column for the tests', () => {
    expect(heads).toEqual(['', 'this operator', 'Go operator', 'NATS Helm chart', 'shown by']);
    expect(rows.length).toBeGreaterThan(50);
    for (const row of rows) expect(row, row[0]).toHaveLength(heads.length);
  });

  it.each(features)('names a test for the feature: $feature', ({ own, shownBy }) => {
    if (own.startsWith('–')) return;
    expect(shownBy).toMatch(/^\[.*\]\(\.\.\/test\/.*\.ts ".*"\)$/);
  });

  it('has a row for each feature of which tests are named', () => {
    expect(Object.keys(evidence).sort()).toEqual(features.map(({ feature }) => feature).sort());
  });

  it.each(Object.values(evidence).flat())('names a test that there is: %s, %s', (file, name) => {
    expect(hasTest(file, name)).toBe(true);
  });

  it('does not change when it is made anew, whatever was in the last column', () => {
    const page = readFileSync('docs/comparison.md', 'utf8');
    expect(comparisonPage(page)).toBe(page);
    const bare = page.replaceAll(/^(\|.*\|) [^|]*\|$/gm, '$1').replace('|---|---|---|---|---|', '|---|---|---|---|');
    expect(comparisonPage(bare)).toBe(page);
  });
});
