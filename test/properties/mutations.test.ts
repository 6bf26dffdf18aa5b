import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { clone, groupKey, isObject, type Json, type JsonObject, type KubeObject } from '../stand-in/json.ts';
import { testApp } from '../support/app.ts';

/** Recorded requests, changed at random in one to four places, as from a faulty or hostile client. */
const DIRECTORY = 'test/payloads/recorded/dynamic-apply';
const requests = readdirSync(DIRECTORY).map((file) => ({
  url: `/${/-(broker|meshsync)-(sync|customize)-\w+\.json$/.exec(file)?.slice(1).join('/')}`,
  body: JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8')) as JsonObject,
}));

type Request = (typeof requests)[number];

/** Credentials as `withoutCredentials` of the recorder writes them, plain and in base64. */
const CREDENTIAL = /tRecorded|dFJlY29yZGVk/;

type Holder = Record<string, Json>;
type Mutation = (holder: Holder, key: string) => void;

const replaceWith = (value: () => Json): Mutation => {
  return (holder, key) => {
    holder[key] = value();
  };
};

const mutations: Record<string, Mutation> = {
  drop: (holder, key) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  },
  duplicate: (holder, key) => {
    if (Array.isArray(holder)) holder.push(clone(holder[key] ?? null));
    else holder[`${key}2`] = clone(holder[key] ?? null);
  },
  rename: (holder, key) => {
    const value = holder[key] ?? null;
    delete holder[key];
    holder[key.toUpperCase()] = value;
  },
  breakKey: (holder, key) => {
    const value = holder[key] ?? null;
    delete holder[key];
    holder[`${key}\n`] = value;
  },
  nest: (holder, key) => {
    holder[key] = [{ [key]: holder[key] ?? null }];
  },
  deeply: (holder, key) => {
    for (let depth = 0; depth < 500; depth++) holder[key] = { a: holder[key] ?? null };
  },
  proto: (holder, key) => {
    Object.defineProperty(holder, '__proto__', {
      value: holder[key] ?? null,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  },
  polluting: (holder: Holder) => {
    Object.assign(holder, { constructor: { prototype: { polluted: true } } });
  },
  null: replaceWith(() => null),
  true: replaceWith(() => true),
  empty: replaceWith(() => ''),
  list: replaceWith(() => []),
  object: replaceWith(() => ({})),
  huge: replaceWith(() => 1.7e308),
  small: replaceWith(() => -1),
  fraction: replaceWith(() => 0.1),
  unsafe: replaceWith(() => 2 ** 53 + 2),
  surrogate: replaceWith(() => '\ud800'),
  control: replaceWith(() => '\u0000\u001b[31m\r\n'),
  long: replaceWith(() => 'a'.repeat(100_000)),
  date: replaceWith(() => '0000-99-99T99:99:99Z'),
};

/** The path from the root, key by key, and the change at its end. */
const change = fc.record({
  way: fc.array(fc.nat(997), { minLength: 1, maxLength: 14 }),
  mutation: fc.constantFrom(...Object.keys(mutations)),
});

function mutate(body: JsonObject, way: number[], mutation: string): void {
  let holder = body as Holder;
  for (const [depth, step] of way.entries()) {
    const keys = Object.keys(holder);
    const key = keys[step % keys.length];
    if (key === undefined) return;
    const value = holder[key];
    const within = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
    if (!within || depth === way.length - 1) {
      mutations[mutation]?.(holder, key);
      return;
    }
    holder = value as Holder;
  }
}

const lines: string[] = [];
const stream = new Writable({
  write: (chunk: Buffer, _encoding, done) => {
    lines.push(chunk.toString());
    done();
  },
});
const service = testApp({ logger: pino({ level: 'trace' }, stream), bodyLimit: 64 * 1024 * 1024 });

/** Children by kind and name, as far as they are objects that have both. */
function named(children: Json | undefined): Set<string> {
  const objects = isObject(children) ? Object.values(children).filter(isObject).flatMap(Object.values) : [];
  const whole = (objects as Json[]).filter((object): object is KubeObject => {
    if (!isObject(object) || !isObject(object.metadata)) return false;
    return [object.apiVersion, object.kind, object.metadata.name].every((field) => typeof field === 'string');
  });
  return new Set(whole.map((object) => `${groupKey(object)} ${object.metadata.name}`));
}

async function send(url: string, body: JsonObject) {
  lines.length = 0;
  const { statusCode, text, json } = await service.post(url, JSON.stringify(body));
  expect([200, 400]).toContain(statusCode);
  const response = json();
  const { children: _children, ...others } = response;
  expect(JSON.stringify(others)).not.toMatch(CREDENTIAL);
  expect(lines.join('')).not.toMatch(CREDENTIAL);
  if (statusCode === 400) {
    expect(Object.keys(response)).toEqual(['statusCode', 'error', 'message', 'path']);
    expect(text.length).toBeLessThan(1_000);
  }
  return { statusCode, response };
}

it('modified requests are accepted or rejected, and their credentials are never logged', async () => {
  const cases = fc.record({
    index: fc.nat(requests.length - 1),
    changes: fc.array(change, { minLength: 1, maxLength: 4 }),
  });
  let rejected = 0;
  let total = 0;
  await fc.assert(
    fc.asyncProperty(cases, async ({ index, changes }) => {
      const { url, body } = requests[index] as Request;
      const changed = clone(body);
      for (const { way, mutation } of changes) mutate(changed, way, mutation);
      const { statusCode } = await send(url, changed);
      total += 1;
      if (statusCode === 400) rejected += 1;
    }),
    { numRuns: Number(process.env.FAST_CHECK_RUNS ?? 10_000) },
  );
  expect(JSON.stringify(requests)).toMatch(CREDENTIAL);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  // Both rejected and accepted requests are needed: neither alone would prove much.
  expect(rejected / total).toBeGreaterThan(0.05);
  expect(rejected / total).toBeLessThan(0.95);
}, 300_000);

it('no child is dropped, whatever is invalid in the spec, the status or the related objects', async () => {
  const syncs = requests.filter(({ url }) => url.endsWith('/sync'));
  const part = fc.constantFrom('spec', 'status', 'related', 'annotations');
  const cases = fc.record({
    index: fc.nat(syncs.length - 1),
    part,
    changes: fc.array(change, { minLength: 1, maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ index, part, changes }) => {
      const { url, body } = syncs[index] as Request;
      const changed = clone(body) as JsonObject & { parent: KubeObject & { spec: JsonObject } };
      const { parent } = changed;
      const within = { spec: parent, status: parent, related: changed, annotations: parent.metadata }[part] as Holder;
      for (const { way, mutation } of changes) {
        const holder = { [part]: within[part] ?? {} };
        mutate(holder, [0, ...way], mutation);
        within[part] = holder[part] ?? null;
      }
      const { statusCode, response } = await send(url, changed);
      if (statusCode !== 200) return;
      const kept = new Set(
        (response.children as KubeObject[]).map((child) => `${groupKey(child)} ${child.metadata.name}`),
      );
      const dropped = [...named(body.children)].filter((child) => !kept.has(child));
      expect(dropped.filter((child) => !mayGo(child))).toEqual([]);
    }),
    { numRuns: Number(process.env.FAST_CHECK_RUNS ?? 2_000) },
  );
}, 300_000);

/** Children that a changed spec may not need although it is valid. */
function mayGo(child: string): boolean {
  return (
    /^(PodDisruptionBudget|NetworkPolicy|ServiceAccount)\b/.test(child) || /^Secret.* \S+-broker-auth$/.test(child)
  );
}

it.each(['/broker/sync', '/meshsync/sync'])('%s accepts 100,000 children, and keeps all of them', async (url) => {
  const request = requests.find((each) => each.url === url && isObject(each.body.children));
  const body = clone(request?.body ?? {});
  const metadata = (body.parent as KubeObject).metadata;
  const own = Array.from({ length: 100_000 }, (_, index) => {
    const name = `c${index}`;
    return [
      `${metadata.namespace}/${name}`,
      { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: metadata.namespace } },
    ];
  });
  (body.parent as JsonObject).spec = { size: 'x' };
  (body.children as JsonObject)['Secret.v1'] = Object.fromEntries(own);
  const { statusCode, response } = await send(url, body);
  expect(statusCode).toBe(200);
  expect((response.children as Json[]).length).toBeGreaterThanOrEqual(100_000);
});
