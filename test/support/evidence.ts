import { existsSync, readFileSync } from 'node:fs';

/** Whether a file has a test of a name, as the argument of a test or in a list of cases. */
export function hasTest(file: string, name: string): boolean {
  if (!existsSync(file)) return false;
  const text = readFileSync(file, 'utf8');
  return ["'", '"', '`'].some((quote) => text.includes(`${quote}${name}${quote}`));
}
