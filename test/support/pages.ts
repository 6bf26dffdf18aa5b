import { readdirSync, readFileSync } from 'node:fs';

/** The pages of the documentation that are written by hand. */
export const pages = [
  ...['docs', 'docs/runbooks'].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
  'README.md',
  'SECURITY.md',
  'metacontroller/install/README.md',
];

/** The pages of the reference, which are generated. */
export const referencePages = readdirSync('docs/reference').map((name) => `docs/reference/${name}`);

/** The blocks of commands of a page. */
export function commandBlocks(page: string): string[] {
  return [...readFileSync(page, 'utf8').matchAll(/^ *```sh\n([\s\S]*?)```/gm)].map(([, block = '']) => block);
}

/**
 * The block of commands of a page that begins with a text.
 * @throws an Error when the page has no such block
 */
export function documentedCommands(page: string, start: string): string {
  const block = commandBlocks(page).find((each) => each.trimStart().startsWith(start));
  if (!block) throw new Error(`${page} has no commands that begin with: ${start}`);
  return block;
}

/** A block of YAML on a page. */
export interface Block {
  page: string;
  /** The heading above it; with a number from the second one below that heading on. */
  heading: string;
  text: string;
}

/** All blocks of YAML, page by page, without those that have a name: parts of files of other tools. */
export const yamlBlocks = pages.flatMap(blocksOf);

function blocksOf(page: string): Block[] {
  const seen = new Map<string, number>();
  let heading = '';
  return [...readFileSync(page, 'utf8').matchAll(/^#+ (.+)$|^```(\w*)( \S+)?\n([\s\S]*?)^```/gm)].flatMap(
    ([, title, language, name, text = '']) => {
      heading = title ?? heading;
      if (language !== 'yaml' || name) return [];
      const count = (seen.get(heading) ?? 0) + 1;
      seen.set(heading, count);
      return [{ page, heading: count > 1 ? `${heading} (${count})` : heading, text }];
    },
  );
}

/** The anchors of the headings of a page, as GitHub makes them. */
export function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}
