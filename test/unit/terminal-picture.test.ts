import { expect, it } from 'vitest';
import { terminalPicture } from '../../generate/terminal-picture.ts';

it('draws what a terminal shows: colours as classes, characters of XML escaped, long lines cut', () => {
  const long = 'x'.repeat(140);
  const svg = terminalPicture(
    'a <b>',
    `plain \u001b[32mgreen\u001b[39m \u001b[2m& dim\u001b[22m\n\u001b[31m${long}\u001b[39m\n`,
  );
  expect([...svg.matchAll(/<text .*?>(.*)<\/text>/g)].map(([, text = '']) => text.replaceAll('\u00a0', ' '))).toEqual([
    '$ a &lt;b&gt;',
    'plain <tspan class="green">green</tspan> <tspan class="dim">&amp; dim</tspan>',
    `<tspan class="red">${'x'.repeat(131)}…</tspan>`,
  ]);
  expect(svg).toContain('viewBox="0 0 1141 92"');
});
