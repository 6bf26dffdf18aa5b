import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** The bundles, built into a folder of their own where no node_modules is near, as the image has them. */
export interface Bundles {
  server: string;
  cli: string;
  remove(): Promise<void>;
}

export async function buildBundles(): Promise<Bundles> {
  const folder = await mkdtemp(join(tmpdir(), 'meshery-operator-'));
  const work = join(folder, 'work');
  await mkdir(work);
  await symlink(resolve('src'), join(work, 'src'));
  await promisify(execFile)(process.execPath, [resolve('build.mjs')], { cwd: work });
  const alone = join(folder, 'alone');
  await mkdir(alone);
  await cp(join(work, 'dist'), alone, { recursive: true });
  await writeFile(join(alone, 'package.json'), '{ "type": "module" }');
  return {
    server: join(alone, 'server.js'),
    cli: join(alone, 'cli.js'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  finished: Promise<Finished>;
  /** Resolves with the first match in what the process has written to stdout. */
  written(pattern: RegExp): Promise<RegExpExecArray>;
}

/**
 * Runs a bundle without the environment of the tests.
 * @param flags of Node
 */
export function start(
  file: string,
  args: string[] = [],
  env: Record<string, string> = {},
  input = '',
  flags: string[] = [],
): Running {
  const child = spawn(process.execPath, [...flags, file, ...args], { env, stdio: 'pipe' });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk;
  });
  child.stdin.end(input);
  const finished = new Promise<Finished>((done) => child.on('close', (code) => done({ code, ...text })));
  const written = async (pattern: RegExp) => {
    for (let attempt = 0; attempt < 200; attempt++) {
      const match = pattern.exec(text.stdout);
      if (match) return match;
      await new Promise((done) => setTimeout(done, 25));
    }
    throw new Error(`not written: ${pattern} in ${text.stdout}${text.stderr}`);
  };
  return { child, finished, written };
}

/** Runs the command line of the build, as a person does. */
export function cli(args: string[], env: Record<string, string> = {}): Promise<Finished> {
  return start('dist/cli.js', args, { PATH: process.env.PATH ?? '', ...env }).finished;
}
