import { createMarkdownRenderer } from 'vitepress';
import { describe, expect, it } from 'vitest';
import { anchor, likeGitHub } from '../../docs/.vitepress/markdown.ts';

const HOME = 'https://github.com/meshery/operator';
const markdown = await createMarkdownRenderer('docs', likeGitHub({ home: HOME, ref: 'v1.2.3' }));
const rendered = (text: string, relativePath = 'install.md') =>
  markdown.render(text, { relativePath, cleanUrls: true });

describe('a page', () => {
  it.each([
    ['text', 'Braces {{ .Values.image }} stay.'],
    ['code', 'Braces `{{ $labels.name }}` stay.'],
    ['a heading', '## Braces {{ x }} `{{ y }}`'],
    ['a table', '| a |\n|---|\n| {{ x }} `{{ y }}` |'],
    ['HTML', '<p>Braces {{ x }}</p>'],
    ['HTML in a line', 'A <b>{{ x }}</b> b'],
    ['a link', '[{{ x }}](install.md)'],
  ])('has braces in %s, which are no expressions of Vue', (_place, text) => {
    const html = rendered(text);
    expect(html.replaceAll(/="[^"]*"/g, '')).not.toContain('{{');
    expect(html).toContain('&#123;&#123; ');
  });

  it('has braces in blocks of code, which Vue does not read', () => {
    expect(rendered('```yaml\na: {{ x }}\n```')).toMatch(/<pre [^>]*v-pre=""><code>[\s\S]*\{\{/);
  });

  it('has braces behind a heading as a part of it', () => {
    expect(rendered('## Labels {instance}')).toMatch(/<h2 id="labels-instance" tabindex="-1">Labels \{instance\}/);
  });
});

describe('a link', () => {
  it.each([
    ['install.md', '../SECURITY.md', '/blob/v1.2.3/SECURITY.md'],
    ['install.md', '../SECURITY.md#report', '/blob/v1.2.3/SECURITY.md#report'],
    ['install.md', '../manifests/chart', '/tree/v1.2.3/manifests/chart'],
    ['install.md', 'api/openapi.json', '/blob/v1.2.3/docs/api/openapi.json'],
    ['reference/fields.md', '../../metacontroller/install/README.md', '/blob/v1.2.3/metacontroller/install/README.md'],
    ['reference/fields.md', '../api/openapi.json', '/blob/v1.2.3/docs/api/openapi.json'],
  ])('of %s to %s leads to the repository, at the tag of the release', (page, link, address) => {
    expect(rendered(`[there](${link})`, page)).toContain(`href="${HOME}${address}"`);
  });

  it.each([
    ['install.md', 'migrate.md', './migrate'],
    ['install.md', 'migrate.md#steps', './migrate#steps'],
    ['install.md', '#helm', '#helm'],
    ['reference/fields.md', '../install.md', './../install'],
    ['install.md', 'https://nats.io/x.md', 'https://nats.io/x.md'],
  ])('of %s to %s stays', (page, link, address) => {
    expect(rendered(`[there](${link})`, page)).toContain(`href="${address}"`);
  });

  it('to what does not exist is refused', () => {
    expect(() => rendered('[there](../nowhere.md)')).toThrow(/ENOENT.*nowhere\.md/);
  });
});

describe('a picture', () => {
  const picture = (source: string) =>
    `<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="${source}-dark.svg">\n  <img alt="Way" src="${source}-light.svg" width="600">\n</picture>\n`;

  it.each([
    ['images/way', './images/way'],
    ['./images/way', './images/way'],
    ['../images/way', '../images/way'],
  ])('of two schemes, %s, becomes an image of each, of which the theme shows one', (source, address) => {
    const html = rendered(picture(source));
    expect(html).toContain(`<img alt="Way" class="of-light" loading="lazy" src="${address}-light.svg" width="600">`);
    expect(html).toContain(`<img alt="Way" class="of-dark" loading="lazy" src="${address}-dark.svg" width="600">`);
    expect(html).not.toContain('<picture>');
  });

  it.each([
    ['install.md', 'images/status.svg'],
    ['reference/x.md', '../images/status.svg'],
  ])('of a wide terminal keeps a width at which it can be read, and its paragraph scrolls', (page, source) => {
    expect(rendered(`![status](${source})`, page)).toMatch(
      /^<p class="wide" tabindex="0"><img [^>]*alt="status" width="\d{3}"><\/p>/,
    );
  });
});

describe('code in a line', () => {
  it.each([
    ['spec.podTemplate.volumes[].name', 'spec.<wbr>podTemplate.<wbr>volumes[].<wbr>name'],
    ['spec.ignoredDuringSchedulingAndExecution', 'spec.<wbr>ignored<wbr>During<wbr>Scheduling<wbr>And<wbr>Execution'],
    [
      'kubectl get -n meshery --watch-only',
      'kubectl get <span class="flag">-n</span> meshery <span class="flag">--watch-only</span>',
    ],
    ['$namespace/$name', '$namespace/$name'],
    ['a &lt; b &amp; c.d.e.f', 'a &amp;lt; b &amp;amp; c.<wbr>d.<wbr>e.<wbr>f'],
    ['spec.size', 'spec.size'],
  ])('%s may be broken, if it is long, where its parts begin', (code, html) => {
    expect(rendered(`\`${code}\``)).toBe(`<p><code>${html}</code></p>\n`);
  });
});

// As GitHub shows them.
it.each([
  ['What a change of a Broker costs', 'what-a-change-of-a-broker-costs'],
  ['Is it running? `status`', 'is-it-running-status'],
  ['`spec.size` and more', 'specsize-and-more'],
  ['A, B & C', 'a-b--c'],
  ['Größe – 1.2', 'größe--12'],
])('the heading "%s" has the anchor of GitHub', (heading, expected) => {
  expect(anchor(heading.replaceAll('`', ''))).toBe(expected);
  expect(rendered(`## ${heading}`)).toContain(`<h2 id="${expected}"`);
});
