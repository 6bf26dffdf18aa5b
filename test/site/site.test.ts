import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import axe, { type AxeResults } from 'axe-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sidebar } from '../../docs/.vitepress/sidebar.ts';
import { chromium } from '../support/chromium.ts';
import { addressesOfStyle, type BuiltSite, brokenLinks, readSite, requestsToOthers } from './crawl.ts';
import { servePages } from './serve.ts';
import { openTab, type Tab, type View } from './tab.ts';

const BASE = '/meshery-operator-metacontroller/';
const browser = await chromium();
if (!browser) process.stderr.write('nobody looks at the site: install chromium, or set CHROMIUM to its path\n');

/** Checks a page for what people who see badly, or use no mouse, can't read or reach. */
const AXE = `${axe.source}; undefined`;

const OPTIONS = JSON.stringify({
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'],
  // A group of VitePress's sidebar that folds is a button with a button in it.
  rules: { 'nested-interactive': { enabled: false } },
});

const listed = await readdir('docs', { recursive: true });
/** Paths of all pages below docs/, without `.md`. */
const pages = listed.filter((file) => file.endsWith('.md')).map((file) => file.replace('.md', ''));

let folder: string;
let site: BuiltSite;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshery-site-'));
  // In the Node that runs the tests. A dead link between pages fails the build.
  const args = [resolve('node_modules/vitepress/bin/vitepress.js'), 'build', 'docs', '--outDir', folder];
  await promisify(execFile)(process.execPath, args);
  site = await readSite(folder, BASE);
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const built = (page: string) => site.pages.find(({ file }) => file === `${page}.html`)?.html;

describe('the sidebar', () => {
  it('has every page but the first one, once', () => {
    const links = sidebar.flatMap(({ items = [] }) => items).map(({ link }) => link?.slice(1));
    expect(links.sort()).toEqual(pages.filter((page) => page !== 'index').sort());
  });
});

