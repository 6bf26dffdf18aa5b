import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { Metrics } from '../../src/server/metrics.ts';
import { goTool } from '../tools.ts';

const run = promisify(execFile);

let promtool: string;
let directory: string;
beforeAll(async () => {
  promtool = await goTool('promtool');
  directory = await mkdtemp(join(tmpdir(), 'monitoring-'));
  const { spec } = parse(await readFile('manifests/monitoring/prometheus-rule.yaml', 'utf8'));
  await writeFile(join(directory, 'rules.yaml'), stringify(spec));
  await cp('test/monitoring/alerts.yaml', join(directory, 'alerts.yaml'));
});
afterAll(() => rm(directory, { recursive: true }));

it('the alerts fire in the right cases and only then', async () => {
  const { rule_files: _files, tests } = parse(await readFile('test/monitoring/alerts.yaml', 'utf8'));
  const tested = new Set(JSON.stringify(tests).match(/(?<="alertname":")\w+/g));
  const { groups } = parse(await readFile(join(directory, 'rules.yaml'), 'utf8'));
  expect(groups[0].rules.map(({ alert }: { alert: string }) => alert).sort()).toEqual([...tested].sort());
  await run(promtool, ['check', 'rules', '--lint=all', '--lint-fatal', join(directory, 'rules.yaml')]);
  const { stdout } = await run(promtool, ['test', 'rules', join(directory, 'alerts.yaml')]);
  expect(stdout).toContain('SUCCESS');
});

it('Prometheus parses every query of the dashboard', async () => {
  const { panels } = parse(await readFile('manifests/monitoring/dashboard.json', 'utf8'));
  const queries: string[] = panels.flatMap(({ targets = [] }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')),
  );
  expect(queries.length).toBeGreaterThan(5);
  await parsed('dashboard', queries);
});

it('Prometheus parses every query of the page on monitoring', async () => {
  const page = await readFile('docs/monitoring.md', 'utf8');
  const queries = [...page.matchAll(/^\| `([^`]*meshery_resource_[^`]*)` \|/gm)].map(([, query = '']) => query);
  expect(queries.length).toBeGreaterThan(3);
  await parsed('page', queries);
});

/** Fails unless Prometheus can parse each of some queries. */
async function parsed(name: string, queries: string[]): Promise<void> {
  const rules = queries.map((expr, index) => ({ record: `query:${index}`, expr }));
  const file = join(directory, `${name}.yaml`);
  await writeFile(file, stringify({ groups: [{ name, rules }] }));
  const { stdout } = await run(promtool, ['check', 'rules', file]);
  expect(stdout).toContain(`SUCCESS: ${queries.length} rules found`);
}

it('the metrics follow the naming rules of Prometheus', async () => {
  const metrics = new Metrics();
  metrics.responded('Broker', 200, 0.001);
  metrics.refused('requests');
  const text = await metrics.registry.metrics();
  const checking = run(promtool, ['check', 'metrics']);
  checking.child.stdin?.end(text);
  expect(await checking).toEqual({ stdout: '', stderr: '' });
});
