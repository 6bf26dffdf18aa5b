import type { Panel, Target } from './dashboard.ts';
import type { Recording, Series } from './recording.ts';
import { type Box, FONT, fitting, textAt, widthOf } from './svg.ts';
import type { Theme } from './theme.ts';
import { scaleOf, withUnit } from './units.ts';
import { drawVega } from './vega.ts';

/** A panel to draw: its place is that below its title. */
export interface Drawing {
  panel: Panel;
  recording: Recording;
  theme: Theme;
  box: Box;
}

/** Draws the content of a panel as elements of SVG. */
export async function drawPanel(drawing: Drawing): Promise<string> {
  if (drawing.panel.type === 'stat') return stat(drawing);
  return drawing.panel.type === 'table' ? table(drawing) : timeseries(drawing);
}

/** A series with its name in the legend. */
interface Named extends Series {
  name: string;
}

/**
 * The series of a query.
 * @throws an Error when the query is not recorded
 */
function seriesOf({ queries }: Recording, { expr, instant }: Target): Series[] {
  const query = queries.find((each) => each.expr === expr && Boolean(each.instant) === Boolean(instant));
  if (!query) throw new Error(`not recorded: ${expr}`);
  return query.series;
}

function namedSeries({ panel, recording }: Drawing): Named[] {
  return panel.targets.flatMap((target) => {
    const name = ({ labels }: Series) =>
      target.legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '');
    const named = seriesOf(recording, target).map((series) => ({ ...series, name: name(series) }));
    return named.sort((a, b) => (a.name < b.name ? -1 : 1));
  });
}

const SMALL = 12;

/** Tiles with a name and its last value. */
function stat(drawing: Drawing): string {
  const { panel, theme, box } = drawing;
  const { defaults, overrides } = panel.fieldConfig;
  const all = namedSeries(drawing);
  const longest = Math.max(...all.map(({ name }) => widthOf(name, SMALL)));
  const columns = Math.max(1, Math.min(3, all.length, Math.floor(box.width / (longest + 8))));
  const [width, height] = [box.width / columns, box.height / Math.ceil(all.length / columns)];
  const tiles = all.map(({ name, values }, index) => {
    const color = overrides
      .filter(({ matcher }) => new RegExp(matcher.options.slice(1, -1)).test(name))
      .flatMap(({ properties }) => properties.map(({ value }) => value.fixedColor))
      .concat(defaults.color?.fixedColor ?? 'green')[0];
    const [x, y] = [box.x + (index % columns) * width, box.y + Math.floor(index / columns) * height];
    const value = withUnit(values.at(-1) ?? 0, defaults.unit);
    return [
      textAt(round(x), round(y + 12), fitting(name, width - 6, SMALL), { fill: theme.text, 'font-size': SMALL }),
      textAt(round(x), round(y + 36), value, { fill: theme.named[color ?? ''] ?? '', 'font-size': 24 }),
    ].join('');
  });
  return tiles.join('\n');
}

/** Rows of the labels and the value of each series. */
function table({ panel, recording, theme, box }: Drawing): string {
  const rows = panel.targets.flatMap((target) => seriesOf(recording, target));
  const { renameByName, indexByName, excludeByName } = panel.transformations?.[0]?.options ?? {
    ...{ renameByName: {}, indexByName: {}, excludeByName: {} },
  };
  const fields = Object.keys(indexByName).filter((field) => !excludeByName[field]);
  fields.sort((a, b) => (indexByName[a] ?? 0) - (indexByName[b] ?? 0));
  const title = (field: string) => renameByName[field] ?? field;
  const last = ({ values }: Series) => values.at(-1) ?? 0;
  const [order] = panel.options.sortBy ?? [];
  if (order) rows.sort((a, b) => (order.desc ? last(b) - last(a) : last(a) - last(b)));
  const unit = panel.fieldConfig.defaults.unit;
  const cells = rows.map((row) =>
    fields.map((field) => (field === 'Value' ? withUnit(last(row), unit) : (row.labels[field] ?? ''))),
  );
  const needed = fields.map((field, n) => Math.max(...[title(field), ...column(cells, n)].map(widthInTable)));
  const spare = (box.width - needed.reduce((sum, each) => sum + each, 0)) / fields.length;
  const widths = needed.map((each) => each + spare);
  const x = (n: number) => box.x + widths.slice(0, n).reduce((sum, each) => sum + each, 0);
  const line = (texts: string[], y: number, fill: string, weight: number) =>
    texts.map((text, n) => {
      const attributes = { fill, 'font-size': SMALL, 'font-weight': weight };
      return textAt(round(x(n)), y, fitting(text, (widths[n] ?? 0) - 4, SMALL), attributes);
    });
  const rule = (y: number) => `<path d="M${box.x},${y}h${box.width}" stroke="${theme.grid}"/>`;
  const shown = cells.slice(0, Math.floor((box.height - TABLE_ROW) / TABLE_ROW));
  return [
    ...line(fields.map(title), box.y + 13, theme.faint, 500),
    ...shown.flatMap((row, n) => {
      const y = box.y + (n + 1) * TABLE_ROW;
      return [rule(y - 3), ...line(row, y + 13, theme.text, 400)];
    }),
  ].join('');
}

