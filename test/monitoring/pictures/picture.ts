import type { Dashboard, Panel } from './dashboard.ts';
import { drawPanel } from './panels.ts';
import type { Recording } from './recording.ts';
import { type Box, escaped, FONT, FONT_SIZE, textAt } from './svg.ts';
import type { Theme } from './theme.ts';

const COLUMN = 40;
const ROW = 32;
const GAP = 8;
const HEADER = 40;
const WIDTH = 24 * COLUMN;

/** Draws a dashboard with recorded results of its queries as an SVG file. */
export async function drawDashboard(dashboard: Dashboard, recording: Recording, theme: Theme): Promise<string> {
  const rows = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h));
  const height = HEADER + rows * ROW + GAP / 2;
  const panels = await Promise.all(dashboard.panels.map((panel) => framed(panel, recording, theme)));
  const time = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(11, 16);
  const times = `${time(recording.from)} to ${time(recording.to)} UTC`;
  const label = `Dashboard ${dashboard.title}: ${dashboard.panels.map(({ title }) => title).join(', ')}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(label)}"`,
    ` font-family="${FONT}" font-size="${FONT_SIZE}">\n`,
    `<rect width="${WIDTH}" height="${height}" fill="${theme.page}"/>\n`,
    textAt(GAP + 4, 27, dashboard.title, { fill: theme.text, 'font-size': 17, 'font-weight': 600 }),
    textAt(WIDTH - GAP - 4, 27, times, { fill: theme.faint, 'text-anchor': 'end' }),
    ...panels,
    '\n</svg>\n',
  ].join('');
}

/** A panel with its frame and its title. */
async function framed(panel: Panel, recording: Recording, theme: Theme): Promise<string> {
  const { x, y, width, height } = boxOf(panel);
  const box = { x: x + 12, y: y + 36, width: width - 24, height: height - 44 };
  return [
    `\n<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="3" fill="${theme.panel}" stroke="${theme.border}"/>`,
    textAt(x + 12, y + 22, panel.title, { fill: theme.text, 'font-size': 14, 'font-weight': 600 }),
    await drawPanel({ panel, recording, theme, box }),
  ].join('\n');
}

function boxOf({ gridPos: { x, y, w, h } }: Panel): Box {
  return {
    ...{ x: x * COLUMN + GAP / 2, y: HEADER + y * ROW },
    ...{ width: w * COLUMN - GAP, height: h * ROW - GAP },
  };
}
