import {
  isAlias,
  isScalar,
  type Node,
  parseAllDocuments,
  stringify,
  type Tags,
  visit,
  type YAMLParseError,
} from 'yaml';

/** An object as YAML that `readYaml` and kubectl read as it is: `on` as a string is in quotes. */
export function printYaml(object: object): string {
  return stringify(object, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false });
}

/** A document of a file: its value, or why it can't be read, in one line. */
export type Document = { value: unknown } | { error: string };

/**
 * Reads YAML and JSON as kubectl does, which is YAML 1.1: `on` is true, `010` is 8, and dates and `1:30` are strings. A
 * likely mistake, such as a duplicate key, is an error here.
 */
export function readYaml(content: string): Document[] {
  const parsed = parseAllDocuments(separated(content), { version: '1.1', customTags: (tags) => tags.filter(isKnown) });
  const separator = /^---[ \t]*([^\s#].*)$/m.exec(content);
  return (Array.isArray(parsed) ? parsed : []).map((document): Document => {
    const [error] = document.errors;
    if (error) return { error: described(error) };
    if (separator) return { error: 'only a comment may follow --- on its line' };
    if (document.directives?.yaml.explicit) return { error: 'a %YAML directive is not read by kubectl' };
    const key = document.contents && unusableKey(document.contents);
    if (key) return { error: key };
    try {
      return { value: document.toJS() };
    } catch {
      return { error: 'an alias or a merge can not be resolved' };
    }
  });
}

/** What is wrong and where, without the text that stands there: it may be a credential. */
function described({ code, linePos }: YAMLParseError): string {
  const [{ line, col } = { line: 1, col: 1 }] = linePos ?? [];
  return `${code.toLowerCase().replaceAll('_', ' ')} at line ${line}, column ${col}`;
}

/** Without byte order marks, and with JSON objects that stand one behind the other, as jq prints them, in documents of their own. */
function separated(content: string): string {
  const plain = content.replaceAll(/^\ufeff/gm, '');
  return plain.trimStart().startsWith('{') ? plain.replaceAll(/\}[ \t]*\r?\n(?=\{)/g, '}\n---\n') : plain;
}

function unusableKey(contents: Node): string | undefined {
  let found: string | undefined;
  visit(contents, {
    Pair: (_, { key }) => {
      if (isScalar(key) ? key.value !== null : isAlias(key)) return undefined;
      found = 'a key must be a string, a number or a boolean';
      return visit.BREAK;
    },
  });
  return found;
}

/** Tags of YAML 1.1 that yaml.v2 of Go does not know: numbers to the base of 60, and times. */
function isKnown(tag: Tags[number]): boolean {
  return (
    typeof tag === 'string' ||
    (tag.tag !== 'tag:yaml.org,2002:timestamp' && !('format' in tag && tag.format === 'TIME'))
  );
}
