import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { goTool } from '../tools.ts';

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}

interface Job {
  permissions?: Record<string, string>;
  needs?: string | string[];
  uses?: string;
  steps?: Step[];
}

const FOLDER = '.github/workflows';
const files = readdirSync(FOLDER).map((name) => `${FOLDER}/${name}`);
const workflow = (file: string) =>
  parse(readFileSync(file, 'utf8')) as { permissions: object; jobs: Record<string, Job> };
const jobs = files.flatMap((file) => Object.entries(workflow(file).jobs).map(([name, job]) => ({ file, name, job })));
const steps = jobs.flatMap(({ file, name, job }) => (job.steps ?? []).map((step) => ({ file, name, ...step })));

it('the workflows are CI and releases', () => {
  expect(files).toEqual([`${FOLDER}/ci.yml`, `${FOLDER}/release.yml`]);
});

it('the workflows are accepted by actionlint', async () => {
  // Programs that it would find on some machines only.
  const args = ['-shellcheck=', '-pyflakes=', ...files];
  await expect(promisify(execFile)(await goTool('actionlint'), args)).resolves.toMatchObject({ stdout: '' });
});

describe('the workflows', () => {
  it('grant nothing, and each job only what it lists', () => {
    for (const file of files) expect(workflow(file).permissions, file).toEqual({});
    const writes = jobs.map(({ name, job }) => [
      name,
      Object.entries(job.permissions ?? {}).flatMap(([scope, access]) => (access === 'write' ? [scope] : [])),
    ]);
    expect(Object.fromEntries(writes)).toEqual({
      test: [],
      check: [],
      ci: [],
      files: [],
      site: [],
      image: ['packages', 'id-token', 'attestations'],
      chart: ['packages', 'id-token', 'attestations'],
      release: ['contents', 'id-token', 'attestations'],
      pages: ['pages', 'id-token'],
    });
  });

  it('run no code of npm packages in a job that may write', () => {
    const writing = jobs.filter(({ job }) => Object.values(job.permissions ?? {}).includes('write'));
    const commands = writing.flatMap(({ job }) => job.steps ?? []).flatMap(({ run = [] }) => run);
    expect(commands.length).toBeGreaterThan(4);
    expect(commands.filter((command) => /\b(npm|npx|node)\b/.test(command))).toEqual([]);
  });

  it('publish the pages of all releases with the charts, built in a job that may write nothing', () => {
    const { site, pages } = workflow(`${FOLDER}/release.yml`).jobs;
    const uses = (job: Job | undefined, action: string) =>
      job?.steps?.find((step) => step.uses?.startsWith(`actions/${action}@`))?.with;
    expect(uses(site, 'checkout')).toMatchObject({ 'fetch-depth': 0 });
    expect(site?.steps?.map(({ run }) => run)).toContain('npm run --silent site');
    expect(uses(site, 'upload-artifact')).toMatchObject({ name: 'site', path: 'dist-site' });
    expect(uses(pages, 'download-artifact')).toEqual({ name: 'site', path: 'site' });
    expect(uses(pages, 'upload-pages-artifact')).toEqual({ path: 'site' });
    expect(pages?.steps?.map(({ run }) => run).join()).toContain('helm repo index site');
    expect(pages?.needs).toEqual(['release', 'site']);
  });

  it('pin every action by digest, each by one, with its version as a comment', () => {
    const lines = files.flatMap((file) => readFileSync(file, 'utf8').match(/uses: .+$/gm) ?? []);
    const remote = lines.filter((line) => !line.startsWith('uses: ./'));
    expect(remote.length).toBeGreaterThan(10);
    for (const line of remote) expect(line).toMatch(/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    const actions = new Set(remote.map((line) => line.replace(/@.*/, '')));
    expect(new Set(remote).size).toBe(actions.size);
  });

  it('leave no credentials in a checkout', () => {
    const checkouts = steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    expect(checkouts.length).toBeGreaterThan(4);
    for (const { with: inputs, name } of checkouts)
      expect(inputs, name).toMatchObject({ 'persist-credentials': false });
  });

  it('put no expression into a command, where the name of a tag would be run', () => {
    const commands = steps.flatMap(({ run = [] }) => run);
    expect(commands.length).toBeGreaterThan(8);
    expect(commands.filter((command) => command.includes('${{'))).toEqual([]);
  });

  it('run in the Node of the image', () => {
    const [, node] = /^ARG NODE_IMAGE=node:(\d+)/m.exec(readFileSync('Dockerfile', 'utf8')) ?? [];
    const versions = steps.flatMap(({ uses, with: inputs }) =>
      uses?.startsWith('actions/setup-node@') ? [String(inputs?.['node-version'])] : [],
    );
    expect(versions.length).toBeGreaterThan(2);
    expect(new Set(versions)).toEqual(new Set([node]));
  });
});
