const DAY_S = 86_400;

/** The time since a moment as kubectl writes it: `42s`, `5m`, `7h`, `3d`. */
export function age(since: string | undefined, now: Date): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(since ?? '')) / 1_000));
  if (Number.isNaN(seconds)) return '';
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 2 * DAY_S) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / DAY_S)}d`;
}

/** A number of bytes in the largest fitting unit: `512 B`, `1.5 GiB`. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = count < 1 ? 0 : Math.min(Math.floor(Math.log2(count) / 10), units.length - 1);
  const value = count / 1024 ** power;
  return `${power === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** A number and what is counted: `1 restart`, `2 restarts`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
