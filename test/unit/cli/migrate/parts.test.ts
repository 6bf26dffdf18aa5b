import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isGoOperator } from '../../../../src/cli/migrate/go-operator.ts';
import { revisionOf } from '../../../../src/cli/migrate/helm.ts';
import { handedOver, union } from '../../../../src/cli/migrate/managed-fields.ts';
import { findMetacontroller } from '../../../../src/cli/migrate/metacontroller.ts';
import { waitingFor } from '../../../../src/cli/migrate/readiness.ts';
import { restoration } from '../../../../src/cli/migrate/restore.ts';
import { encode } from '../../../../src/kubernetes/secrets.ts';
import { goOperator } from './facts.ts';

describe('field managers', () => {
  const entry = (manager: string, fieldsV1: object, more: object = {}) => ({
    ...{ manager, operation: 'Apply', apiVersion: 'v1', fieldsV1, ...more },
  });
  const to = { manager: 'metacontroller', operation: 'Apply' } as const;

  it('are united, while those of a status stay', () => {
    const status = entry('old', { 'f:status': {} }, { operation: 'Update', subresource: 'status' });
    const metadata = {
      name: 'one',
      managedFields: [
        entry('old', { 'f:spec': { 'f:a': {}, 'k:{"x":1}': { '.': {} } } }),
        entry('metacontroller', { 'f:spec': { 'f:b': {} } }),
        entry('kept', { 'f:spec': { 'f:c': {} } }),
        status,
      ],
    };
    expect(
      handedOver({ metadata }, ({ manager }) => manager === 'old', to, { 'f:metadata': { 'f:labels': {} } }),
    ).toEqual([
      entry('metacontroller', {
        'f:metadata': { 'f:labels': {} },
        'f:spec': { 'f:a': {}, 'f:b': {}, 'k:{"x":1}': { '.': {} } },
      }),
      entry('kept', { 'f:spec': { 'f:c': {} } }),
      status,
    ]);
  });

  it('unite sets of fields in both directions', () => {
    const one = { 'f:a': { 'f:b': {} } };
    const other = { 'f:a': { 'f:c': {} }, 'f:d': {} };
    expect(union(one, other)).toEqual(union(other, one));
  });
});

describe('Metacontroller', () => {
  const of = (image: string, args: string[]) => ({
    ...goOperator(),
    spec: { template: { spec: { containers: [{ name: 'main', image, args }] } } },
  });

  it.each([
    [['--apply-strategy=server-side-apply'], { manager: 'metacontroller', operation: 'Apply' }],
    [['-apply-strategy', 'server-side-apply'], { manager: 'metacontroller', operation: 'Apply' }],
    [
      ['--apply-strategy=server-side-apply', '--apply-strategy-ssa-field-manager=mine'],
      { manager: 'mine', operation: 'Apply' },
    ],
    [[], { manager: 'metacontroller', operation: 'Update' }],
    [['--apply-strategy=dynamic-apply'], { manager: 'metacontroller', operation: 'Update' }],
  ])('with %j has the manager %j', (args, manager) => {
    expect(findMetacontroller([of('quay.io/x/metacontroller:v4.17.2', args)])?.manager).toEqual(manager);
  });

  it('is not the operator whose image is named after it', () => {
    const image = 'ghcr.io/meshery/meshery-operator-metacontroller:2.1.0';
    expect(findMetacontroller([of(image, [])])).toBeUndefined();
  });
});

describe('the Go operator', () => {
  const of = (container: object) => ({
    ...goOperator(),
    spec: { template: { spec: { containers: [{ name: 'manager', ...container }] } } },
  });

  it.each([
    [{ image: 'meshery/meshery-operator:1.0.5' }, true],
    [{ image: 'registry.local:5000/mirror/meshery-operator@sha256:0' }, true],
    [{ image: 'registry.local/other', command: ['/manager'] }, true],
    [{ image: 'ghcr.io/meshery/meshery-operator-metacontroller:2.1.0', ports: [{ name: 'hooks' }] }, false],
    [{ image: 'registry.local/meshery-operator:2.1.0', ports: [{ name: 'hooks' }] }, false],
  ])('is told from this one: %j', (container, is) => expect(isGoOperator(of(container))).toBe(is));
});

