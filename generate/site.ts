// Builds the site with the pages of all releases, as the release workflow publishes it: npm run site
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parse, rcompare } from 'semver';

const run = promisify(execFile);

/** A release whose pages the site has. */
export interface Release {
  tag: string;
  /** Major and minor version, which is the name of its folder. */
  version: string;
}

/** What the site is made of. */
export interface Sources {
  /** Path of a clone with the tags of all releases. */
  repository: string;
  /** Installs the packages of a checkout. */
  install: (checkout: string) => Promise<unknown>;
}

const fromHere: Sources = {
  repository: '.',
  install: (checkout) => run('npm', ['ci', '--ignore-scripts'], { cwd: checkout }),
};

/**
 * Writes the site into a folder, which it empties first: the newest release at the root, and each one, as its checkout builds it,
 * in the folder of its version.
 * @returns the releases, newest first
 * @throws an Error when no release has a site, or one can't be built
 */
export async function site(folder: string, { repository, install } = fromHere): Promise<Release[]> {
  const releases = releasesOf(await tagsWithSite(repository));
  if (releases.length === 0) throw new Error('no tag of a release has a site: fetch the tags, or tag one');
  const versions = releases.map(({ version }) => version).join(' ');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [index, { tag, version }] of releases.entries()) {
    const checkout = await mkdtemp(join(tmpdir(), 'meshery-site-'));
    try {
      await checkOut(repository, tag, checkout);
      await install(checkout);
      const part = { SITE_REF: tag, SITE_VERSIONS: versions };
      if (index === 0) await build(checkout, folder, part);
      await build(checkout, join(folder, version), { ...part, SITE_FOLDER: `${version}/` });
    } finally {
      await rm(checkout, { recursive: true, force: true });
    }
  }
  return releases;
}

/** The newest release of each minor version, newest first. Pre-releases have pages only before the first release. */
export function releasesOf(tags: string[]): Release[] {
  const versions = tags.map((tag) => parse(tag)).filter((version) => version !== null);
  const final = versions.filter(({ prerelease }) => prerelease.length === 0);
  const byMinor = new Map<string, Release>();
  for (const { major, minor, version } of (final.length > 0 ? final : versions).sort(rcompare)) {
    const name = `${major}.${minor}`;
    if (!byMinor.has(name)) byMinor.set(name, { tag: `v${version}`, version: name });
  }
  return [...byMinor.values()];
}

async function tagsWithSite(repository: string): Promise<string[]> {
  const git = (...args: string[]) => run('git', ['-C', repository, ...args]);
  const { stdout } = await git('tag', '--list', 'v*');
  const tags = stdout.split('\n').filter(Boolean);
  const found = await Promise.all(
    tags.map((tag) =>
      git('cat-file', '-e', `${tag}:docs/.vitepress/config.ts`).then(
        () => [tag],
        () => [],
      ),
    ),
  );
  return found.flat();
}

/** The files of a tag, without a repository. */
async function checkOut(repository: string, tag: string, checkout: string): Promise<void> {
  const archive = join(checkout, 'archive.tar');
  await run('git', ['-C', repository, 'archive', '--output', archive, tag]);
  await run('tar', ['-xf', archive, '-C', checkout]);
  await rm(archive);
}

/** Builds one part by the command of its own release. docs/.vitepress/versions.ts reads the variables. */
async function build(checkout: string, folder: string, variables: Record<string, string>): Promise<void> {
  const env = { ...process.env, ...variables };
  await run('npm', ['run', '--silent', 'docs:build', '--', '--outDir', resolve(folder)], { cwd: checkout, env });
}

if (process.argv[1] === import.meta.filename) {
  try {
    for (const { tag, version } of await site('dist-site')) process.stdout.write(`${version}/  ${tag}\n`);
  } catch (error) {
    const { message, stderr = '' } = error as Error & { stderr?: string };
    process.stderr.write(`${stderr}${message}\n`);
    process.exitCode = 1;
  }
}
