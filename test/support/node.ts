import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { minVersion } from 'semver';
import { CACHE } from '../tools.ts';

/** A release of the Node of the image that the npm registry has for x64 and arm64. */
const NODE = '26.10.0';

/**
 * The release of Node that stands for the base images of the Dockerfile.
 * @throws an Error when the Dockerfile names another major version
 */
export async function imageRelease(): Promise<string> {
  const dockerfile = await readFile('Dockerfile', 'utf8');
  for (const pattern of [/^ARG NODE_IMAGE=node:(\d+)-/m, /^ARG RUNTIME_IMAGE=\S+\/nodejs(\d+)-/m]) {
    const [, major] = pattern.exec(dockerfile) ?? [];
    if (major !== NODE.split('.')[0]) throw new Error(`the Dockerfile has Node ${major}, the tests ${NODE}`);
  }
  return NODE;
}

/** The oldest release of Node that package.json promises. */
export async function oldestRelease(): Promise<string> {
  const { engines } = JSON.parse(await readFile('package.json', 'utf8'));
  return `${minVersion(engines.node)}`;
}

/** Path of a release of Node, from the npm registry. The platform's package is taken: it runs no script as it is installed. */
export async function nodeProgram(release: string): Promise<string> {
  const prefix = join(CACHE, `node-${release}`);
  const name = `node-${process.platform}-${process.arch}`;
  const program = join(prefix, 'node_modules', name, 'bin/node');
  if (!existsSync(program)) {
    await mkdir(prefix, { recursive: true });
    await promisify(execFile)('npm', ['install', '--no-save', '--prefix', prefix, `${name}@${release}`]);
  }
  return program;
}

/** Path of the Node that the base images of the Dockerfile have. */
export const imageNode = async (): Promise<string> => nodeProgram(await imageRelease());
