import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { brokerParts } from '../../src/broker/request.ts';
import { MEMORY, Memory } from '../../src/memory.ts';
import { meshSyncParts } from '../../src/meshsync/request.ts';
import { type BodyParts, bodyParser } from '../../src/metacontroller/body.ts';
import { UnreadManagedFields } from '../../src/metacontroller/managed-fields.ts';

const ENTRY = { manager: 'm', operation: 'Apply', fieldsV1: { 'f:spec': { 'k:{"port":4222}': { '.': {} } } } };

/** The same with all managedFields read. */
function read(body: unknown): unknown {
  if (body instanceof UnreadManagedFields) return body.read();
  if (Array.isArray(body)) return body.map(read);
  if (typeof body !== 'object' || body === null) return body;
  return Object.fromEntries(Object.entries(body).map(([key, value]) => [key, read(value)]));
}

const CHILDREN = ['Secret.v1', 'ConfigMap.v1'];
const PARTS: BodyParts = {
  children: CHILDREN,
  related: [...CHILDREN, 'Broker.v1', 'Service.v1', 'Pod.v1'],
};

const parse = (text: string, parts = PARTS) => bodyParser(parts, randomUUID())(Buffer.from(text)) as Request;

/** A parser that has seen what other tests parsed. */
const seasoned = bodyParser(PARTS, randomUUID());

/** A body that is an object without its controller, which is read by no hook. */
const withoutController = (body: unknown) => ({ ...(body as Request), controller: undefined });

/** @returns what was parsed, which is the same as it is by JSON.parse, but for the controller */
function sameAsWhole(text: string, parts?: BodyParts): Request {
  const parsed = parse(text, parts);
  if (!parts) expect(read(withoutController(seasoned(Buffer.from(text))))).toEqual(read(withoutController(parsed)));
  expect(read(withoutController(parsed))).toEqual(withoutController(JSON.parse(text)));
  return parsed;
}

type Kinds = Record<string, Record<string, { metadata: { managedFields?: unknown } }>>;

