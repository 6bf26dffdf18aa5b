import { readFile, writeFile } from 'node:fs/promises';
import type { Target } from './dashboard.ts';

/** The results of the dashboard's queries, with the times in seconds. */
export interface Recording {
  from: number;
  to: number;
  step: number;
  queries: RecordedQuery[];
}

/** The result of a query. */
export interface RecordedQuery extends Pick<Target, 'expr' | 'instant'> {
  series: Series[];
}

/** A series: its values at each step, `null` where there is none; of an instant query, the last one. */
export interface Series {
  labels: Record<string, string>;
  values: (number | null)[];
}

const FILE = 'test/monitoring/pictures/recorded.json';

/** Reads the committed recording. */
export async function readRecording(): Promise<Recording> {
  return JSON.parse(await readFile(FILE, 'utf8'));
}

/** Writes a recording, with a line for each series. */
export async function writeRecording({ queries, ...times }: Recording): Promise<void> {
  const lines = (all: object[]) => all.map((each) => `\n${JSON.stringify(each)}`).join(',');
  const written = queries.map(
    ({ series, ...query }) => `${JSON.stringify(query).slice(0, -1)},"series":[${lines(series)}]}`,
  );
  await writeFile(FILE, `${JSON.stringify(times).slice(0, -1)},"queries":[\n${written.join(',\n')}]}\n`);
}
