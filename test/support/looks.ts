import { readdirSync } from 'node:fs';

/** The pages of which test/cluster/troubleshooting.test.ts runs each line that only looks. */
export const LOOKED_AT = [
  'docs/troubleshooting.md',
  ...readdirSync('docs/runbooks').map((name) => `docs/runbooks/${name}`),
];

/** Commands that change nothing. */
const LOOKS = [
  /^kubectl (get|describe|logs|auth can-i) /,
  /^kubectl wait .*--for=condition=Ready/,
  /^meshery-operator (status|validate|migrate plan)/,
  /^meshery-operator doctor$/,
];

/** The lines of a block of commands, each in one line and without its comment. */
export function linesOf(block: string): string[] {
  return block
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.replace(/(^| +)#.*/, '').trim())
    .filter((line) => line !== '');
}

/** The lines of a block that only look. */
export function looks(block: string): string[] {
  return linesOf(block).filter((line) => LOOKS.some((look) => look.test(line)));
}

/** Whether a block of one of the pages is run by that test, since all of its lines only look. */
export function isLookedAt(page: string, block: string): boolean {
  return LOOKED_AT.includes(page) && looks(block).length === linesOf(block).length;
}