const TABLE_ROW = 23;
const column = (rows: string[][], n: number) => rows.map((row) => row[n] ?? '');
const widthInTable = (text: string) => widthOf(text, SMALL) + 8;
const round = (value: number) => Math.round(value * 10) / 10;

const LEGEND_ROW = 19;
const SWATCH = 20;

/** Lines over time, with a legend below. */
async function timeseries(drawing: Drawing): Promise<string> {
  const { theme, box } = drawing;
  const all = namedSeries(drawing);
  const rows = legendRows(all, box.width);
  const height = box.height - rows.length * LEGEND_ROW - 4;
  const color = (series: Named) => theme.series[all.indexOf(series) % theme.series.length] ?? '';
  const legend = rows.flatMap((row, n) => {
    const y = box.y + height + 17 + n * LEGEND_ROW;
    return row.map(({ series, x }) => {
      const swatch = `<path d="M${box.x + x},${y - 4}h14" stroke="${color(series)}" stroke-width="3"/>`;
      const name = fitting(series.name, box.width - SWATCH);
      return swatch + textAt(box.x + x + SWATCH, y, name, { fill: theme.faint });
    });
  });
  const graph = await drawVega(spec(drawing, all, { width: box.width, height }));
  return placed(graph, box) + legend.join('');
}

/** The legend is wrapped like text. */
function legendRows(all: Named[], width: number): { series: Named; x: number }[][] {
  const rows: { series: Named; x: number }[][] = [];
  let end = Number.POSITIVE_INFINITY;
  for (const series of all) {
    const needed = SWATCH + widthOf(series.name);
    if (end + needed > width) {
      rows.push([]);
      end = 0;
    }
    rows.at(-1)?.push({ series, x: end });
    end += needed + 14;
  }
  return rows;
}

/** The specification of Vega-Lite for the graph without its legend. */
function spec({ panel, recording, theme }: Drawing, all: Named[], size: { width: number; height: number }): object {
  const { from, to, step } = recording;
  const { unit, min } = panel.fieldConfig.defaults;
  const largest = Math.max(...all.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const { factor, suffix } = scaleOf(unit, largest);
  const values = all.flatMap((series) =>
    series.values.map((value, n) => ({
      name: series.name,
      time: (from + n * step) * 1_000,
      value: value === null ? null : value * factor,
    })),
  );
  const whole = values.every(({ value }) => Number.isInteger(value ?? 0));
  const text = { labelFont: FONT, labelFontSize: 12, labelColor: theme.faint };
  const axis = { ...text, title: null, domain: false, ticks: false, gridColor: theme.grid, labelPadding: 6 };
  return {
    ...size,
    autosize: { type: 'fit', contains: 'padding' },
    padding: { left: 0, right: 8, top: 6, bottom: 2 },
    background: null,
    config: { aria: false, view: { stroke: null } },
    data: { values },
    mark: { type: 'line', strokeWidth: 1.7, strokeJoin: 'round', strokeCap: 'round' },
    encoding: {
      x: {
        ...{ field: 'time', type: 'temporal', axis: { ...axis, format: '%H:%M', tickCount: 5, labelFlush: false } },
        scale: { type: 'utc', domain: [from * 1_000, to * 1_000] },
      },
      y: {
        ...{ field: 'value', type: 'quantitative' },
        axis: {
          ...axis,
          tickCount: 5,
          ...(whole && { tickMinStep: 1 }),
          labelExpr: `datum.label + ${JSON.stringify(suffix)}`,
        },
        scale: { nice: true, zero: min === 0, ...(largest === 0 && { domain: [0, 1] }) },
      },
      color: {
        ...{ field: 'name', type: 'nominal', legend: null },
        scale: { domain: all.map(({ name }) => name), range: all.map((_, n) => theme.series[n % theme.series.length]) },
      },
    },
  };
}

/** A drawing of Vega as a part of a larger one, without what only its scripts would need. */
function placed(svg: string, { x, y }: Box): string {
  const inner = svg.slice(svg.indexOf('>') + 1, svg.lastIndexOf('</svg>'));
  const plain = inner
    .replaceAll(/ (class|role|pointer-events|aria-[a-z]+)="[^"]*"/g, '')
    .replaceAll(/ (opacity|stroke-width)="1"/g, '')
    .replaceAll(/<path [^>]*display="none"\/>/g, '')
    .replaceAll(/<path d="M0,0h0v0h0Z"\/>/g, '')
    .replaceAll(` font-family="${FONT}"`, '')
    .replaceAll(/\d+\.\d{2,}/g, (number) => `${round(Number(number))}`);
  return `<g transform="translate(${x},${y})">${plain}</g>`;
}
