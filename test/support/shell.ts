import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CACHE, goTool } from '../tools.ts';

const run = promisify(execFile);

/** Where commands run. */
export interface Shell {
  /** The folder. Default: this checkout. */
  cwd?: string;
  /** Folders of further programs. */
  programs?: string[];
  /** More of the environment. */
  environment?: Record<string, string>;
}

/**
 * Runs commands in a shell that ends at the first that fails, with kubectl for a cluster and the built command line; gives what
 * they print.
 */
export async function shell(
  kubeconfig: string,
  text: string,
  { cwd = '.', programs = [], environment = {} }: Shell = {},
): Promise<string> {
  const path = [...programs, dirname(await goTool('kubectl')), await ownProgram(), process.env.PATH].join(':');
  const env = { ...process.env, ...environment, KUBECONFIG: kubeconfig, PATH: path };
  return (await run('sh', ['-ec', text], { cwd, env, maxBuffer: 1e8 })).stdout;
}

/** A folder that has the built command line under its name. */
async function ownProgram(): Promise<string> {
  const folder = join(CACHE, 'own');
  const link = join(folder, 'meshery-operator');
  await mkdir(folder, { recursive: true });
  if (!existsSync(link)) await symlink(resolve('dist/cli.js'), link).catch(() => undefined); // another test was faster
  return folder;
}
