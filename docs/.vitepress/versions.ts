import type { DefaultTheme } from 'vitepress';
import packageJson from '../../package.json' with { type: 'json' };

/** The address of the repository. */
export const HOME = packageJson.homepage.replace('#readme', '');

/** Path of the root of the site below its host: GitHub Pages serves a repository at its name. */
const ROOT = `/${HOME.slice(HOME.lastIndexOf('/') + 1)}/`;

/**
 * Which part of the site is built. generate/site.ts sets these variables for the configuration of every release, also of
 * earlier ones: none may change its meaning.
 */
const {
  /** Folder of the part, such as `2.1/`; empty for the root. */
  SITE_FOLDER: folder = '',
  /** Tag that links to files of the repository lead to. */
  SITE_REF: ref = 'main',
  /** The versions that have a folder, newest first, with spaces between. The first one is also the root. */
  SITE_VERSIONS: list = '',
} = process.env;

const versions = list.split(' ').filter(Boolean);
const [newest] = versions;

/** What the configuration takes from it. */
export const build = {
  folder,
  ref,
  /** Path of the part below its host. */
  base: `${ROOT}${folder}`,
  /** Path of the newest version, where another one is shown. */
  newest: folder === '' || folder === `${newest}/` ? undefined : ROOT,
  menu: menu(),
};

/** The menu of versions: the same list in every part. */
function menu(): DefaultTheme.NavItem {
  const items = versions.map((version) => ({
    text: version === newest ? `${version} (newest)` : version,
    link: addressOf(version),
    // Another part is another site to VitePress, whose router must not take the link for one of its own.
    target: '_self',
  }));
  const changes = { text: 'Changes', link: `${HOME}/blob/main/CHANGELOG.md` };
  return { text: ref === 'main' ? ref : packageJson.version, items: [...items, changes] };
}

/** VitePress puts the base of the part before it. The newest version is at the root. */
function addressOf(version: string): string {
  return `${folder ? '/../' : '/'}${version === newest ? '' : `${version}/`}`;
}
