import { isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments, Scalar, type ScalarTag, visit } from 'yaml';

/** A document of a file: its value, or why kubectl could not read it, in one line. */
export type Document = { value: unknown } | { error: string };

/**
 * Reads YAML and JSON as kubectl does: sigs.k8s.io/yaml, which is YAML 1.1 as yaml.v2 of Go has it. So `on` is true, `010`
 * is 8, and dates and `1:30` are strings. What is no more than a slip, such as a key that is there twice, is an error here.
 */
export function readYaml(content: string): Document[] {
  const parsed = parseAllDocuments(separated(content), { version: '1.1', schema: 'failsafe', customTags: scalars });
  const separator = /^---[ \t]*([^\s#].*)$/m.exec(content);
  return (Array.isArray(parsed) ? parsed : []).map((document): Document => {
    const [error] = document.errors;
    if (error) return { error: error.message.split('\n')[0] ?? '' };
    if (separator) return { error: 'nothing but a comment may stand behind --- on its line' };
    if (document.directives?.yaml.explicit) return { error: 'a %YAML directive is not read by kubectl' };
    const key = document.contents && unusableKey(document.contents);
    if (key) return { error: key };
    try {
      return { value: document.toJS() };
    } catch (error) {
      // An alias of nothing, aliases of aliases without end, or a merge of what is no map.
      return { error: error instanceof Error ? error.message : String(error) };
    }
  });
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

const TAG = 'tag:yaml.org,2002:';

/** Scalars without quotes, as `resolve` of go.yaml.in/yaml/v2 has them; what fits none of these is a string. */
const scalars: ScalarTag[] = [
  { tag: `${TAG}null`, default: true, test: /^(?:~|null|Null|NULL)?$/, resolve: () => new Scalar(null) },
  {
    tag: `${TAG}bool`,
    default: true,
    test: /^(?:[yYnN]|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
    resolve: (text) => /^(?:y|t|on)/i.test(text),
  },
  {
    tag: `${TAG}int`,
    default: true,
    test: /^[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]*|[1-9][0-9_]*)$/,
    resolve: integer,
  },
  {
    tag: `${TAG}float`,
    default: true,
    test: /^(?:[-+]?(?:\.(?:inf|Inf|INF)|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9_]+)?)|\.(?:nan|NaN|NAN)|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9_]+)?)$/,
    resolve: float,
  },
  {
    tag: `${TAG}merge`,
    default: 'key',
    test: /^<<$/,
    resolve: () => Object.assign(new Scalar('<<'), { addToJSMap: merge }),
  },
  { tag: `${TAG}binary`, resolve: binary },
];

/** As strconv.ParseInt and ParseUint have it with base 0. What is too great is a float if that can hold it, else a string. */
function integer(text: string): number | string {
  const [, sign = '', digits = ''] = /^([-+]?)(.*)$/.exec(text.replaceAll('_', '').toLowerCase()) ?? [];
  const isDecimal = /^\d+$/.test(digits);
  if (!isDecimal && !/^0[xbo]./.test(digits)) return text;
  const size = BigInt(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const fits = size < 2n ** (sign === '' ? 64n : 63n) || (sign === '-' && size === 2n ** 63n);
  if (!fits && !isDecimal) return text;
  const number = fits ? Number(size) : Number(digits);
  return sign === '-' && number !== 0 ? -number : number;
}

function float(text: string, onError: (message: string) => void): number | string {
  if (/[in]/i.test(text)) {
    onError(`${text} is no number in JSON`);
    return text;
  }
  const number = Number(text.replaceAll('_', ''));
  if (!Number.isFinite(number)) return text;
  // JSON has no zero with a sign.
  return number === 0 ? 0 : number;
}

function binary(text: string, onError: (message: string) => void): string {
  const base64 = text.replaceAll(/\s/g, '');
  if (!/^(?:[\w+/]{4})*(?:[\w+/]{2}==|[\w+/]{3}=)?$/.test(base64)) onError('!!binary needs base64');
  return Buffer.from(base64, 'base64').toString('utf8');
}

type Merge = NonNullable<Scalar['addToJSMap']>;

/** Puts other maps into the place of `<<`: over the keys that stand before it, and under those behind it, as yaml.v2 does. */
function merge(context: Parameters<Merge>[0], map: Parameters<Merge>[1], value: unknown): void {
  const source = context && isAlias(value) ? value.resolve(context.doc, context) : value;
  const sources: unknown[] = isSeq(source) ? source.items.toReversed() : [source];
  for (const each of sources) {
    const found = context && isAlias(each) ? each.resolve(context.doc, context) : each;
    if (!isMap(found)) throw new Error('<< needs a map, or a list of maps');
    Object.assign(map, found.toJSON(undefined, context));
  }
}
