import { describe, expect, it } from 'vitest';
import { controllers } from '../../src/controllers.ts';
import { controllerReference } from './claim.ts';
import { Cluster } from './cluster.ts';
import type { CompositeController, Webhook } from './composite-controller.ts';
import { admitted, canonicalQuantity } from './defaults.ts';
import { dynamicApply, LAST_APPLIED, withLastApplied } from './dynamic-apply.ts';
import { fromFieldsV1, toFieldsV1 } from './field-sets.ts';
import { inMemory } from './in-memory.ts';
import { at, type Json, type JsonObject, type KubeObject } from './json.ts';
import { type Strategy, sync } from './metacontroller.ts';
import { kindsOf } from './registrations.ts';

/** The test doubles are compared with the known behaviour of the originals. */

const object = (spec: JsonObject, labels?: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Widget',
  metadata: { name: 'a', namespace: 'b', ...(labels && { labels }) },
  spec,
});

describe('a sync of the stand-in', () => {
  const parent: KubeObject = {
    apiVersion: 'a.example/v1',
    kind: 'Parent',
    metadata: { name: 'p', namespace: 'b', uid: 'u' },
  };
  const named = (name: string, metadata: JsonObject = {}): KubeObject => ({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'b', ...metadata } },
  });
  const owner = (uid: string) => ({ ownerReferences: [{ ...controllerReference(parent), uid }] });
  const labels = { 'controller-uid': 'u' };
  const syncWith = (cluster: Cluster, response: JsonObject, strategy: Strategy = 'dynamic-apply') => {
    const call = async ({ path }: Webhook) => (path === 'customize' ? { relatedResources: [] } : response);
    return sync({ transport: inMemory(cluster, kindsOf(controllers)), controller, call, strategy }, parent);
  };
  const controller: CompositeController = {
    ...{ apiVersion: 'metacontroller.k8s.io/v1alpha1', kind: 'CompositeController', metadata: { name: 'c' } },
    spec: {
      parentResource: { apiVersion: 'a.example/v1', resource: 'parents' },
      childResources: [{ apiVersion: 'v1', resource: 'configmaps' }],
      hooks: { sync: { webhook: { path: 'sync' } }, customize: { webhook: { path: 'customize' } } },
    },
  };

  it.each<[string, JsonObject, string]>([
    ['a field that Metacontroller does not know', { events: [] }, 'Unexpected property'],
    ['a null', { children: [{ ...named('a'), data: { key: null } }] }, 'null at children.0.data.key'],
    ['a child of a kind that is not registered', { children: [{ ...named('a'), kind: 'Secret' }] }, 'not registered'],
    ['the same child twice', { children: [named('a'), named('a')] }, 'ConfigMap.v1 b/a is there twice'],
    ['a child of another parent', { children: [named('a', { labels: { 'controller-uid': 'v' } })] }, 'the selector'],
  ])('fails on a response with %s', async (_what, response, message) => {
    await expect(syncWith(new Cluster(), response)).rejects.toThrow(message);
  });

  it.each<Strategy>(['server-side-apply', 'dynamic-apply'])(
    'claims children by owner and label, and deletes those that are not desired, under %s',
    async (strategy) => {
      const cluster = new Cluster();
      for (const object of [
        ...[parent, named('owned', { labels, ...owner('u') }), named('unlabelled', owner('u'))],
        ...[named('orphan', { labels }), named('foreign', { labels, ...owner('v') }), named('stranger')],
      ])
        cluster.create(object, 'somebody');
      const { request, errors } = await syncWith(cluster, { children: [named('orphan'), named('new')] }, strategy);
      expect([Object.keys(request.children['ConfigMap.v1'] ?? {}), errors]).toEqual([['b/owned', 'b/orphan'], []]);
      const owners = cluster
        .all('ConfigMap.v1')
        .map(({ metadata }) => [metadata.name, metadata.ownerReferences?.[0]?.uid]);
      expect(Object.fromEntries(owners)).toEqual({
        unlabelled: undefined,
        orphan: 'u',
        foreign: 'v',
        stranger: undefined,
        new: 'u',
      });
      const again = await syncWith(cluster, { children: [named('orphan'), named('new')] }, strategy);
      expect(again.writes).toEqual([]);
    },
  );
});

describe('dynamic-apply of the stand-in', () => {
  it.each<[string, Json, Json, Json, Json]>([
    [
      'adds applied fields, removes those no longer applied, and keeps the rest',
      { a: 1, b: 2, c: 3 },
      { a: 1, b: 2 },
      { a: 9 },
      { a: 9, c: 3 },
    ],
    ['replaces lists of scalars', ['x', 'y'], ['x'], ['z'], ['z']],
    [
      'merges lists by a key, in the existing order',
      [{ name: 'x' }, { name: 'y', a: 1 }],
      [{ name: 'x' }],
      [{ name: 'z' }, { name: 'y', b: 2 }],
      [{ name: 'y', a: 1, b: 2 }, { name: 'z' }],
    ],
    [
      'prefers the port to the name as a key',
      [{ name: 'x', port: 1, nodePort: 3 }],
      [],
      [{ name: 'y', port: 1 }],
      [{ name: 'y', port: 1, nodePort: 3 }],
    ],
    ['replaces a list whose items have no key in common', [{ name: 'x' }], [], [{ b: 2 }], [{ b: 2 }]],
  ])('%s', (_what, observed, last, desired, expected) => {
    const before = withLastApplied(object({ value: observed }), object({ value: last }));
    expect(dynamicApply(before, object({ value: desired })).spec).toEqual({ value: expected });
  });

  it('stores the last applied configuration, and keeps status and system metadata', () => {
    const observed = { ...object({ a: 1 }), status: { ready: true } };
    observed.metadata.uid = 'u';
    const result = dynamicApply(observed, object({ a: 1 }, { l: 'm' }));
    expect(result).toMatchObject({ status: { ready: true }, metadata: { uid: 'u', labels: { l: 'm' } } });
    expect(JSON.parse(result.metadata.annotations?.[LAST_APPLIED] ?? '')).toEqual(object({ a: 1 }, { l: 'm' }));
  });
});