/** What the parser gives that is kept. */
type Remembering = Request & { parent: object; [MEMORY]?: Memory };

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
      const parsed = sameAsWhole(text, file.includes('-broker-sync-') ? brokerParts : meshSyncParts);
      if (parsed.children) expect(parsed.controller).toBeUndefined();
      shared.push(...twins(parsed));
      const objects = Object.values(parsed.children ?? {}).flatMap(Object.values<Kinds[string][string]>);
      unread += objects.filter(({ metadata }) => metadata.managedFields instanceof UnreadManagedFields).length;
    }
    expect(unread).toBeGreaterThan(100);
    const workloads = shared.filter((kind) => kind === 'StatefulSet.apps/v1' || kind === 'Deployment.apps/v1');
    expect(workloads.length).toBeGreaterThan(40);
    expect(new Set(shared)).toEqual(
      new Set(
        [...brokerParts.children, ...meshSyncParts.children].filter(
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
    const parent = (uid: string, more: object = {}) => ({
      metadata: { labels: {}, name: 'p', ownerReferences: [{ name: 'x', uid: 'x' }], resourceVersion: '1', uid },
      ...more,
    });
    const request = (configMaps: object, secrets: object = both, of: object = parent('1'), more: object = {}) => {
      const kinds = { 'ConfigMap.v1': configMaps, 'Secret.v1': secrets };
      return { ...sent(kinds, { ...more, ...kinds }), parent: of };
    };
    const parser = () => {
      const parse = bodyParser(PARTS, randomUUID());
      return (body: object) => {
        const parsed = parse(Buffer.from(JSON.stringify(body))) as Request;
        expect(read({ ...parsed, controller: undefined })).toEqual({ ...body, controller: undefined });
        return parsed.children?.['ConfigMap.v1'];
      };
    };

    it('gives the same objects, for each parent', () => {
      const parse = parser();
      const [one, other] = [{ 'a/x': configMap('x') }, { 'a/y': configMap('y') }];
      const [first, second] = [parse(request(one)), parse(request(other, both, parent('2')))];
      expect(parse(request(one, { 'a/b': secret('b', { data: { key: 'eA==' } }) }))).toBe(first);
      expect(parse(request(other, both, parent('2')))).toBe(second);
    });

    it('gives the same parent and the same related objects, unless they may hold credentials', () => {
      const mayHoldCredentials = (part: string, bytes: Buffer) =>
        ['parent', 'Broker.v1'].includes(part) && bytes.includes('custom');
      const parse = bodyParser({ ...PARTS, mayHoldCredentials }, randomUUID());
      const parts = (spec: object, broker: object) => {
        const body = request({}, both, parent('1', { spec }), { 'Broker.v1': { 'a/b': secret('b', broker) } });
        const { parent: of, related, [MEMORY]: memory } = parse(Buffer.from(JSON.stringify(body))) as Remembering;
        expect(read([of, related])).toEqual([body.parent, body.related]);
        return { of, broker: related?.['Broker.v1'], memory };
      };
      const first = parts({ size: 1 }, { spec: {} });
      expect(first.memory).toBeInstanceOf(Memory);
      const again = parts({ size: 1 }, { spec: {} });
      for (const key of ['of', 'broker', 'memory'] as const) expect(again[key]).toBe(first[key]);
      const bigger = parts({ size: 2 }, { spec: {} });
      expect(bigger.of).not.toBe(first.of);
      expect(bigger).toMatchObject({ broker: first.broker, memory: first.memory });
      expect(parts({ size: 2 }, { spec: { size: 1 } }).broker).not.toBe(first.broker);
      for (const [spec, other] of [
        [{ custom: 1 }, {}],
        [{}, { custom: 1 }],
        [{}, { env: 'nats://user:password@host' }],
        [{ env: 'nats://a,nats://token@host' }, {}],
        [{ note: 'x'.repeat(32_768) }, {}],
      ] as const) {
        expect(parts(spec, { spec: other }).memory).toBeUndefined();
        const [one, two] = [parts(spec, { spec: other }), parts(spec, { spec: other })];
        expect([one.of === two.of, one.broker === two.broker]).toEqual(
          Object.keys(spec).length > 0 ? [false, true] : [true, false],
        );
      }
      const expanded = parts({ env: 'nats://$(NATS_TOKEN)@host' }, {});
      expect(parts({ env: 'nats://$(NATS_TOKEN)@host' }, {}).of).toBe(expanded.of);
    });

    it('knows few parents, and none without a uid that could be one', () => {
      const parse = parser();
      const of = (parent: object, content = 'x') => parse(request({ 'a/x': configMap(content) }, both, parent));
      const first = of(parent('1'));
      for (const uid of ['2', '3', '4']) of(parent(uid));
      expect(of(parent('1'))).toBe(first);
      for (const uid of ['2', '3', '4', '5']) of(parent(uid));
      expect(of(parent('1'))).not.toBe(first);
      for (const unknown of [parent(''), parent('u'.repeat(254)), { metadata: { name: 'p', uid: '1' } }, {}]) {
        expect(of(unknown)).not.toBe(of(unknown));
      }
      const broken = JSON.stringify(request({ 'a/x': configMap('y') }, both, parent('6'))).replace(/}$/, ',}');
      const own = bodyParser(PARTS, randomUUID());
      expect(() => own(Buffer.from(broken))).toThrow(SyntaxError);
    });

    it.each([
      { spec: { broker: { custom: { url: 'nats://host' } } } },
      {
        metadata: {
          annotations: { last: '{"spec":{"broker":{"custom":{"url":"nats://host"}}}}' },
          resourceVersion: '1',
          uid: '1',
        },
      },
      { metadata: { annotations: { last: '{ "custom" : {} }' }, resourceVersion: '1', uid: '1' } },
      { metadata: { annotations: { note: 'custom:\n  url: nats://a' }, resourceVersion: '1', uid: '1' } },
      { metadata: { annotations: { last: JSON.stringify('{"custom":{}}') }, resourceVersion: '1', uid: '1' } },
    ])('gives another MeshSync where it may hold a URL with credentials: %j', (of) => {
      const parse = bodyParser(meshSyncParts, randomUUID());
      const list = { 'watch-list': { data: { whitelist: '["customresourcedefinitions.v1."]' } } };
      const parts = (of: object) => {
        const kinds = { 'Deployment.apps/v1': {}, 'Secret.v1': {}, 'ServiceAccount.v1': {} };
        const related = { 'MeshSync.meshery.io/v1alpha2': { 'meshery/meshery-meshsync': of }, 'Secret.v1': {} };
        const body = { ...sent(kinds, related), parent: of };
        const parsed = parse(Buffer.from(JSON.stringify(body))) as Request & { parent: object };
        expect(parsed).toMatchObject({ parent: of, related });
        return [parsed.parent, parsed.related?.['MeshSync.meshery.io/v1alpha2']];
      };
      const [native, inForce] = parts(parent('1', { spec: list }));
      expect(parts(parent('1', { spec: list }))[0]).toBe(native);
      expect(parts(parent('1', { spec: list }))[1]).toBe(inForce);
      const [custom, other] = parts(of);
      expect(parts(of)[0]).not.toBe(custom);
      expect(parts(of)[1]).not.toBe(other);
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
      const parse = bodyParser(PARTS, randomUUID());
      const body = Buffer.from(
        JSON.stringify(request({ 'a/x': configMap('x', { data: { key: 'x'.repeat(32_768) } }) })),
      );
      const [first, second] = [parse(body) as Request, parse(body) as Request];
      expect(twins(first)).toEqual(['ConfigMap.v1', 'Secret.v1']);
      for (const kind of twins(first)) expect(second.children?.[kind]).not.toBe(first.children?.[kind]);
    });

    it('shares no memory with other buffers, which may hold credentials', () => {
      const compared = new Set<Buffer>();
      const { compare } = Buffer.prototype;
      const spy = vi.spyOn(Buffer.prototype, 'compare').mockImplementation(function (this: Buffer, other, ...range) {
        compared.add(other as Buffer);
        return compare.call(this, other, ...range);
      });
      const parse = parser();
      const body = request({ 'a/x': configMap('x') });
      try {
        parse(body);
        parse(body);
      } finally {
        spy.mockRestore();
      }
      const texts = [body.parent, { 'a/x': configMap('x') }].map((part) => JSON.stringify(part));
      const copies = [...compared].filter((bytes) => texts.includes(bytes.toString()));
      expect(copies).toHaveLength(2);
      // So has what is looked for; the Secrets are those of the body.
      const lasting = [...compared].filter((bytes) => bytes.toString() !== JSON.stringify(both));
      expect(lasting.length).toBeGreaterThan(10);
      for (const { buffer, length } of lasting) expect(buffer.byteLength).toBe(length);
    });

    it('holds on to no body that it came in', () => {
      const text = JSON.stringify(request({ 'a/x': configMap('x') }));
      const body = Buffer.from(text);
      const parse = bodyParser(PARTS, randomUUID());
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
    '{"controller":{},"children":{"ConfigMap.v1":{},"Secret.v1":{}},"related":{},"finalizing":false,"x":{},"parent":{}}',
    '{"controller":{},"parent":{"metadata":{"managedFields" :1},"spec":{"a":1,"managedFields":[5],"name":"x"}}}',
    '{"controller":{},"parent":{"metadata":{"managed\\u0046ields":1},"spec":{"a":1,"managedFields":[5],"name":"x"}}}',
    '{"controller":{},"parent":{"metadata":{"managedFields" :"length"},"spec":{"a":1,"managedFields":[5],"name":"x"}}}',
    '{"controller":{},"parent":{"metadata":{"a":1,"managedFields":[5],"name":"x","managedFields" :1}}}',
    '{"controller":{},"parent":{},"children":{"Z.v1":{"a/b":{}},"Secret.v1":{},"ConfigMap.v1":1},"related":{"ConfigMap.v1":{"a/b":{}}}}',
  ])('that tries to pass something for what was cut is the same as JSON: %s', (text) => {
    sameAsWhole(text);
  });

  const recorded = readFileSync(join(directories[0] ?? '', 'meshery-meshery-meshsync-meshsync-sync-last.json'), 'utf8');
  it('that is broken anywhere behind the controller is refused or read as JSON is', () => {
    const without = (key: string, value: unknown) => (key === 'managedFields' ? undefined : value); // not read, broken or not
    const text = JSON.stringify(JSON.parse(recorded, without));
    const from = text.indexOf('"parent":') + '"parent":'.length;
    const marks = [...text.matchAll(/"(parent|children|related|finalizing|[A-Za-z]+\.[a-z0-9./]*)":/g)].map(
      ({ index }) => index,
    );
    const at = fc.oneof(
      fc.integer({ min: from, max: text.length }),
      fc
        .tuple(fc.constantFrom(...marks.filter((mark) => mark >= from)), fc.integer({ min: -4, max: 30 }))
        .map(([mark, by]) => Math.max(from, mark + by)),
    );
    const piece = fc.oneof(
      fc.constantFrom('', ',', '{', '}', '}}', '"', '"a":1,', ',"a":1', '{},', ' '),
      fc.string({ maxLength: 3 }),
    );
    const known = bodyParser(meshSyncParts, randomUUID());
    const outcome = (parse: () => unknown) => {
      try {
        return read({ ...(parse() as object), controller: undefined });
      } catch {
        return 'refused';
      }
    };
    expect(outcome(() => known(Buffer.from(text)))).not.toBe('refused');
    let refused = 0;
    fc.assert(
      fc.property(at, fc.nat({ max: 4 }), piece, (start, cut, piece) => {
        const broken = text.slice(0, start) + piece + text.slice(start + cut);
        const expected = outcome(() => JSON.parse(broken));
        refused += Number(expected === 'refused');
        expect(outcome(() => known(Buffer.from(broken)))).toEqual(expected);
        expect(outcome(() => parse(broken, meshSyncParts))).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it.each([
    ['a comma too many', ',"related":{', '},,"related":{'],
    ['a comma behind the children', '},"related":{', ',},"related":{'],
    ['a comma behind the related objects', '},"finalizing"', ',},"finalizing"'],
    ['no comma between kinds', ',"Secret.v1"', '"Secret.v1"'],
    ['something behind its end', 'false}', 'false}}'],
    ['another flag', 'false}', 'falsy}'],
    ['no end', 'false}', 'false'],
  ])('with %s is refused, known or not', (_what, from, to) => {
    const kinds = { 'ConfigMap.v1': { 'a/b': secret('b') }, 'Secret.v1': { 'a/b': secret('b') } };
    const text = JSON.stringify(sent(kinds, kinds));
    const parse = bodyParser(PARTS, randomUUID());
    const broken = text.replace(from, to);
    expect(broken).not.toBe(text);
    expect(() => parse(Buffer.from(broken))).toThrow(SyntaxError);
    expect(parse(Buffer.from(text))).toBeTypeOf('object');
    expect(() => parse(Buffer.from(broken))).toThrow(SyntaxError);
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
    const sorted = (map: Record<string, unknown>) =>
      Object.fromEntries(
        Object.keys(map)
          .sort()
          .map((key) => [key, map[key]]),
      );
    const body = fc
      .record({ controller: open, parent: open, children, others, isCopy: fc.boolean(), finalizing: fc.boolean() })
      .map(({ others, isCopy, finalizing, ...rest }) => {
        return { ...rest, related: isCopy ? sorted({ ...others, ...rest.children }) : others, finalizing };
      });
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
