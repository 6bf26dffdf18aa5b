import { describe, expect, it } from 'vitest';
import { readYaml } from '../../../src/cli/yaml.ts';

// The expected values are the output of `kubectl patch --local -f - -p '{}' -o json` of kubectl 1.37.2.

type Case = [text: string, value: unknown];

describe('a value without quotes', () => {
  it.each<Case>([
    ...['yes', 'Yes', 'YES', 'y', 'Y', 'on', 'On', 'ON', 'true', 'True', 'TRUE'].map((text): Case => [text, true]),
    ...['no', 'No', 'NO', 'n', 'N', 'off', 'Off', 'OFF', 'false', 'False'].map((text): Case => [text, false]),
    ...['', '~', 'null', 'Null', 'NULL'].map((text): Case => [text, null]),
    ...['yEs', 'tRue', 'oN', 'nUll', '=', '<<', '1,000', '1e', '0x', '_1', '--1', '1-2', '..'].map(
      (text): Case => [text, text],
    ),
    ...['1:30', '190:20:30', '2001-12-14', '2001-12-14T21:59:43.10Z', '2001-1-1', '01-01'].map(
      (text): Case => [text, text],
    ),
    ...['NaN', 'Infinity', '.Infinity', 'inf', '0x1p4'].map((text): Case => [text, text]),
    ['010', 8],
    ['0777', 511],
    ['08', 8],
    ['0_8', 8],
    ['-010', -8],
    ['0x10', 16],
    ['+0x10', 16],
    ['0b11', 3],
    ['-0b11', -3],
    ['1_000', 1000],
    ['1__0', 10],
    ['+5', 5],
    ['00', 0],
    ['1.', 1],
    ['.5', 0.5],
    ['-.5', -0.5],
    ['1e3', 1000],
    ['12e03', 12000],
    ['1_0.5', 10.5],
    ['.5_0', 0.5],
    ['1e-400', 0],
    ['9223372036854775808', 9223372036854776000],
    ['18446744073709551616', 18446744073709552000],
    ['123456789012345678901234567890', 1.2345678901234568e29],
    ['"yes"', 'yes'],
    ["'010'", '010'],
    ['!!str yes', 'yes'],
    ['!!int "0x10"', 16],
    ['!!bool "yes"', true],
    ['!!timestamp 2001-01-01', '2001-01-01'],
    ['!foo 5', '5'],
    ['[yes, ~, 010]', [true, null, 8]],
  ])('%s is read as %j, as by kubectl', (text, value) => {
    expect(readYaml(`x: ${text}\n`)).toEqual([{ value: { x: value } }]);
  });

  it.each(['*nothing', '@a', '`a', '%a'])('%s is rejected', (text) => {
    expect(readYaml(`x: ${text}\n`)).toEqual([{ error: expect.stringMatching(/^[^\n]+$/) }]);
  });
});

describe('a text is read as by kubectl', () => {
  const values = (text: string) => readYaml(text).map((document) => ('value' in document ? document.value : document));

  it.each<[what: string, text: string, value: unknown[]]>([
    [
      'keys that are no strings',
      '{1: a, 010: b, 0x1F: e, true: b, no: g, 1.5: c, 1e3: f, 2001-01-01: z}',
      [{ '1': 'a', '8': 'b', '31': 'e', true: 'b', false: 'g', '1.5': 'c', '1000': 'f', '2001-01-01': 'z' }],
    ],
    ['an anchor', '{b: &b yes, c: *b}', [{ b: true, c: true }]],
    ['a merge before a key', '{b: &b {x: 1, z: 2}, c: {<<: *b, x: 3}}', [{ b: { x: 1, z: 2 }, c: { x: 3, z: 2 } }]],
    [
      'a merge of several',
      '{b: &b {x: 1}, d: &d {x: 2, w: 4}, c: {<<: [*b, *d]}}',
      [{ b: { x: 1 }, d: { x: 2, w: 4 }, c: { x: 1, w: 4 } }],
    ],
    ['a merge in quotes', '{b: &b {x: 1}, c: {"<<": *b}}', [{ b: { x: 1 }, c: { '<<': { x: 1 } } }]],
    ['several documents', 'a: 1\n---\na: 2\n--- # of three\na: 3\n', [{ a: 1 }, { a: 2 }, { a: 3 }]],
    ['a byte order mark before each document', '\ufeffa: 1\n---\n\ufeffa: 2\n', [{ a: 1 }, { a: 2 }]],
    ['line breaks of Windows', 'a: yes\r\nb: 010\r\n', [{ a: true, b: 8 }]],
    ['a tab behind a colon', 'a:\tyes\n', [{ a: true }]],
    ['tabs in JSON', '{\n\t"a": "yes",\n\t"b": 1e3\n}', [{ a: 'yes', b: 1000 }]],
    ['JSON objects one behind the other', '{"a":1}\n{"a":2}\n', [{ a: 1 }, { a: 2 }]],
    ['JSON with what only YAML has', '{"a": yes, # ours\n "b": 010,}', [{ a: true, b: 8 }]],
    ['a block and a folded text', 'a: |\n  yes\n  no\nb: >-\n  b\n  c\n', [{ a: 'yes\nno\n', b: 'b c' }]],
  ])('%s', (_what, text, expected) => {
    expect(values(text)).toEqual(expected);
  });

  it('comments and separators alone are no document', () => {
    for (const text of ['', '# nothing\n', '---\n---\n# c\n---\n', 'null\n']) {
      expect(values(text).filter((value) => value !== null)).toEqual([]);
    }
  });

  it.each([
    ['a tab for an indent', 'a:\n\tb: 1\n'],
    ['a key of nothing', '{~: d}'],
    ['a key that is a list', '{[a]: d}'],
    ['a merge of a number', '{c: {<<: 5}}'],
    ['a document behind its separator', 'a: 1\n--- {a: b}\n'],
    ['a directive', '%YAML 1.1\n---\na: 1\n'],
    [
      'aliases of aliases without end',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${['ab', 'bc', 'cd', 'de', 'ef'].map(([of, is]) => `${is}: &${is} [${Array(10).fill(`*${of}`)}]\n`).join('')}`,
    ],
  ])('%s is rejected', (_what, text) => {
    expect(readYaml(text)).toContainEqual({ error: expect.stringMatching(/^[^\n]+$/) });
  });

  it('a duplicate key is rejected, though kubectl silently uses the last one', () => {
    expect(readYaml('a: 1\na: 2\n')).toEqual([{ error: 'duplicate key at line 2, column 1' }]);
  });
});
