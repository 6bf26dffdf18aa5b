// Records what the dashboard's queries return while a scenario is played: npx tsx test/monitoring/pictures/record.ts
import { type Dashboard, readDashboard, type Target } from './dashboard.ts';
import { SCRAPE_INTERVAL, startInstallation } from './installation.ts';
import type { Prometheus } from './prometheus.ts';
import { type RecordedQuery, type Recording, writeRecording } from './recording.ts';
import { MINUTES, play, prepare } from './scenario.ts';

/** Between two points of a graph, in seconds. */
const STEP = 2 * SCRAPE_INTERVAL;

const started = Date.now();
const log = (line: string) =>
  process.stdout.write(`${((Date.now() - started) / 60_000).toFixed(1).padStart(5)} min  ${line}\n`);

const installation = await startInstallation(log);
try {
  log('the resources that exist already');
  await prepare(installation);
  await play(installation, log);
  await writeRecording(await record(installation.prometheus, await readDashboard()));
} finally {
  log('stopping');
  await installation.stop();
}

/** The results of the queries, up to now. */
async function record(prometheus: Prometheus, { panels }: Dashboard): Promise<Recording> {
  const to = Math.floor(Date.now() / 1_000 / STEP) * STEP;
  const times = { from: to - MINUTES * 60, to, step: STEP };
  const targets = new Map(panels.flatMap(({ targets }) => targets.map((target) => [key(target), target])));
  const queries = [...targets.values()].map((target) => result(prometheus, target, times));
  return { ...times, queries: await Promise.all(queries) };
}

function key({ expr, instant }: Target): string {
  return `${instant} ${expr}`;
}

async function result(
  prometheus: Prometheus,
  { expr, instant }: Target,
  { from, to, step }: Omit<Recording, 'queries'>,
): Promise<RecordedQuery> {
  if (instant) {
    const found = await prometheus.query(expr, to);
    return { expr, instant, series: found.map(({ metric, value }) => ({ labels: metric, values: [number(value)] })) };
  }
  const series = (await prometheus.queryRange(expr, from, to, step)).map(({ metric, values }) => {
    const byTime = new Map(values.map((value) => [value[0], number(value)]));
    const count = (to - from) / step + 1;
    return { labels: metric, values: Array.from({ length: count }, (_, n) => byTime.get(from + n * step) ?? null) };
  });
  return { expr, series };
}

/** More digits than these can not be seen. */
function number([, text]: [number, string]): number | null {
  const value = Number(text);
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : null;
}
