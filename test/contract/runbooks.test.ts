import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: 'critical' | 'warning' };
  annotations: { summary: string; description: string; runbook_url: string };
}

const { spec } = parse(readFileSync('manifests/monitoring/prometheus-rule.yaml', 'utf8'));
const rules: Rule[] = spec.groups.flatMap(({ rules }: { rules: Rule[] }) => rules);
const runbook = (alert: string) => readFileSync(`docs/runbooks/${alert}.md`, 'utf8');

describe('the runbooks', () => {
  it('are those of the alerts', () => {
    expect(rules.length).toBeGreaterThan(5);
    const names = rules.map(({ alert }) => `${alert}.md`);
    expect(readdirSync('docs/runbooks').sort()).toEqual(names.sort());
  });

  it.each(rules)('are linked by the annotation of $alert', ({ alert, annotations }) => {
    expect(annotations.runbook_url).toBe(`https://meshery.github.io/meshery-operator-metacontroller/runbooks/${alert}`);
  });

  it.each(rules)('have the severity of $alert, and the same sections', ({ alert, labels: { severity } }) => {
    const text = runbook(alert);
    const [title, first = ''] = text.split('\n\n');
    expect(title).toBe(`# ${alert}`);
    expect(first.toLowerCase()).toMatch(new RegExp(`^${severity}\\. `));
    expect(text).toMatch(/^\*\*For users:\*\* .*\n(.+\n)*\n\*\*How urgent:\*\* /m);
    const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, section]) => section);
    expect(sections).toEqual(['Check', 'Causes', 'Over', 'Silence']);
  });

  it.each(rules)('fit on a screen or two: $alert', ({ alert }) => {
    expect(runbook(alert).split('\n').length).toBeLessThan(60);
  });

  it('are all in the table of troubleshooting', () => {
    const page = readFileSync('docs/troubleshooting.md', 'utf8');
    const rows = [...page.matchAll(/^\| \[(\w+)\]\(runbooks\/(\w+)\.md\) \| (\w+) \|$/gm)].map(([, ...cells]) => cells);
    expect(rows).toEqual(rules.map(({ alert, labels }) => [alert, alert, labels.severity]));
  });
});