describe('server-side-apply of the stand-in', () => {
  const env = (...names: string[]) => ({ env: names.map((name) => ({ name, value: name.toLowerCase() })) });
  const names = (cluster: Cluster) =>
    (at(cluster.get('Widget.v1', 'b', 'a'), 'spec', 'env') as JsonObject[]).map(({ name }) => name);

  it('removes fields that are no longer applied, and keeps those of other owners', () => {
    const cluster = new Cluster();
    cluster.apply(object({ ...env('A', 'B'), replicas: 1 }), 'metacontroller');
    cluster.edit(object({}), 'somebody', ({ spec }) =>
      Object.assign(spec as JsonObject, env('A', 'B', 'DEBUG'), { args: ['x'] }),
    );
    const applied = cluster.apply(object({ ...env('B'), replicas: 1 }), 'metacontroller');
    expect(names(cluster)).toEqual(['B', 'DEBUG']);
    expect(at(cluster.get('Widget.v1', 'b', 'a'), 'spec', 'args')).toEqual(['x']);
    expect(cluster.apply(object({ ...env('B'), replicas: 1 }), 'metacontroller')).toEqual(applied);
  });

  it('orders items as in the applied list', () => {
    const cluster = new Cluster();
    cluster.create(object(env('URL', 'DEBUG', 'TOKEN')), 'somebody');
    cluster.apply(object(env('TOKEN', 'URL')), 'metacontroller');
    expect(names(cluster).filter((name) => name !== 'DEBUG')).toEqual(['TOKEN', 'URL']);
  });

  it('takes ownership of a field that it changes, and shares one that it does not', () => {
    const cluster = new Cluster();
    cluster.create(object({ a: 1, b: 1 }), 'somebody');
    cluster.apply(object({ a: 1, b: 2 }), 'metacontroller');
    const managed = cluster.get('Widget.v1', 'b', 'a')?.metadata.managedFields ?? [];
    expect(managed.map(({ manager, fieldsV1 }) => [manager, fieldsV1])).toEqual([
      ['somebody', { 'f:spec': { 'f:a': {} } }],
      ['metacontroller', { 'f:spec': { 'f:a': {}, 'f:b': {} } }],
    ]);
    cluster.apply(object({ b: 2 }), 'metacontroller');
    expect(cluster.get('Widget.v1', 'b', 'a')?.spec).toEqual({ a: 1, b: 2 });
  });

  it('writes sets as FieldsV1 and reads them back', () => {
    const fields = {
      'f:metadata': { 'f:labels': { 'f:a.b/c': {} } },
      'f:spec': { 'f:env': { 'k:{"name":"A"}': { '.': {}, 'f:name': {} } }, 'f:selector': {} },
    };
    expect(toFieldsV1(fromFieldsV1(fields))).toEqual(fields);
  });
});

describe('the API server of the stand-in', () => {
  it.each([
    ['1000m', '1'],
    ['1', '1'],
    ['0.5', '500m'],
    ['1024Mi', '1Gi'],
    ['256Mi', '256Mi'],
    ['100m', '100m'],
  ])('returns the quantity %s as %s', (given, canonical) => {
    expect(canonicalQuantity(given)).toBe(canonical);
  });

  it('drops empty fields except for volumes and the like', () => {
    expect(admitted(object({ a: {}, b: [], c: null, emptyDir: {} })).spec).toEqual({ emptyDir: {} });
  });

  it('increments the generation only when the spec changes, and rejects changes of immutable fields', () => {
    const cluster = new Cluster();
    const spec = { replicas: 1, selector: { matchLabels: {} }, serviceName: 'a' };
    const set = { ...object(spec), apiVersion: 'apps/v1', kind: 'StatefulSet' };
    cluster.create(set, 'x');
    const generation = () => cluster.get('StatefulSet.apps/v1', 'b', 'a')?.metadata.generation;
    cluster.edit(set, 'x', ({ metadata }) => Object.assign(metadata, { labels: { a: 'b' } }));
    expect(generation()).toBe(1);
    cluster.edit(set, 'x', (each) => Object.assign(each.spec as JsonObject, { replicas: 2 }));
    expect(generation()).toBe(2);
    expect(() =>
      cluster.edit(set, 'x', (each) => Object.assign(each.spec as JsonObject, { serviceName: 'c' })),
    ).toThrow('422');
  });
});