describe('the built site', () => {
  it('has every page, with a title of its own, one heading and its language', () => {
    expect(site.pages.map(({ file }) => file).sort()).toEqual([...pages, '404'].map((page) => `${page}.html`).sort());
    const titles = pages.map((page) => built(page)?.querySelector('title')?.text);
    expect(new Set(titles).size).toBe(pages.length);
    for (const page of pages) {
      expect(built(page)?.querySelectorAll('h1').length, page).toBe(1);
      expect(built(page)?.querySelector('title')?.text, page).toMatch(/^.+ \| .+$/);
      expect(built(page)?.querySelector('html')?.getAttribute('lang'), page).toBe('en');
    }
  });

  it('has no link to a page, a section or a file that does not exist', () => {
    const links = site.pages.flatMap(({ html }) => html.querySelectorAll('a[href]'));
    expect(links.length).toBeGreaterThan(pages.length * 20);
    expect(site.pages.flatMap((page) => brokenLinks(site, page))).toEqual([]);
  });

  it('asks no other host for anything', async () => {
    expect(site.pages.flatMap(requestsToOthers)).toEqual([]);
    const styles = [...site.files].filter((file) => file.endsWith('.css'));
    expect(styles.length).toBeGreaterThan(0);
    const css = await Promise.all(styles.map((file) => readFile(join(folder, file), 'utf8')));
    const addresses = css.flatMap(addressesOfStyle).filter((address) => !address.startsWith('data:'));
    expect(addresses.length).toBeGreaterThan(0);
    for (const address of addresses) expect(address).toMatch(/^(?:\/(?!\/)|#)/);
  });

  it('has the pictures of both schemes as images, and every image has a text', () => {
    const images = site.pages.flatMap(({ file, html }) =>
      html.querySelectorAll('img').map((image) => ({ file, image })),
    );
    expect(site.pages.flatMap(({ html }) => html.querySelectorAll('picture'))).toEqual([]);
    for (const { file, image } of images) expect(image.getAttribute('alt'), file).toBeTruthy();
    const count = (scheme: string) => images.filter(({ image }) => image.classList.contains(`of-${scheme}`)).length;
    expect(count('light')).toBeGreaterThan(0);
    expect(count('dark')).toBe(count('light'));
  });

  it('has an index of the search, and nothing that the chart repository has', () => {
    expect([...site.files].filter((file) => /^assets\/chunks\/@localSearchIndexroot\..*\.js$/.test(file))).toHaveLength(
      1,
    );
    expect([...site.files].filter((file) => file === 'index.yaml' || file.endsWith('.tgz'))).toEqual([]);
  });
});

const PHONE = { width: 360, height: 740 };
const TABLET = { width: 768, height: 1024 };
const DESKTOP = { width: 1280, height: 900 };
const VIEWS: View[] = [PHONE, DESKTOP].flatMap((size) => [
  { ...size, scheme: 'light' as const },
  { ...size, scheme: 'dark' as const },
]);

describe.skipIf(!browser)('in Chromium', () => {
  let server: Awaited<ReturnType<typeof servePages>>;
  let tab: Tab;
  beforeAll(async () => {
    server = await servePages(folder, BASE);
    tab = await openTab(browser as string);
  });
  afterAll(async () => {
    await tab.close();
    server.close();
  });

  const show = (page: string) => tab.show(`${server.url}${page === 'index' ? '' : page}`);
  const all = <Result>(selector: string, what: string) =>
    tab.evaluate<Result[]>(
      `[...document.querySelectorAll(${JSON.stringify(selector)})].map((element) => element.${what})`,
    );

  it('no page scrolls sideways, on a phone, a tablet or a desktop', async () => {
    const wide: string[] = [];
    await tab.view({ ...PHONE, scheme: 'light' });
    for (const page of pages) {
      await show(page);
      for (const size of [PHONE, TABLET, DESKTOP]) {
        await tab.view({ ...size, scheme: 'light' });
        const width = await tab.evaluate<number>('document.documentElement.scrollWidth');
        if (width > size.width) wide.push(`${page} has ${width} of ${size.width} pixels`);
      }
    }
    expect(wide).toEqual([]);
  });

  it.each([PHONE, DESKTOP])('the search of the page at $width by $height finds a reason', async (size) => {
    await tab.view({ ...size, scheme: 'light' });
    await show('install');
    await tab.click('.VPNavBarSearch button');
    await tab.until("document.activeElement?.id === 'localsearch-input'");
    await tab.type('StreamsWouldBeLost');
    await tab.until("document.querySelector('.VPLocalSearchBox .result')");
    const found = await all<string>('.VPLocalSearchBox .result', "getAttribute('href').split('#')[0]");
    expect(found).toContain(`${BASE}reference/conditions`);
  });

  it('the menus open on a phone', async () => {
    await tab.view({ ...PHONE, scheme: 'light' });
    await show('install');
    await tab.click('.VPNavBarHamburger');
    await tab.until("document.querySelector('.VPNavScreen')?.checkVisibility()");
    await tab.click('.VPNavBarHamburger');
    await tab.click('.VPLocalNav .menu');
    await tab.until("document.querySelector('.VPSidebar.open')");
    await tab.click('.VPSidebar a[href$="/migrate"]');
    await tab.until("location.pathname.endsWith('/migrate') && document.title.startsWith('From')");
  });

  it('the switch changes the scheme, and the pictures with it', async () => {
    await tab.view({ ...DESKTOP, scheme: 'light' });
    await show('index');
    const shown = () =>
      tab.evaluate("[...document.querySelectorAll('.vp-doc img')].find((image) => image.checkVisibility()).className");
    expect(await shown()).toBe('of-light');
    await tab.click('.VPSwitchAppearance');
    await tab.until("document.documentElement.classList.contains('dark')");
    expect(await shown()).toBe('of-dark');
    await tab.evaluate('localStorage.clear()');
  });

  it.each(['index', 'install', 'command-line', 'nats', 'reference/conditions'])(
    'the rules of WCAG AA hold for %s, at both sizes in both schemes',
    async (page) => {
      await show(page);
      await tab.evaluate(AXE);
      for (const view of VIEWS) {
        await tab.view(view);
        await tab.until(`document.documentElement.classList.contains('dark') === ${view.scheme === 'dark'}`);
        await tab.until("document.getAnimations().every(({ playState }) => playState !== 'running')");
        const { violations } = await tab.evaluate<AxeResults>(`axe.run(${OPTIONS})`);
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
        expect(found, `${view.width} by ${view.height}, ${view.scheme}`).toEqual([]);
      }
    },
  );

  it('no page has asked another host, and none has failed', () => {
    expect(tab.requests.length).toBeGreaterThan(pages.length);
    expect(tab.requests.filter((url) => !url.startsWith(server.url) && !url.startsWith('data:'))).toEqual([]);
    expect(tab.errors).toEqual([]);
  });
});
