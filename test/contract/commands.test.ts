import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { isLookedAt } from '../support/looks.ts';
import { pages } from '../support/pages.ts';

/** A block of commands of the documentation. */
interface Commands {
  page: string;
  /** Its first line. */
  first: string;
  text: string;
  /** Why no test runs it, if the page says so. */
  notRun: string | undefined;
}

const BLOCK = /^(?:<!-- not run: (.*) -->\n)? *```sh\n([\s\S]*?)^ *```/gm;

const blocks: Commands[] = pages.flatMap((page) =>
  [...readFileSync(page, 'utf8').matchAll(BLOCK)].map(([, notRun, text = '']) => {
    const trimmed = text.trim();
    return { page, first: trimmed.split('\n')[0] ?? '', text: trimmed, notRun };
  }),
);

/** The pages and beginnings, or parts, of commands that tests name, which fail unless the page has them. */
const named = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('contract/commands'))
  .flatMap((file) => {
    const source = readFileSync(`test/${file}`, 'utf8');
    const pagesOf = Object.fromEntries(
      [...source.matchAll(/^ *const ([A-Z]+) = '([^']+\.md)'/gm)].map(([, name, page = '']) => [name, page]),
    );
    // Of a page, or of the page of the file, in a namespace that is named instead.
    const pairs = /(?:'([\w/.-]+\.md)'|\b([A-Z]+)|\bdocumented\(\s*(?:[a-z]\w*|'\w+')),\s*(["'`])((?:\\.|(?!\3).)+)\3/g;
    return [...source.matchAll(pairs)].map(([, literal, name = 'PAGE', , text = '']) => ({
      page: literal ?? pagesOf[name] ?? '',
      text: text
        .replaceAll('\\n', '\n')
        .replaceAll(/\\(?=["'`\\])/g, '')
        .trim(),
    }));
  })
  .filter(({ text }) => text !== '');

const isMarked = ({ notRun }: Commands) => notRun !== undefined;

const isRun = ({ page, text }: Commands) => named.some((each) => each.page === page && text.includes(each.text));

/** Whether each line is a command of the command line, which docs.test.ts parses, and test/process and test/cluster/cli run. */
const isCommandLine = ({ text }: Commands) =>
  text
    .replaceAll('\\\n', '')
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .every((line) => /^(meshery-operator|kubectl meshery) /.test(line.trim()));

/** Whether each line only looks, which test/cluster/troubleshooting.test.ts runs. */
const isLook = ({ page, text }: Commands) => isLookedAt(page, text);

/** Whether it runs a script of this package, which a contributor has run. */
const isScript = ({ text }: Commands) =>
  text.split('\n').every((line) => {
    const [, script] = /^(?:[A-Z_]+=\S+ )*npm (?:ci && npm )?(?:run )?([\w:]+)/.exec(line) ?? [];
    return script === 'ci' || (script !== undefined && script in packageJson.scripts);
  });

describe('the commands of the documentation', () => {
  it('are found, and so are those that tests run', () => {
    expect(blocks.length).toBeGreaterThan(150);
    expect(blocks.filter(isRun).length).toBeGreaterThan(70);
  });

  it('are run by a test, or say why not', () => {
    const covered = blocks.filter((block) =>
      [isMarked, isRun, isCommandLine, isLook, isScript].some((isCovered) => isCovered(block)),
    );
    const texts = new Set(covered.map(({ text }) => text));
    const others = blocks.filter(({ text }) => !texts.has(text));
    expect(others.map(({ page, first }) => `${page}: ${first}`)).toEqual([]);
  });

  it('say what is missing where no test runs them', () => {
    const reasons = blocks.filter(isMarked).map(({ page, first, notRun }) => [page, first, notRun]);
    expect(reasons.length).toBeGreaterThan(5);
    const wrong = reasons.filter(([, , reason = '']) => !/^needs \w+/.test(reason));
    expect(wrong).toEqual([]);
  });

  it('do not say so of commands that a test runs', () => {
    const wrong = blocks.filter((block) => isMarked(block) && isRun(block));
    expect(wrong.map(({ page, first }) => `${page}: ${first}`)).toEqual([]);
  });
});
