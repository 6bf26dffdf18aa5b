import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../cluster/kubernetes.ts';

/** The text below a heading of a page, to the next heading. */
export function sectionOf(page: string, heading: string): string {
  const [, section = ''] = readFileSync(page, 'utf8').split(new RegExp(`^#+ ${heading}$`, 'm'));
  return section.split(/^#+ /m)[0] ?? '';
}

/**
 * The cells of the table below a heading, row by row, without its head.
 * @throws an Error when there is no row
 */
export function rowsOf(page: string, heading: string): string[][] {
  const [, , ...lines] = sectionOf(page, heading)
    .split('\n')
    .filter((line) => line.startsWith('|'));
  if (lines.length === 0) throw new Error(`${page} has no table below "${heading}"`);
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What a text writes as code. */
export function codesOf(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

/** The blocks of commands of a page in which a text occurs. */
export function blocksWith(page: string, text: string): string[] {
  return [...readFileSync(page, 'utf8').matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)]
    .map(([, block = '']) => block)
    .filter((block) => block.includes(text));
}

/**
 * The only such block.
 * @throws an Error when there is none, or more than one
 */
export function blockWith(page: string, text: string): string {
  const [block, ...others] = blocksWith(page, text);
  if (block === undefined || others.length > 0) throw new Error(`${page} has not one block of commands with: ${text}`);
  return block;
}

/** The objects of a text in YAML, as Kubernetes reads them: 0440 is octal. */
export function objectsIn(yaml: string): KubernetesObject[] {
  return parseAllDocuments(yaml, { version: '1.1' })
    .map((document) => document.toJS() as KubernetesObject)
    .filter(Boolean);
}
