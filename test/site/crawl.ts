import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HTMLElement, parse } from 'node-html-parser';

/** A page as it was built. */
export interface BuiltPage {
  /** Path of the file in the folder of the site. */
  file: string;
  html: HTMLElement;
}

/** A built site. */
export interface BuiltSite {
  folder: string;
  /** Path that the folder is served at, with slashes around it. */
  base: string;
  pages: BuiltPage[];
  /** Paths of all files in the folder. */
  files: Set<string>;
}

/** Reads all pages of a folder. */
export async function readSite(folder: string, base: string): Promise<BuiltSite> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
  const pages = files.filter((file) => file.endsWith('.html'));
  const parsed = pages.map(async (file) => ({ file, html: parse(await readFile(join(folder, file), 'utf8')) }));
  return { folder, base, pages: await Promise.all(parsed), files: new Set(files) };
}

/** What of a page its reader's browser, or the reader, can't get: one line for each link, with what is wrong. */
export function brokenLinks(site: BuiltSite, { file, html }: BuiltPage): string[] {
  const anchors = html.querySelectorAll('a[href]').map((link) => link.getAttribute('href') ?? '');
  const files = html.querySelectorAll('img, script[src], link[href]').map((element) => sourceOf(element));
  return [...anchors, ...files].flatMap((link) => {
    const url = new URL(link, `http://site${site.base}${file.replace(/(?:index)?\.html$/, '')}`);
    if (url.protocol === 'https:' || url.protocol === 'data:') return [];
    const problem = url.host === 'site' ? missing(site, url) : 'has another protocol';
    return problem ? [`${file}: ${link} ${problem}`] : [];
  });
}

/** Addresses on other hosts that a browser asks when it shows a page, without a click of the reader. */
export function requestsToOthers({ html }: BuiltPage): string[] {
  const loaded = html.querySelectorAll('img, script[src], iframe, source, video, audio, object, embed, link[href]');
  const written = html
    .querySelectorAll('style, [style]')
    .map((element) => element.getAttribute('style') ?? element.text);
  return [...loaded.map(sourceOf), ...written.flatMap(addressesOfStyle)].filter((link) =>
    /^(?:[a-z]+:)?\/\//i.test(link),
  );
}

/** The addresses that a style sheet loads. */
export function addressesOfStyle(css: string): string[] {
  return [...css.matchAll(/url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)/g)].map(([, url, file]) => url ?? file ?? '');
}

function sourceOf(element: HTMLElement): string {
  const names = ['src', 'href', 'srcset', 'data'];
  return names.map((name) => element.getAttribute(name)).find((value) => value !== undefined) ?? '';
}

function missing({ base, files, pages }: BuiltSite, { pathname, hash }: URL): string | undefined {
  if (!pathname.startsWith(base)) return 'leaves the site';
  const path = decodeURIComponent(pathname.slice(base.length));
  const candidates = [path, `${path}.html`, `${path}${path && !path.endsWith('/') ? '/' : ''}index.html`];
  const file = candidates.find((each) => files.has(each));
  if (!file) return 'does not exist';
  const section = decodeURIComponent(hash.slice(1));
  if (!section || section === 'VPContent') return undefined;
  const target = pages.find((page) => page.file === file);
  return target?.html.getElementById(section) ? undefined : 'has no such section';
}
