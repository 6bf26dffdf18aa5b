import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { darkened, drawnPictures, palette } from '../../generate/pictures.ts';
import { pages } from '../support/pages.ts';

const COLOURS = /#[0-9a-f]{6}\b/g;
/** The backgrounds of GitHub and of the site. */
const BACKGROUNDS = { light: ['#ffffff', '#f6f6f7'], dark: ['#0d1117', '#1b1b1f'] };

const picture = (name: string, theme: string) => readFileSync(`docs/images/${name}-${theme}.svg`, 'utf8');

describe.each(drawnPictures)('the drawn picture %s', (name) => {
  it('has a title and a description, which are read aloud', () => {
    const svg = picture(name, 'light');
    expect(svg).toMatch(/^<svg [^>]*role="img" aria-labelledby="title desc">\n<title id="title">.{20,100}<\/title>\n/);
    expect(svg).toMatch(/<desc id="desc">.{200,}<\/desc>/);
  });

  it('has text as text, and nothing that is loaded or run', () => {
    const svg = picture(name, 'light');
    expect(svg.match(/<text /g)?.length).toBeGreaterThan(15);
    expect(svg).toContain('font-family: system-ui, ');
    expect(svg).not.toMatch(/<script|<image|<foreignObject|href=|@import|@font-face|url\((?!#)| on\w+=/);
    expect(svg.match(/https?:[^"\s]+/g)).toEqual(['http://www.w3.org/2000/svg']);
  });

  it('differs between the themes in its colours only', () => {
    const [light, dark] = [picture(name, 'light'), picture(name, 'dark')];
    expect(light.replaceAll(COLOURS, '')).toBe(dark.replaceAll(COLOURS, ''));
    expect(light).not.toBe(dark);
  });

  it('has text of at least ten pixels on a phone', () => {
    const svg = picture(name, 'light');
    const [, width = ''] = /viewBox="0 0 (\d+) /.exec(svg) ?? [];
    const sizes = [...svg.matchAll(/font-size: (\d+)px/g)].map(([, size]) => (Number(size) * 360) / Number(width));
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(9.6);
  });
});

describe.each(['light', 'dark'] as const)('the palette for %s pages', (theme) => {
  const { text, quietText, box, own, metacontroller, ownLine } = palette;
  const papers = [...[box, own, metacontroller].map((colour) => colour[theme]), ...BACKGROUNDS[theme]];
  const pairs = [text, quietText].flatMap((ink) => papers.map((paper) => [ink[theme], paper] as const));

  it.each(pairs)('has text that is easy to read: %s on %s', (ink, paper) => {
    expect(contrast(ink, paper)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(BACKGROUNDS[theme])('has lines of the operator that are easy to see on %s', (paper) => {
    expect(contrast(ownLine[theme], paper)).toBeGreaterThanOrEqual(3);
  });
});

it('the files that the picture of a request names exist', () => {
  const files = [...picture('request', 'light').matchAll(/<text class="file".*>(.+)<\/text>/g)].map(([, file]) => file);
  expect(files).toHaveLength(7);
  for (const file of files) expect(existsSync(`src/${file}`), file).toBe(true);
});

it('a colour that the palette does not have is refused', () => {
  expect(() => darkened('fill: #abcdef')).toThrow('a drawing has the colour #abcdef');
});

describe('the pages that show a drawn picture', () => {
  const shown = pages.flatMap((page) => {
    const text = readFileSync(page, 'utf8');
    return drawnPictures.filter((name) => text.includes(`images/${name}-`)).map((name) => [page, name] as const);
  });

  it('exist', () => {
    expect(shown.length).toBeGreaterThan(1);
  });

  it.each(shown)('offer it for both themes, with words for those who do not see it: %s, %s', (page, name) => {
    const text = readFileSync(page, 'utf8');
    const dark = `<source [^>]*scheme: dark\\)"[^>]* srcset="[^"]*images/${name}-dark\\.svg"[^>]*>`;
    const light = `<img (?=[^>]*alt="[^"]{20,}")[^>]*src="[^"]*images/${name}-light\\.svg"[^>]*>`;
    expect(text).toMatch(new RegExp(`<picture>\\s*${dark}\\s*${light}\\s*</picture>`));
  });
});

/** The contrast ratio of two colours, by WCAG 2.2. */
function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((left, right) => left - right);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((start) => {
    const value = Number.parseInt(colour.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
