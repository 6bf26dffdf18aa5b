import { UsageError } from './errors.ts';

const UNITS_MS = { h: 3_600_000, m: 60_000, s: 1_000 };

/**
 * A duration as kubectl reads it, such as `90s`, `5m` or `1h30m`, in milliseconds.
 * @throws UsageError when it is none
 */
export function duration(text: string): number {
  const [, h = '0', m = '0', s = '0'] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? [];
  const milliseconds = Number(h) * UNITS_MS.h + Number(m) * UNITS_MS.m + Number(s) * UNITS_MS.s;
  if (milliseconds > 0) return milliseconds;
  throw new UsageError(`${text} is no duration: write 90s, 5m or 1h30m`);
}
