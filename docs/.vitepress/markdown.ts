import { readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { MarkdownOptions } from 'vitepress';

const CHECKOUT = join(import.meta.dirname, '../..');

type Parameter = Parameters<NonNullable<MarkdownOptions['config']>>[0];
type RenderRules = Parameter['renderer']['rules'];
type Token = ReturnType<Parameter['parse']>[number];

/** Width of the text of a page, in pixels. */
const TEXT = 700;

/** Where links that leave docs/ lead to. */
interface Repository {
  home: string;
  /** Tag or branch. */
  ref: string;
}

/**
 * Options of VitePress by which pages that are written for GitHub read here as there: braces are text, headings have the same
 * anchors, links to files of the repository lead there, and of a `<picture>` the page shows the one for its colours.
 */
export function likeGitHub(repository: Repository): MarkdownOptions {
  return {
    // Else braces behind a heading or a word are its attributes.
    attrs: { disable: true },
    anchor: { slugify: anchor },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config: ({ renderer: { rules }, core }) => {
      edit(rules, 'code_inline', breakable);
      for (const rule of ['text', 'code_inline', 'html_block', 'html_inline']) edit(rules, rule, withoutExpressions);
      core.ruler.push('like-github', ({ tokens, env }) => {
        for (const [index, token] of tokens.entries()) {
          if (token.type === 'html_block') token.content = twoImages(token.content);
          for (const child of token.children ?? []) {
            if (child.type === 'link_open') lead(child, env.relativePath, repository);
            if (child.type === 'image') widen(child, tokens[index - 1], env.relativePath);
          }
        }
      });
    },
  };
}

/** Changes the HTML that a rule gives. */
function edit(rules: RenderRules, name: string, change: (html: string) => string): void {
  const before = rules[name];
  rules[name] = (...args) => change(before?.(...args) ?? '');
}

/** The anchor that GitHub gives a heading. */
export function anchor(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');
}

/** Vue takes two braces for the beginning of an expression, unless they are entities. */
function withoutExpressions(html: string): string {
  return html.replaceAll('{{', '&#123;&#123;');
}

/**
 * Long paths of fields may go on in the next line after a dot or a slash, and long names before a capital, so that they do not
 * widen the columns of tables. Flags of commands stay whole.
 */
function breakable(code: string): string {
  return code.replace(/(?<=>)[^<]{12,}(?=<)/, (text) =>
    text
      .replaceAll(/\w{25,}/g, (name) => name.replaceAll(/(?=[A-Z])/g, '<wbr>'))
      .replaceAll(/(?<=[\w\]])[./:=](?=[\w<])/g, '$&<wbr>')
      .replaceAll(/(?<=^|\s)--?[a-z][\w-]*/g, '<span class="flag">$&</span>'),
  );
}

/** A relative link that leads to no page goes to the repository. */
function lead(link: Token, page: string, { home, ref }: Repository): void {
  const href = link.attrGet('href') ?? '';
  if (/^(?:[a-z]+:|[#/])/i.test(href)) return;
  const [path = '', section] = href.split('#');
  const file = posix.join('docs', posix.dirname(page), path);
  if (file.startsWith('docs/') && file.endsWith('.md')) return;
  const kind = statSync(join(CHECKOUT, file)).isDirectory() ? 'tree' : 'blob';
  link.attrSet('href', `${home}/${kind}/${ref}/${file}${section ? `#${section}` : ''}`);
}

/** A `<picture>` becomes its two images, of which the theme shows one: a media query does not know of the switch of the page. */
function twoImages(html: string): string {
  return html.replaceAll(/<picture>[\s\S]*?<\/picture>/g, (picture) => {
    const [, dark = ''] = /<source (?=[^>]*scheme: dark)[^>]*srcset="([^"]+)"/.exec(picture) ?? [];
    const [image = ''] = /<img [^>]*>/.exec(picture) ?? [];
    const [, light = ''] = / src="([^"]+)"/.exec(image) ?? [];
    const of = (scheme: string, source: string) =>
      image.replace(/ src="[^"]+"/, ` class="of-${scheme}" loading="lazy" src="${source.replace(/^(?=\w)/, './')}"`);
    return `<p>${of('light', light)}${of('dark', dark)}</p>`;
  });
}

/** A picture of a terminal that is wider than the text gets a width at which it can be read, and its paragraph scrolls. */
function widen(image: Token, paragraph: Token | undefined, page: string): void {
  const source = image.attrGet('src') ?? '';
  if (!source.endsWith('.svg')) return;
  const svg = readFileSync(join(CHECKOUT, 'docs', posix.dirname(page), source), 'utf8');
  const width = Number(/^<svg [^>]*\bwidth="(\d+)"/.exec(svg)?.[1]);
  if (!(width > TEXT)) return;
  image.attrSet('width', String(Math.round(width * 0.85)));
  paragraph?.attrSet('class', 'wide');
  // So that it scrolls by keys too.
  paragraph?.attrSet('tabindex', '0');
}
