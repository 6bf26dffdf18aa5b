import { OPERATOR } from '../../src/operator.ts';
import { image } from '../support/image.ts';
import { freePort, type RunningProcess, startProcess, until } from './processes.ts';

/** The operator's service as a process, from its bundle. */
export interface Operator {
  url: string;
  /** URL of the monitoring port. */
  monitoring: string;
  process: RunningProcess;
}

/** A bundle of the server, and how Node runs it. */
export interface Build {
  file: string;
  flags: string[];
  environment: Record<string, string>;
}

/** The build of this checkout, run as in the image. */
export const ownBuild: Build = { file: 'dist/server.js', ...image };

/**
 * Starts the service as a pod of its Deployment, on a free port unless one is given, and waits until it is ready.
 * @param host loopback address to listen on
 * @param more environment variables, such as files of tokens and certificates
 */
export async function startOperator(
  directory: string,
  port?: number,
  more: Record<string, string> = {},
  { file, flags, environment: fromBuild }: Build = ownBuild,
  host = '127.0.0.1',
): Promise<Operator> {
  const [PORT, MONITORING_PORT] = [String(port ?? (await freePort())), String(await freePort())];
  const own = { HOST: host, PORT, MONITORING_PORT, LOG_LEVEL: 'info' };
  const environment = { PATH: process.env.PATH, POD_NAMESPACE: OPERATOR.namespace, ...fromBuild, ...more, ...own };
  const args = [...flags, file];
  const running = startProcess('operator', process.execPath, args, directory, environment);
  const address = host.includes(':') ? `[${host}]` : host;
  const monitoring = `http://${address}:${MONITORING_PORT}`;
  const ready = async () => (await fetch(`${monitoring}/readyz`)).ok;
  await until('the operator', ready, 10, running);
  return { url: `${more.TLS_CERT_FILE ? 'https' : 'http'}://${address}:${PORT}`, monitoring, process: running };
}
