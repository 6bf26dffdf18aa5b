import { describe, expect, it } from 'vitest';
import type { ClusterObject } from '../../../../src/cli/cluster/connection.ts';
import { liveArgument } from '../../../../src/cli/live/argument.ts';
import { comparable, effectOf, mergePatch } from '../../../../src/cli/live/change.ts';

describe('an argument', () => {
  const none = () => false;
  it.each([
    ['broker/meshery-broker', 'Broker meshery-broker'],
    ['brokers/a.b', 'Broker a.b'],
    ['MeshSync/edge', 'MeshSync edge'],
    ['broker/a.yaml', undefined],
    ['broker/a.json', undefined],
    ['manifests/broker', undefined],
    ['./broker/a', undefined],
    ['broker/', undefined],
    ['broker/A', undefined],
    ['-', undefined],
  ])('%s names %s', (text, expected) => {
    const named = liveArgument(text, none);
    expect(named && `${named.controller.kind} ${named.name}`).toBe(expected);
  });

  it('that is a file is one', () => {
    expect(liveArgument('broker/meshery-broker', () => true)).toBeUndefined();
  });
});

describe('a change', () => {
  const object = (kind: string, more: object = {}): ClusterObject => ({
    apiVersion: 'v1',
    kind,
    metadata: { name: 'a', namespace: 'n' },
    ...more,
  });
  const workload = (image: string, replicas = 1) => object('StatefulSet', { spec: { replicas, template: { image } } });
  const what = 'X n/a';

  it.each([
    [workload('1'), workload('1'), undefined],
    [workload('1'), workload('2', 3), 'restarts: all pods of X n/a'],
    [workload('1'), workload('1', 3), 'scales: X n/a from 1 to 3 pods'],
    [
      object('ConfigMap', { data: { a: '1' } }),
      object('ConfigMap', { data: { a: '2' } }),
      'reloads: the servers read X n/a again',
    ],
    [object('ConfigMap', { data: { a: '1' } }), object('ConfigMap', { data: { a: '1' }, x: 1 }), undefined],
    [object('Service', { spec: { a: 1 } }), object('Service', { spec: { a: 2 } }), undefined],
  ])('from %j to %j says what pods notice', (before, after, effect) => {
    expect(effectOf({ what, before, after })).toBe(effect);
  });

  it('that creates or deletes restarts nothing', () => {
    expect(effectOf({ what, before: workload('1') })).toBeUndefined();
    expect(effectOf({ what, after: workload('1') })).toBeUndefined();
  });

  it('shows no value of a Secret, but which are others', () => {
    const secret = (data: object) =>
      object('Secret', {
        data,
        metadata: { name: 'a', uid: 'u', managedFields: [], annotations: { 'x/last-applied-configuration': 's3cret' } },
      });
    const shown = comparable({
      what,
      before: secret({ same: 's3cret', a: 's3cret1' }),
      after: secret({ same: 's3cret', a: 's3cret2', b: 's3cret' }),
    });
    expect(shown).toEqual([
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, data: { same: '***', a: '*** (before)' } },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'a' },
        data: { same: '***', a: '*** (after)', b: '*** (after)' },
      },
    ]);
  });

  it('is the patch of what was applied and is no longer', () => {
    expect(mergePatch({ spec: { a: 1, b: { c: 1, d: 2 } } }, { spec: { b: { c: 3 }, e: [1] } })).toEqual({
      spec: { a: null, b: { c: 3, d: null }, e: [1] },
    });
  });
});
