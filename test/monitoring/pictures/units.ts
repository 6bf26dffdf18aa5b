/** How values are shown: multiplied, and followed by a suffix. */
export interface Scale {
  factor: number;
  suffix: string;
}

/** By unit, the scales and the values from which each is used. */
const scales: Record<string, [from: number, Scale][]> = {
  none: [[0, { factor: 1, suffix: '' }]],
  ops: [[0, { factor: 1, suffix: ' ops/s' }]],
  percentunit: [[0, { factor: 100, suffix: '%' }]],
  s: [
    [0, { factor: 1e3, suffix: ' ms' }],
    [1, { factor: 1, suffix: ' s' }],
    [60, { factor: 1 / 60, suffix: ' mins' }],
  ],
  bytes: [
    [0, { factor: 1 / 2 ** 10, suffix: ' KiB' }],
    [2 ** 20, { factor: 1 / 2 ** 20, suffix: ' MiB' }],
  ],
};

/**
 * The scale of values of a Grafana unit, by the largest of them.
 * @throws an Error when the unit has none
 */
export function scaleOf(unit = 'none', largest = 0): Scale {
  const scale = scales[unit]?.findLast(([from]) => largest >= from)?.[1];
  if (!scale) throw new Error(`no scale is known for unit ${unit}`);
  return scale;
}

/** A single value with its unit. */
export function withUnit(value: number, unit?: string): string {
  const { factor, suffix } = scaleOf(unit, value);
  return `${Number((value * factor).toPrecision(3))}${suffix}`;
}
