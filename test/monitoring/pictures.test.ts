import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { readDashboard, type Target } from './pictures/dashboard.ts';
import { pictures } from './pictures/pictures.ts';
import { readRecording } from './pictures/recording.ts';
import { escaped } from './pictures/svg.ts';

const FILES = ['docs/images/dashboard-light.svg', 'docs/images/dashboard-dark.svg'];
const dashboard = await readDashboard();
const recording = await readRecording();

it('the recording has the queries of the dashboard: otherwise record again', () => {
  const key = ({ expr, instant = false }: Pick<Target, 'expr' | 'instant'>) => `${instant} ${expr}`;
  const queries = new Set(dashboard.panels.flatMap(({ targets }) => targets.map(key)));
  expect(recording.queries.map(key).sort()).toEqual([...queries].sort());
});

it.each(dashboard.panels)('the recording has something to show in the panel $title', ({ targets }) => {
  const expressions = targets.map(({ expr }) => expr);
  const series = recording.queries.filter(({ expr }) => expressions.includes(expr)).flatMap((query) => query.series);
  expect(series.some(({ values }) => values.some((value) => value !== null && value > 0))).toBe(true);
});

it('no pods of a hibernating resource are missing', () => {
  const labels = (part: string) =>
    recording.queries.find(({ expr }) => expr.includes(part))?.series.map((each) => each.labels);
  const asleep = { customresource_kind: 'MeshSync', reason: 'Hibernated' };
  expect(labels('count by (customresource_kind, reason)')).toContainEqual(asleep);
  expect(labels('replicas_ready')).not.toContainEqual(
    expect.objectContaining({ name: 'meshery-meshsync', resource_namespace: 'staging' }),
  );
});

it.each(FILES)('%s shows each panel, and needs nothing else', async (file) => {
  const svg = await readFile(file, 'utf8');
  for (const { title } of dashboard.panels) expect(svg).toContain(`>${escaped(title)}</text>`);
  expect(svg).not.toMatch(/href|url\(|@import|<(image|script|style|foreignObject)/);
  expect(svg.length).toBeLessThan(150_000);
});

it('the pictures are drawn from the dashboard and the recording as they are: otherwise draw again', async () => {
  const drawn = await pictures();
  expect(drawn.map(([file]) => file)).toEqual(FILES);
  for (const [file, svg] of drawn) expect(await readFile(file, 'utf8'), file).toBe(svg);
});
