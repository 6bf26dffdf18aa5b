import { readFileSync } from 'node:fs';

const FOLDER = 'docs/images';

/** The colours of the drawn pictures, on a light page and on a dark one. */
export const palette = {
  text: { light: '#1f2328', dark: '#f0f6fc' },
  quietText: { light: '#59636e', dark: '#9fa9b4' },
  box: { light: '#f6f8fa', dark: '#1c2128' },
  boxLine: { light: '#afb8c1', dark: '#57606a' },
  /** Of the operator, and of what it makes. */
  own: { light: '#e3f6f3', dark: '#0b322d' },
  ownLine: { light: '#00856f', dark: '#2dc7ae' },
  metacontroller: { light: '#ddeeff', dark: '#12294a' },
  metacontrollerLine: { light: '#3f7cc4', dark: '#6aa5f0' },
} as const;

/** The pictures that are drawn by hand, as `docs/images/<name>-light.svg`. */
export const drawnPictures = ['overview', 'request'] as const;

/** The same pictures for dark pages, by path. */
export function darkPictures(): Map<string, string> {
  return new Map(
    drawnPictures.map((name) => {
      const drawing = readFileSync(`${FOLDER}/${name}-light.svg`, 'utf8');
      return [`${FOLDER}/${name}-dark.svg`, darkened(drawing)] as const;
    }),
  );
}

/**
 * A drawing for light pages in the colours of dark ones.
 * @throws an Error that names a colour that is not in the palette
 */
export function darkened(drawing: string): string {
  const colours = new Map<string, string>(Object.values(palette).map(({ light, dark }) => [light, dark]));
  return drawing.replaceAll(/#[0-9a-f]{3,8}\b/gi, (colour) => {
    const dark = colours.get(colour);
    if (!dark)
      throw new Error(`a drawing has the colour ${colour}, which the palette of generate/pictures.ts does not have`);
    return dark;
  });
}
