import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { brokerChildren } from '../../src/broker/request.ts';
import { meshSyncChildren } from '../../src/meshsync/request.ts';
import { bodyParser } from '../../src/metacontroller/body.ts';
import { UnreadManagedFields } from '../../src/metacontroller/managed-fields.ts';

const ENTRY = { manager: 'm', operation: 'Apply', fieldsV1: { 'f:spec': { 'k:{"port":4222}': { '.': {} } } } };

/** The same with all managedFields read. */
function read(body: unknown): unknown {
  if (body instanceof UnreadManagedFields) return body.read();
  if (Array.isArray(body)) return body.map(read);
  if (typeof body !== 'object' || body === null) return body;
  return Object.fromEntries(Object.entries(body).map(([key, value]) => [key, read(value)]));
}

const KINDS = ['Secret.v1', 'ConfigMap.v1'];

const parse = (text: string, kinds = KINDS) => bodyParser(kinds, randomUUID())(Buffer.from(text)) as Request;

/** A parser that has seen what other tests parsed. */
const seasoned = bodyParser(KINDS, randomUUID());

/** @returns what was parsed, which is the same as it is by JSON.parse, but for the controller */
function sameAsWhole(text: string, kinds?: string[]): Request {
  const parsed = parse(text, kinds);
  if (!kinds) expect(read(seasoned(Buffer.from(text)))).toEqual(read(parsed));
  expect(read({ ...parsed, controller: undefined })).toEqual({ ...JSON.parse(text), controller: undefined });
  return parsed;
}

type Kinds = Record<string, Record<string, { metadata: { managedFields?: unknown } }>>;

interface Request {
  controller?: unknown;
  children?: Kinds;
  related?: Kinds;
}

/** The kinds whose objects are the same ones among the children and the related objects. */
function twins({ children = {}, related = {} }: Request): string[] {
  return Object.keys(children).filter((kind) => children[kind] === related[kind]);
}

const object = (metadata: object, more: object = {}) => ({ apiVersion: 'v1', kind: 'Secret', metadata, ...more });
const secret = (name: string, more: object = {}) =>
  object({ labels: {}, managedFields: [ENTRY], name }, { ...more, type: 'Opaque' });
const sent = (children: object, related: object) => ({
  ...{ controller: { metadata: { generation: 1, managedFields: [ENTRY], name: 'c' }, spec: {} }, parent: { spec: {} } },
  ...{ children, related, finalizing: false },
});
const around = (secret: unknown) => sent({ 'ConfigMap.v1': {}, 'Secret.v1': { 'a/b': secret } }, {});

