import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBody } from '../../src/metacontroller/body.ts';
import { UnreadManagedFields } from '../../src/metacontroller/managed-fields.ts';

const ENTRY = { manager: 'm', operation: 'Apply', fieldsV1: { 'f:spec': { 'k:{"port":4222}': { '.': {} } } } };

/** The same with every text of managedFields read. */
function read(body: unknown): unknown {
  if (body instanceof UnreadManagedFields) return body.read();
  if (Array.isArray(body)) return body.map(read);
  if (typeof body !== 'object' || body === null) return body;
  return Object.fromEntries(Object.entries(body).map(([key, value]) => [key, read(value)]));
}

function sameAsWhole(text: string): void {
  expect(read(parseBody(text))).toEqual(JSON.parse(text));
}

const object = (metadata: object, more: object = {}) => ({ apiVersion: 'v1', kind: 'Secret', metadata, ...more });
const around = (secret: unknown) => ({ parent: {}, children: { 'Secret.v1': { 'a/b': secret } }, related: {} });

describe('a body', () => {
  const directories = ['dynamic-apply', 'server-side-apply'].map((name) => join('test/payloads/recorded', name));
  it.each(directories)('of %s is parsed, and its managedFields when they are read', (directory) => {
    let unread = 0;
    for (const file of readdirSync(directory)) {
      const text = readFileSync(join(directory, file), 'utf8');
      sameAsWhole(text);
      const { children = {} } = parseBody(text) as { children?: Record<string, Record<string, object>> };
      const objects = Object.values(children).flatMap(Object.values) as { metadata: { managedFields?: unknown } }[];
      unread += objects.filter(({ metadata }) => metadata.managedFields instanceof UnreadManagedFields).length;
    }
    expect(unread).toBeGreaterThan(100);
  });

  it.each<[string, unknown]>([
    ['managedFields that come last', around(object({ labels: {}, name: 'b', managedFields: [ENTRY] }))],
    ['managedFields that come first', around(object({ managedFields: [ENTRY], name: 'b' }))],
    [
      'other lists between them and the name',
      around(object({ labels: {}, managedFields: [ENTRY], ownerReferences: [{ kind: 'x' }], name: 'b' })),
    ],
    ['a list in them', around(object({ labels: {}, managedFields: [{ a: [1], name: 'c' }], name: 'b' }))],
    ['a bracket in a key of them', around(object({ labels: {}, managedFields: [{ 'v:"]"': {} }], name: 'b' }))],
    [
      'what looks like their end in a key of them',
      around(object({ labels: {}, managedFields: [{ '],"name":': {} }], name: 'b' })),
    ],
    ['a number in their place', around(object({ labels: {}, managedFields: 0, name: 'b' }))],
    [
      'a number in the place of some and a list in that of others',
      {
        ...around(object({ labels: {}, managedFields: 0, name: 'b' })),
        related: { 'Secret.v1': { 'a/c': object({ labels: {}, managedFields: [ENTRY], name: 'c' }) } },
      },
    ],
    ['their name in a text', around(object({ labels: { a: ',"managedFields":[' }, managedFields: [], name: 'b' }))],
    ['their name at the end of a key', around({ 'x,"managedFields': [], name: 'b' })],
    ['them in another place', around(object({ name: 'b' }, { spec: { a: 1, managedFields: [ENTRY], name: 'c' } }))],
    ['no objects', { parent: null, children: [], related: 'x' }],
    ['null for an object', around(null)],
    ['null for the whole', null],
    ['a list', [1]],
  ])('with %s is parsed as a whole', (_what, body) => {
    const text = JSON.stringify(body);
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) sameAsWhole(text);
    else expect(parseBody(text)).toEqual(body);
    expect(() => parseBody(`${text.slice(0, -1)}`)).toThrow(SyntaxError);
  });

  it('that is laid out in lines is parsed as a whole', () => {
    sameAsWhole(JSON.stringify(around(object({ labels: {}, managedFields: [ENTRY], name: 'b' })), null, 1));
    sameAsWhole(
      '{"children":{"S":{"a/b":{"metadata":{"a":1,"managedFields":[1] ,"finalizers":["x"],"name":"b"}}}},"parent":{}}',
    );
  });

  it('of any content is parsed as JSON is, however its keys are ordered', () => {
    const keys = fc.constantFrom('managedFields', 'name', 'labels', 'a"b', '],"name":', ',"managedFields":[', ']', '[');
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { maxDepth: 6, withCrossShrink: true },
        fc.constantFrom<unknown>(0, 1, null, 'x', ']', ',"name":', '"managedFields":['),
        fc.array(tie('json'), { maxLength: 3 }),
        fc.dictionary(keys, tie('json'), { maxKeys: 4 }),
      ),
    }));
    const group = fc.dictionary(keys, fc.record({ metadata: json, spec: json }), { maxKeys: 3 });
    const body = fc.record({ parent: json, children: fc.record({ S: group }), related: fc.record({ S: group }) });
    fc.assert(
      fc.property(body, (value) => sameAsWhole(JSON.stringify(value))),
      { numRuns: 2_000 },
    );
  });
});
