/** Fonts that are on the machine of the reader. */
export const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
export const FONT_SIZE = 13;

/** A place in a picture, in pixels. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Text as the content of an element or an attribute. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** A line of text; the attributes are those of SVG. */
export function textAt(x: number, y: number, text: string, attributes: Record<string, string | number>): string {
  const written = Object.entries(attributes).map(([name, value]) => ` ${name}="${value}"`);
  return `<text x="${x}" y="${y}"${written.join('')}>${escaped(text)}</text>`;
}

/** The estimated width of a text, in pixels: no font is at hand to measure it. */
export function widthOf(text: string, size = FONT_SIZE): number {
  return Math.ceil(text.length * size * 0.54);
}

/** A text that fits into a width, with an ellipsis for what does not. */
export function fitting(text: string, width: number, size = FONT_SIZE): string {
  if (widthOf(text, size) <= width) return text;
  return `${text.slice(0, Math.max(1, Math.floor(width / (size * 0.54)) - 1))}…`;
}
