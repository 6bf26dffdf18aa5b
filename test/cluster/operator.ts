import { freePort, type RunningProcess, startProcess, until } from './processes.ts';

/** The operator's service as a process, from its bundle. */
export interface Operator {
  url: string;
  process: RunningProcess;
}

/** Starts the service, on a free port unless one is given, and waits until it is ready. */
export async function startOperator(directory: string, port?: number): Promise<Operator> {
  const PORT = String(port ?? (await freePort()));
  const environment = { PATH: process.env.PATH, HOST: '127.0.0.1', PORT, LOG_LEVEL: 'info' };
  const running = startProcess('operator', process.execPath, ['dist/server.js'], directory, environment);
  const url = `http://127.0.0.1:${PORT}`;
  await until('the operator', async () => (await fetch(`${url}/readyz`)).ok, 10, running);
  return { url, process: running };
}
