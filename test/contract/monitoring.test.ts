import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

interface Rule {
  alert: string;
  labels: { severity: string };
}

it('the page on monitoring names each alert with its severity, and leads to its runbook', () => {
  const { spec } = parse(readFileSync('manifests/monitoring/prometheus-rule.yaml', 'utf8'));
  const rules: Rule[] = spec.groups.flatMap((group: { rules: Rule[] }) => group.rules);
  const page = readFileSync('docs/monitoring.md', 'utf8');
  const rows = [...page.matchAll(/^\| \[`(\w+)`\]\(runbooks\/(\w+)\.md\) \| (\w+) \|/gm)].map(([, ...cells]) => cells);
  expect(rows).toEqual(expect.arrayContaining(rules.map(({ alert, labels }) => [alert, alert, labels.severity])));
});
