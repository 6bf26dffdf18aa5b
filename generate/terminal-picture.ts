import { type ParseToken, parseAnsiSequences } from 'ansi-sequence-parser';

const LINE = 20;
/** Width of a character of the font at its size: 0.6 em in all common monospace fonts. */
const CHARACTER = 8.4;
const MARGIN = 16;
/** Characters of a line that are shown, as by `less -S`. */
const COLUMNS = 132;

const STYLE = `
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; }
.frame { fill: #f6f8fa; stroke: #d1d9e0; }
.dim { fill: #59636e; }
.green { fill: #1a7f37; }
.yellow { fill: #9a6700; }
.red { fill: #d1242f; }
.bold { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .frame { fill: #151b23; stroke: #3d444d; }
  .dim { fill: #9198a1; }
  .green { fill: #3fb950; }
  .yellow { fill: #d29922; }
  .red { fill: #f85149; }
}
`;

/**
 * A picture of a terminal, as SVG for light and dark pages.
 * @param command that was run
 * @param output of it, with the escape sequences of its colours
 */
export function terminalPicture(command: string, output: string): string {
  const lines = [`$ ${command}`, ...output.replace(/\n$/, '').split('\n')].map((line) => cut(parseAnsiSequences(line)));
  const columns = Math.max(...lines.map((tokens) => tokens.reduce((sum, { value }) => sum + [...value].length, 0)));
  const [width, height] = [Math.ceil(columns * CHARACTER + 2 * MARGIN), lines.length * LINE + 2 * MARGIN];
  const texts = lines.map((tokens, index) => {
    const spans = tokens.map(({ value, foreground, decorations }) => {
      const names = [...(foreground?.type === 'named' ? [foreground.name] : []), ...decorations];
      return names.length > 0 ? `<tspan class="${names.join(' ')}">${escaped(value)}</tspan>` : escaped(value);
    });
    return `<text xml:space="preserve" x="${MARGIN}" y="${MARGIN + (index + 1) * LINE - 6}">${spans.join('')}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="What ${escaped(command)} prints">
<style>${STYLE}</style>
<rect class="frame" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>
${texts.join('\n')}
</svg>
`;
}

/** The beginning of a line that is too long, and a sign that there is more. */
function cut(tokens: ParseToken[]): ParseToken[] {
  let left = COLUMNS;
  return tokens.flatMap((token) => {
    const characters = [...token.value];
    const room = Math.max(0, left);
    left -= characters.length;
    if (characters.length <= room) return [token];
    return room > 0 ? [{ ...token, value: `${characters.slice(0, room - 1).join('')}…` }] : [];
  });
}

/** For XML; spaces so that no viewer takes several for one. */
function escaped(text: string): string {
  return text
    .replaceAll(' ', '\u00a0')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
