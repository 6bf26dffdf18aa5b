import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { goTool } from '../tools.ts';

const run = promisify(execFile);

/** The files in the configuration folder of a server. */
export interface Configuration {
  'nats.conf': string;
  'credentials.conf': string;
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
    for (const [name, content] of Object.entries({ ...files, ...certificates })) {
      await writeFile(join(folder, name), content.replaceAll('/etc/nats-certs/', `${folder}/`));
    }
    await run(server, ['-t', '-c', join(folder, 'nats.conf')], { env: { ...(podName && { POD_NAME: podName }) } });
    return '';
  } catch (error) {
    return (error as { stderr?: string }).stderr ?? String(error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
