import { type DefaultTheme, defineConfigWithTheme } from 'vitepress';
import packageJson from '../../package.json' with { type: 'json' };
import { likeGitHub } from './markdown.ts';
import { sidebar } from './sidebar.ts';
import type { Own } from './theme/index.ts';
import { build, HOME } from './versions.ts';

/** The site: docs/ as HTML that asks no other host for anything. `npm run docs` shows it while one writes. */
export default defineConfigWithTheme<DefaultTheme.Config & Own>({
  title: 'Meshery Operator',
  description: packageJson.description,
  lang: 'en',
  base: build.base,
  outDir: '../dist-site',
  cleanUrls: true,
  head: [
    ['link', { rel: 'icon', type: 'image/svg+xml', href: `${build.base}favicon.svg` }],
    // Search engines find the newest version, which is the root.
    ...(build.folder ? [['meta', { name: 'robots', content: 'noindex' }] as [string, Record<string, string>]] : []),
  ],
  markdown: likeGitHub({ home: HOME, ref: build.ref }),
  // Pictures are files, which pages share.
  vite: { build: { assetsInlineLimit: 0 } },
  themeConfig: {
    nav: [
      { text: 'Install', link: '/install' },
      { text: 'Troubleshooting', link: '/troubleshooting' },
      { text: 'Reference', link: '/reference/fields', activeMatch: '^/reference/' },
      build.menu,
    ],
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: HOME }],
    // A page of a release may be gone from main.
    ...(build.folder === '' && { editLink: { pattern: `${HOME}/edit/main/docs/:path`, text: 'Edit this page' } }),
    footer: { message: `Apache License 2.0. <a href="${HOME}/blob/${build.ref}/CHANGELOG.md">Changes</a>` },
    notFound: { quote: 'It may have another name in this version: search for a word of it.' },
    newest: build.newest,
  },
});
