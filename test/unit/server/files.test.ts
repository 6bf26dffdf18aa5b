import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type WatchedFiles, watchFiles } from '../../../src/server/files.ts';
import { until } from '../../cluster/processes.ts';

let directory: string;
let watched: WatchedFiles<string> | undefined;
let lines: { level: number; msg: string }[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'files-'));
  lines = [];
});
afterEach(async () => {
  watched?.stop();
  await rm(directory, { recursive: true });
});

/** Writes files as kubelet mounts a Secret: they are links into a directory that is replaced as a whole. */
async function mount(version: string, files: Record<string, string>): Promise<void> {
  await mkdir(join(directory, version));
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, version, name), content);
  await symlink(version, join(directory, 'next'));
  await rename(join(directory, 'next'), join(directory, '..data'));
}

async function watch(): Promise<WatchedFiles<string>> {
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(JSON.parse(chunk));
      done();
    },
  });
  const make = (contents: (string | undefined)[]) => {
    if (contents.includes('broken')) throw new Error('they are broken');
    return contents.join();
  };
  const files = ['a', 'b'].map((name) => join(directory, '..data', name));
  watched = await watchFiles({ files, make, logger: pino(stream), interval: 10 });
  return watched;
}

it('files of a mounted Secret are read again, and invalid content is ignored', async () => {
  await mount('1', { a: 'one' });
  const files = await watch();
  const seen: string[] = [];
  files.onChange((value) => seen.push(value));
  expect(files.current).toBe('one,');
  await mount('2', { a: 'one', b: 'two' });
  await until('the second file', async () => files.current === 'one,two', 5);
  await mount('3', { a: 'broken', b: 'two' });
  await until('a line in the log', async () => lines.some(({ level }) => level === 50), 5);
  expect(files.current).toBe('one,two');
  await mount('4', { a: 'three' });
  await until('the repaired file', async () => files.current === 'three,', 5);
  expect(seen).toEqual(['one,two', 'three,']);
  expect(lines.filter(({ level }) => level === 50).map(({ msg }) => msg)).toEqual([
    'changed files are invalid, the previous contents stay in use: they are broken',
  ]);
});

it('a file that can not be read any more is reported once', async () => {
  await mount('1', { a: 'one' });
  const files = await watch();
  await mount('2', { b: 'two' });
  await mkdir(join(directory, '2', 'a'));
  const errors = () => lines.filter(({ level }) => level === 50);
  await until('a line in the log', async () => errors().length > 0, 5);
  await new Promise((done) => setTimeout(done, 100));
  expect(errors()).toHaveLength(1);
  await mount('3', { a: 'three' });
  await until('the repaired file', async () => files.current === 'three,', 5);
});

it('invalid files at the start are an error', async () => {
  await mount('1', { a: 'broken' });
  await expect(watch()).rejects.toThrow('they are broken');
  await mount('2', { b: 'two' });
  await mkdir(join(directory, '2', 'a'));
  await expect(watch()).rejects.toThrow(/\/a can not be read: EISDIR$/);
});
