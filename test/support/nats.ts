import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { goTool } from '../tools.ts';

const run = promisify(execFile);

/** The files in the configuration folder of a server: of the ConfigMap, and those of the Secret. */
export interface Configuration {
  'nats.conf': string;
  'credentials.conf': string;
  /** Of the server of `auth.users`. */
  'users.conf'?: string;
  [file: string]: string | undefined;
}

/** The paths of a pod, in a folder of this machine. */
export function inFolder(configuration: string, folder: string): string {
  return configuration.replace(/\/etc\/nats-(certs(-[a-z]+)?|config)\//g, `${folder}/`);
}

/**
 * The error of `nats-server -t` for a configuration: empty when it is valid.
 * @param certificates the files of the TLS volume by name
 */
export async function configurationProblem(
  files: Configuration,
  podName?: string,
  certificates: Record<string, string> = {},
): Promise<string> {
  const server = await goTool('nats-server');
  const folder = await mkdtemp(join(tmpdir(), 'nats-conf-'));
  try {
    for (const [name, content = ''] of Object.entries({ ...files, ...certificates })) {
      await writeFile(join(folder, name), inFolder(content, folder));
    }
    const env = { ...(podName && { POD_NAME: podName, USERS_SERVER_NAME: `${podName}-users` }) };
    for (const name of ['nats.conf', ...(files['users.conf'] ? ['users.conf'] : [])]) {
      await run(server, ['-t', '-c', join(folder, name)], { env });
    }
    return '';
  } catch (error) {
    return (error as { stderr?: string }).stderr ?? String(error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Why the servers of a pod do not start: empty when they do. `nats-server -t` does not check everything. They listen on free
 * ports, and on the loopback interface only.
 */
export async function startProblem(
  files: Configuration,
  podName: string,
  certificates: Record<string, string> = {},
): Promise<string> {
  const server = await goTool('nats-server');
  const folder = await mkdtemp(join(tmpdir(), 'nats-start-'));
  try {
    for (const [name, content = ''] of Object.entries({ ...files, ...certificates })) {
      const onFreePorts = inFolder(content, folder)
        .replace(/^(\s*)port: \d+$/gm, '$1listen: "127.0.0.1:-1"')
        .replace(/^http(s?)_port: \d+$/gm, 'http$1: "127.0.0.1:-1"')
        .replace(/^(\s*)listen: "127.0.0.1:\d+"$/gm, '$1listen: "127.0.0.1:-1"')
        .replaceAll('/var/run/nats/', `${folder}/`)
        .replace('store_dir: "/data"', `store_dir: "${folder}/data"`);
      await writeFile(join(folder, name), onFreePorts);
    }
    for (const name of ['nats.conf', ...(files['users.conf'] ? ['users.conf'] : [])]) {
      const env = { POD_NAME: podName, USERS_SERVER_NAME: `${podName}-users` };
      const process = spawn(server, ['-c', join(folder, name)], { env, stdio: ['ignore', 'ignore', 'pipe'] });
      const ended = once(process, 'exit');
      let log = '';
      const isReady = new Promise<boolean>((resolve) => {
        process.stderr.on('data', (chunk) => {
          log += chunk;
          if (log.includes('Server is ready')) resolve(true);
        });
        process.once('exit', () => resolve(false));
      });
      const ready = await isReady;
      process.kill('SIGKILL');
      await ended;
      if (!ready) return `${name}: ${log}`;
    }
    return '';
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