describe('a release of Helm', () => {
  const secret = (release: unknown) => ({
    ...{ metadata: { name: 'sh.helm.release.v1.x.v1' } },
    data: { release: encode(gzipSync(JSON.stringify(release)).toString('base64')) },
  });

  it.each([
    [{ chart: { metadata: { name: 'a', version: '1.0.5' } } }, { name: 'a', version: '1.0.5', isOurs: false }],
    [
      { chart: { metadata: { name: 'a', version: '2.1.0', keywords: ['nats', 'metacontroller'] } } },
      { name: 'a', version: '2.1.0', isOurs: true },
    ],
    [{ chart: {} }, undefined],
  ])('%j is of chart %j', (release, chart) => expect(revisionOf(secret(release)).chart).toEqual(chart));

  it('may be damaged', () => {
    expect(revisionOf({ metadata: { name: 'x' }, data: { release: 'AAAA' } }).chart).toBeUndefined();
  });
});

describe('a resource', () => {
  const condition = (type: string, status: string) => ({ type, status, reason: 'R', message: 'why' });
  const of = (status: object) => ({ kind: 'Broker', metadata: { name: 'b', namespace: 'n', generation: 2 }, status });

  it.each([
    [{ conditions: [condition('Ready', 'True')] }, 'Broker n/b, which was not synced yet'],
    [{ observedGeneration: 1, conditions: [condition('Ready', 'True')] }, 'Broker n/b, which was not synced yet'],
    [{ observedGeneration: 2, conditions: [] }, 'Broker n/b, which is not Ready: it has no condition Ready'],
    [{ observedGeneration: 2, conditions: [condition('Ready', 'False')] }, 'Broker n/b, which is not Ready: why'],
    [
      { observedGeneration: 2, conditions: [condition('Ready', 'True'), condition('Progressing', 'True')] },
      'Broker n/b, whose pods are replaced: why',
    ],
    [{ observedGeneration: 2, conditions: [condition('Ready', 'True')] }, undefined],
  ])('with status %j waits for %j', (status, what) => expect(waitingFor(of(status))).toBe(what));
});

describe('a copy', () => {
  const copy = {
    ...{ apiVersion: 'v1', kind: 'Service' },
    metadata: { name: 's', namespace: 'n', uid: '1', resourceVersion: '5', labels: { a: '1' } },
    spec: { ports: [{ port: 1 }] },
  };
  const live = (changed: object) => ({ ...copy, ...changed, metadata: { ...copy.metadata, resourceVersion: '9' } });

  it('restores what differs, and only if nothing has changed since', () => {
    const [change, ...others] = restoration(copy, live({ spec: { ports: [{ port: 2 }] } }));
    expect(others).toEqual([]);
    expect(change?.request).toEqual({
      verb: 'patch',
      patch: {
        type: 'json',
        body: [
          { op: 'replace', path: '/metadata/resourceVersion', value: '9' },
          { op: 'add', path: '/spec', value: { ports: [{ port: 1 }] } },
        ],
      },
    });
  });

  it('changes nothing of an object that is as it was', () => expect(restoration(copy, live({}))).toEqual([]));

  it('makes a missing object anew, without what the API server gives it', () => {
    const [change] = restoration(copy, undefined);
    const metadata = { name: 's', namespace: 'n', labels: { a: '1' } };
    expect(change?.request).toEqual({ verb: 'create', body: { ...copy, metadata } });
    expect(restoration({ ...copy, kind: 'ConfigMap' }, undefined)).toEqual([]);
  });
});
