import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sidebar } from '../../docs/.vitepress/sidebar.ts';
import { type Release, releasesOf, site } from '../../generate/site.ts';
import { type BuiltSite, brokenLinks, readSite } from './crawl.ts';

const ROOT = '/meshery-operator-metacontroller/';
const run = promisify(execFile);

describe('the releases with pages', () => {
  it.each([
    ['none without tags', [], []],
    [
      'the newest of each minor version, newest first',
      ['v2.1.0', 'v2.10.0', 'v2.1.2', 'v2.1.10'],
      ['v2.10.0', 'v2.1.10'],
    ],
    ['no pre-releases', ['v2.1.0', 'v2.2.0-rc.1'], ['v2.1.0']],
    ['the pre-releases before the first release', ['v2.1.0-rc.1', 'v2.1.0-rc.2'], ['v2.1.0-rc.2']],
    ['no other tags', ['v2', 'version', 'v2.1.0'], ['v2.1.0']],
  ])('are %s', (_what, tags, expected) => {
    expect(releasesOf(tags).map(({ tag }) => tag)).toEqual(expected);
  });

  it('have a folder that is named after the minor version', () => {
    expect(releasesOf(['v2.1.3'])).toEqual([{ tag: 'v2.1.3', version: '2.1' }]);
  });
});

describe('the site of several releases', () => {
  let work: string;
  let releases: Release[];
  let parts: BuiltSite;
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'meshery-releases-'));
    const repository = join(work, 'repository');
    await mkdir(repository);
    const git = (...args: string[]) =>
      run('git', ['-C', repository, '-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args]);
    const release = async (version: string) => {
      await git('add', '.');
      await git('commit', '--quiet', '--message', version);
      await git('tag', `v${version}`);
    };
    await git('init', '--quiet');
    await cp('package.json', join(repository, 'package.json'));
    await release('1.0.0');
    await writePages(repository);
    for (const version of ['2.0.0', '2.0.1', '2.1.0', '2.2.0-rc.1']) {
      await writeFile(join(repository, 'docs/install.md'), `# Install ${version}\n\n[the package](../package.json)\n`);
      await release(version);
    }
    const install = (checkout: string) => symlink(resolve('node_modules'), join(checkout, 'node_modules'));
    releases = await site(join(work, 'site'), { repository, install });
    parts = await readSite(join(work, 'site'), ROOT);
  }, 300_000);
  afterAll(() => rm(work, { recursive: true, force: true }));

  const page = (file: string) => parts.pages.find((each) => each.file === file)?.html;
  const found = (file: string, selector: string) => page(file)?.querySelectorAll(selector) ?? [];

  it('has the newest one at the root, and each one in its folder', () => {
    expect(releases).toEqual([
      { tag: 'v2.1.0', version: '2.1' },
      { tag: 'v2.0.1', version: '2.0' },
    ]);
    const headings = ['install.html', '2.1/install.html', '2.0/install.html'].map((file) => found(file, 'h1')[0]?.text);
    expect(headings.map((heading = '') => heading.slice(0, 13))).toEqual([
      'Install 2.1.0',
      'Install 2.1.0',
      'Install 2.0.1',
    ]);
    expect(page('1.0/install.html')).toBeUndefined();
  });

  it('has no link to a page that does not exist', () => {
    expect(parts.pages.flatMap((each) => brokenLinks(parts, each))).toEqual([]);
  });

  it('has the same menu of versions in every part', () => {
    const menus = ['install.html', '2.1/install.html', '2.0/install.html'].map((file) =>
      found(file, '.VPNavBarMenuGroup a')
        .filter((link) => link.getAttribute('target') === '_self')
        .map((link) => [link.text.trim(), new URL(link.getAttribute('href') ?? '', 'http://site').pathname]),
    );
    const expected = [
      ['2.1 (newest)', ROOT],
      ['2.0', `${ROOT}2.0/`],
    ];
    expect(menus).toEqual([expected, expected, expected]);
  });

  it('leads to the files of the repository as they were then', () => {
    const addresses = ['install.html', '2.0/install.html'].map((file) =>
      found(file, '.vp-doc a[href$="package.json"]')[0]?.getAttribute('href'),
    );
    const home = 'https://github.com/meshery/meshery-operator-metacontroller/blob';
    expect(addresses).toEqual([`${home}/v2.1.0/package.json`, `${home}/v2.0.1/package.json`]);
  });

  it('says on the pages of an older version, and only there, that there is a newer one', () => {
    const notices = ['install.html', '2.1/index.html', '2.0/install.html', '2.0/index.html'].map((file) =>
      found(file, '.older a').map((link) => link.getAttribute('href')),
    );
    expect(notices).toEqual([[], [], [ROOT], [ROOT]]);
  });

  it('shows search engines the root only, whose pages can be edited', () => {
    const files = ['install.html', '2.1/install.html', '2.0/install.html'];
    expect(files.map((file) => found(file, 'meta[content=noindex]').length)).toEqual([0, 1, 1]);
    expect(files.map((file) => found(file, '.edit-link-button').length)).toEqual([1, 0, 0]);
  });
});

it('a repository without a release that has pages is refused', async () => {
  const repository = await mkdtemp(join(tmpdir(), 'meshery-releases-'));
  await run('git', ['-C', repository, 'init', '--quiet']);
  await expect(site(join(repository, 'site'), { repository, install: async () => undefined })).rejects.toThrow(
    'no tag of a release has a site: fetch the tags, or tag one',
  );
  await rm(repository, { recursive: true });
});

/** The configuration of this checkout, with pages of one line. */
async function writePages(repository: string): Promise<void> {
  const isSource = (path: string) => !/\/(?:cache|\.temp)$/.test(path);
  for (const folder of ['docs/.vitepress', 'docs/public']) {
    await cp(folder, join(repository, folder), { recursive: true, filter: isSource });
  }
  const links = sidebar.flatMap(({ items = [] }) => items).map(({ link }) => link);
  for (const link of [...links, '/index']) {
    const file = join(repository, `docs${link}.md`);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, link === '/index' ? '---\nlayout: home\nhero:\n  text: Home\n---\n' : `# ${link}\n`);
  }
}