describe('a body', () => {
  const directories = ['dynamic-apply', 'server-side-apply'].map((name) => join('test/payloads/recorded', name));
  it.each(directories)('of %s is parsed, and its managedFields when they are read', (directory) => {
    let unread = 0;
    const shared: string[] = [];
    for (const file of readdirSync(directory)) {
      const text = readFileSync(join(directory, file), 'utf8');
      const kinds = Object.keys(file.includes('-broker-sync-') ? brokerChildren : meshSyncChildren);
      const parsed = sameAsWhole(text, kinds);
      expect(parsed.controller).toBeUndefined();
      shared.push(...twins(parsed));
      const objects = Object.values(parsed.children ?? {}).flatMap(Object.values<Kinds[string][string]>);
      unread += objects.filter(({ metadata }) => metadata.managedFields instanceof UnreadManagedFields).length;
    }
    expect(unread).toBeGreaterThan(100);
    const workloads = shared.filter((kind) => kind === 'StatefulSet.apps/v1' || kind === 'Deployment.apps/v1');
    expect(workloads.length).toBeGreaterThan(40);
    expect(new Set(shared)).toEqual(
      new Set(
        [...Object.keys(brokerChildren), ...Object.keys(meshSyncChildren)].filter(
          (kind) => kind !== 'NetworkPolicy.networking.k8s.io/v1',
        ),
      ),
    );
  });

  it('gives the same objects for children that are related objects too', () => {
    const kinds = { 'ConfigMap.v1': { 'a/x': secret('x') }, 'Secret.v1': { 'a/b': secret('b'), 'a/c': secret('c') } };
    const among = { 'Broker.v1': { 'a/d': secret('d') }, ...kinds, 'Service.v1': { 'a/e': secret('e') } };
    expect(twins(sameAsWhole(JSON.stringify(sent(kinds, kinds))))).toEqual(Object.keys(kinds));
    expect(twins(sameAsWhole(JSON.stringify(sent(kinds, among))))).toEqual(Object.keys(kinds));
  });

  const both = { 'a/b': secret('b') };
  it.each<[string, object]>([
    ['have another value', { 'a/b': secret('b', { data: { key: 'eA==' } }) }],
    ['are more', { ...both, 'a/c': secret('c') }],
    ['are fewer', {}],
    [
      'have other managedFields',
      { 'a/b': object({ labels: {}, managedFields: [{ ...ENTRY, manager: 'n' }], name: 'b' }) },
    ],
    ['are none', []],
  ])('gives other objects for related ones that %s', (_what, related) => {
    const text = JSON.stringify(sent({ 'ConfigMap.v1': {}, 'Secret.v1': both }, { 'Secret.v1': related }));
    expect(twins(sameAsWhole(text))).toEqual([]);
  });

  describe('that comes again', () => {
    const configMap = (name: string, more?: object) => ({ ...secret(name, more), kind: 'ConfigMap' });
    const request = (configMaps: object, secrets: object = both) =>
      sent({ 'ConfigMap.v1': configMaps, 'Secret.v1': secrets }, { 'ConfigMap.v1': configMaps, 'Secret.v1': secrets });
    const parser = () => {
      const parse = bodyParser(KINDS, randomUUID());
      return (body: object) => {
        const parsed = parse(Buffer.from(JSON.stringify(body))) as Request;
        expect(read({ ...parsed, controller: undefined })).toEqual({ ...body, controller: undefined });
        return parsed.children?.['ConfigMap.v1'];
      };
    };

    it('gives the same objects, for each parent', () => {
      const parse = parser();
      const [one, other] = [{ 'a/x': configMap('x') }, { 'a/y': configMap('y') }];
      const [first, second] = [parse(request(one)), parse(request(other))];
      expect(parse(request(one, { 'a/b': secret('b', { data: { key: 'eA==' } }) }))).toBe(first);
      expect(parse(request(other))).toBe(second);
    });

    it.each([
      { 'a/x': configMap('x', { data: { key: '2' } }) },
      { 'a/x': configMap('x', { data: { key: '1' } }), 'a/y': configMap('y') },
      { 'a/x': { ...configMap('x'), metadata: { labels: {}, managedFields: [], name: 'x' } } },
      {},
    ])('gives others where anything differs: %j', (changed) => {
      const parse = parser();
      const was = { 'a/x': configMap('x', { data: { key: '1' } }) };
      const first = parse(request(was));
      expect(parse(request(changed))).not.toBe(first);
      expect(parse(request(was))).toEqual(first);
    });

    it('gives others for Secrets, which are not kept, and for kinds of more than 32 KiB', () => {
      const parse = bodyParser(KINDS, randomUUID());
      const body = Buffer.from(
        JSON.stringify(request({ 'a/x': configMap('x', { data: { key: 'x'.repeat(32_768) } }) })),
      );
      const [first, second] = [parse(body) as Request, parse(body) as Request];
      expect(twins(first)).toEqual(['ConfigMap.v1', 'Secret.v1']);
      for (const kind of twins(first)) expect(second.children?.[kind]).not.toBe(first.children?.[kind]);
    });

    it('shares no memory with other buffers, which may hold credentials', () => {
      const copies: Buffer[] = [];
      const equals = vi.spyOn(Buffer.prototype, 'equals').mockImplementation(function (this: Buffer) {
        copies.push(this);
        return true;
      });
      const parse = parser();
      const body = request({ 'a/x': configMap('x') });
      try {
        parse(body);
        parse(body);
      } finally {
        equals.mockRestore();
      }
      expect(copies).toHaveLength(1);
      expect(copies.map(({ buffer, length }) => buffer.byteLength - length)).toEqual([0]);
    });

    it('holds on to no body that it came in', () => {
      const text = JSON.stringify(request({ 'a/x': configMap('x') }));
      const body = Buffer.from(text);
      const parse = bodyParser(KINDS, randomUUID());
      const first = (parse(body) as Request).children?.['ConfigMap.v1'];
      body.fill(0);
      expect((parse(Buffer.from(text)) as Request).children?.['ConfigMap.v1']).toBe(first);
      expect(read(first)).toEqual({ 'a/x': configMap('x') });
    });
  });

  it.each<[string, object]>([
    [
      'a kind that is not asked for among the children',
      sent(
        { 'ConfigMap.v1': both, 'Pod.v1': both, 'Secret.v1': both },
        { 'ConfigMap.v1': both, 'Pod.v1': both, 'Secret.v1': both },
      ),
    ],
    [
      'a kind twice in one',
      sent(
        { 'ConfigMap.v1': { 'Secret.v1': both }, 'Secret.v1': both },
        { 'ConfigMap.v1': { 'Secret.v1': both }, 'Secret.v1': both },
      ),
    ],
    [
      'kinds out of order',
      sent({ 'Secret.v1': both, 'ConfigMap.v1': both }, { 'Secret.v1': both, 'ConfigMap.v1': both }),
    ],
    ['a kind that is missing', sent({ 'Secret.v1': both }, { 'Secret.v1': both })],
    [
      'children within the parent',
      {
        ...sent({ 'ConfigMap.v1': {}, 'Secret.v1': both }, { 'Secret.v1': both }),
        parent: { a: {}, children: { 'ConfigMap.v1': {}, 'Secret.v1': both }, related: { 'Secret.v1': both } },
      },
    ],
    ['a parent within the controller', { ...sent({}, {}), controller: { a: {}, parent: { b: {} }, c: 1 } }],
    [
      'the controller at the end',
      { parent: {}, children: { 'ConfigMap.v1': {}, 'Secret.v1': both }, related: {}, controller: {} },
    ],
    [
      'related objects first',
      {
        controller: {},
        parent: {},
        related: { 'Secret.v1': both },
        children: { 'ConfigMap.v1': {}, 'Secret.v1': both },
      },
    ],
  ])('with %s is the same as JSON', (_what, body) => {
    sameAsWhole(JSON.stringify(body));
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
        related: { 'Secret.v1': { 'a/c': secret('c') } },
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
    else expect(parse(text)).toEqual(body);
    expect(() => parse(text.slice(0, -1))).toThrow(SyntaxError);
  });

  it.each([
    '{"controller":{},"parent":{"metadata":{"managedFields" :1},"spec":{"a":1,"managedFields":[5],"name":"x"}}}',
    '{"controller":{},"parent":{"metadata":{"managed\\u0046ields":1},"spec":{"a":1,"managedFields":[5],"name":"x"}}}',
    '{"controller":{},"parent":{"metadata":{"managedFields" :"length"},"spec":{"a":1,"managedFields":[5],"name":"x"}}}',
    '{"controller":{},"parent":{"metadata":{"a":1,"managedFields":[5],"name":"x","managedFields" :1}}}',
    '{"controller":{},"parent":{},"children":{"Z.v1":{"a/b":{}},"Secret.v1":{},"ConfigMap.v1":1},"related":{"ConfigMap.v1":{"a/b":{}}}}',
  ])('that tries to pass something for what was cut is the same as JSON: %s', (text) => {
    sameAsWhole(text);
  });

  it('that is laid out in lines is parsed as a whole', () => {
    sameAsWhole(JSON.stringify(around(secret('b')), null, 1));
    sameAsWhole(
      '{"children":{"S":{"a/b":{"metadata":{"a":1,"managedFields":[1] ,"finalizers":["x"],"name":"b"}}}},"parent":{}}',
    );
  });

  it('of any content is parsed as JSON is, however its keys are ordered', () => {
    const keys = fc.constantFrom(
      ...['managedFields', 'name', 'labels', 'a"b', '],"name":', ',"managedFields":[', ']', '[', 'parent', 'children'],
      ...['related', 'Secret.v1', 'ConfigMap.v1', '"Secret.v1":{', '},"related":{', '}', '{}'],
    );
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { maxDepth: 6, withCrossShrink: true },
        fc.constantFrom<unknown>(0, 1, null, 'x', ']', ',"name":', '"managedFields":[', '},"related":{'),
        fc.array(tie('json'), { maxLength: 3 }),
        fc.dictionary(keys, tie('json'), { maxKeys: 4 }),
      ),
    }));
    const objects = fc.dictionary(keys, fc.record({ metadata: json, spec: json }), { maxKeys: 3 });
    const children = fc.record({ 'ConfigMap.v1': objects, 'Secret.v1': objects });
    const others = fc.record(
      { 'ConfigMap.v1': objects, 'Pod.v1': objects, 'Secret.v1': objects },
      { requiredKeys: [] },
    );
    const open = fc.record({ spec: json });
    const body = fc
      .record({ controller: open, parent: open, children, others, isCopy: fc.boolean() })
      .map(({ others, isCopy, ...rest }) => ({ ...rest, related: isCopy ? { ...others, ...rest.children } : others }));
    let shared = 0;
    fc.assert(
      fc.property(body, (value) => {
        shared += twins(sameAsWhole(JSON.stringify(value))).length;
      }),
      { numRuns: 3_000 },
    );
    expect(shared).toBeGreaterThan(100);
  });
});
