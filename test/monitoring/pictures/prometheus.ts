import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort, type RunningProcess, startProcess, until } from '../../cluster/processes.ts';
import { goTool } from '../../tools.ts';

/** A running Prometheus. */
export interface Prometheus {
  process: RunningProcess;
  /** The present result of a query. */
  query: (expr: string, time: number) => Promise<{ metric: Record<string, string>; value: [number, string] }[]>;
  /** The result of a query from one time to another, all in seconds. */
  queryRange: (
    expr: string,
    start: number,
    end: number,
    step: number,
  ) => Promise<{ metric: Record<string, string>; values: [number, string][] }[]>;
}

/** Starts Prometheus with these configurations of what it scrapes, and with its data and log in a directory. */
export async function startPrometheus(directory: string, scraped: object[], seconds: number): Promise<Prometheus> {
  const port = await freePort();
  const config = join(directory, 'prometheus.yaml');
  const global = { scrape_interval: `${seconds}s`, scrape_timeout: `${seconds}s` };
  await writeFile(config, stringify({ global, scrape_configs: scraped }));
  const url = `http://127.0.0.1:${port}`;
  const running = startProcess(
    'prometheus',
    await goTool('prometheus'),
    [
      ...['--config.file', config, '--storage.tsdb.path', join(directory, 'prometheus')],
      ...['--web.listen-address', `127.0.0.1:${port}`, '--log.level', 'warn'],
    ],
    directory,
  );
  await until('Prometheus', async () => (await fetch(`${url}/-/ready`)).ok, 30, running);
  const call = async (path: string, parameters: Record<string, string>) => {
    const response = await fetch(`${url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
    const { status, error, data } = (await response.json()) as {
      status: string;
      error?: string;
      data: { result: never };
    };
    if (status !== 'success') throw new Error(`${parameters.query}: ${error}`);
    return data.result;
  };
  return {
    process: running,
    query: (query, time) => call('query', { query, time: `${time}` }),
    queryRange: (query, start, end, step) =>
      call('query_range', { query, start: `${start}`, end: `${end}`, step: `${step}` }),
  };
}
