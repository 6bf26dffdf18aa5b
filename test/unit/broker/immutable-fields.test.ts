import { describe, expect, it } from 'vitest';
import { withImmutableFields } from '../../../src/broker/immutable-fields.ts';
import { type Broker, resolveBroker } from '../../../src/broker/spec.ts';
import type { ObservedStatefulSet } from '../../../src/kubernetes/kinds.ts';
import type { JsonObject } from '../../stand-in/json.ts';
import { brokerParent } from '../../support/scenarios.ts';

function broker(spec: JsonObject): Broker {
  const resolved = resolveBroker(brokerParent(spec));
  if ('path' in resolved) throw new Error(`${resolved.path} ${resolved.message}`);
  return resolved;
}

/** A StatefulSet as the API server stores it. */
function observed(
  spec: Partial<ObservedStatefulSet['spec']>,
  { status, jetStream }: { status?: ObservedStatefulSet['status']; jetStream?: object } = {},
): ObservedStatefulSet {
  const annotations: Record<string, string> = jetStream ? { 'meshery.io/jetstream': JSON.stringify(jetStream) } : {};
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'meshery-nats', namespace: 'meshery', generation: 3, annotations },
    spec,
    ...(status && { status }),
  };
}

const claim = (storage: string, storageClassName?: string) => ({
  volumeClaimTemplates: [
    {
      metadata: { name: 'data' },
      spec: { resources: { requests: { storage } }, ...(storageClassName && { storageClassName }) },
    },
  ],
});
const fileStore = (size: string, more: JsonObject = {}) => ({ jetstream: { fileStore: { size, ...more } } });

it('a Broker without a StatefulSet is applied as desired', () => {
  const desired = broker({ size: 5, ...fileStore('10Gi') });
  expect(withImmutableFields(desired, undefined)).toEqual({ broker: desired });
});

describe('the size of a Broker', () => {
  const running = (replicas: number, left = replicas, observedGeneration = 3) =>
    observed({ replicas }, { status: { replicas: left, observedGeneration } });

  it.each([
    ['grows at once', 5, running(3), 5],
    ['stays', 3, running(3), 3],
    ['shrinks by one', 1, running(4), 3],
    ['waits for the server that is being deleted', 1, running(3, 4), 3],
    ['waits for the StatefulSet controller', 1, running(3, 3, 2), 3],
    ['stops at the desired size', 1, running(2), 1],
    ['scales up from zero at once', 3, running(0), 3],
    ['waits while the StatefulSet has no status', 1, observed({ replicas: 3 }), 3],
    ['is the desired size when the StatefulSet has no replicas', 2, observed({}), 2],
  ])('%s', (_what, size, statefulSet, expected) => {
    const { broker: applied, deferredChange } = withImmutableFields(broker({ size }), statefulSet);
    expect(applied.size).toBe(expected);
    expect(deferredChange).toBeUndefined();
  });

  it.each([
    [1, 3, '1073741824', true],
    [3, 1, '1073741824', true],
    [5, 3, '1073741824', false],
    [3, 5, '1073741824', false],
    [1, 3, '0', false],
  ])(
    'from %i to %i servers with %s bytes of streams on disk is deferred: %s',
    (servers, size, maxFileStore, deferred) => {
      const jetStream = { servers, maxFileStore, maxMemoryStore: '0' };
      const status = { replicas: servers, observedGeneration: 3 };
      const statefulSet = observed({ replicas: servers, ...claim('1Gi') }, { status, jetStream });
      const { broker: applied, deferredChange } = withImmutableFields(
        broker({ size, ...fileStore('1Gi') }),
        statefulSet,
      );
      expect(deferredChange?.reason).toBe(deferred ? 'StreamsWouldBeLost' : undefined);
      expect(applied.size).toBe(deferred ? servers : Math.max(size, servers - 1));
      // During hibernation, the StatefulSet has no pods, so their number says nothing about its streams.
      const asleep = { ...statefulSet, spec: { ...statefulSet.spec, replicas: 0 } };
      expect(withImmutableFields(broker({ size, ...fileStore('1Gi') }), asleep).broker.size).toBe(
        deferred ? servers : size,
      );
      // Without JetStream there are no streams to lose.
      expect(withImmutableFields(broker({ size }), statefulSet).deferredChange).toBeUndefined();
    },
  );
});

describe('JetStream on disk', () => {
  it('is not added to a StatefulSet without volumes, while streams in memory are', () => {
    const desired = { jetstream: { fileStore: { size: '1Gi' }, memoryStore: { maxSize: '64Mi' } } };
    const { broker: applied, deferredChange } = withImmutableFields(broker(desired), observed({ replicas: 1 }));
    expect(applied.jetStream).toEqual({ memoryStore: { maxSize: '64Mi' } });
    expect(deferredChange).toMatchObject({ reason: 'ImmutableField' });
    expect(deferredChange?.message).toContain('kubectl delete statefulset meshery-nats -n meshery)');
    expect(withImmutableFields(broker(fileStore('1Gi')), observed({ replicas: 1 })).broker).not.toHaveProperty(
      'jetStream',
    );
  });

  it.each([
    ['2Gi', {}, claim('1Gi'), '1Gi', '1Gi', 'size'],
    ['1Gi', {}, claim('2Gi'), '2Gi', '2Gi', 'size'],
    ['1024Mi', {}, claim('1Gi'), '1Gi', '1Gi', undefined],
    ['1Gi', { maxSize: '500Mi' }, claim('1Gi'), '1Gi', '500Mi', undefined],
    ['2Gi', { maxSize: '1.5Gi' }, claim('1Gi'), '1Gi', '1Gi', 'size'],
    ['1Gi', { storageClassName: 'fast' }, claim('1Gi', 'fast'), '1Gi', '1Gi', undefined],
    ['1Gi', { storageClassName: 'fast' }, claim('1Gi', 'slow'), '1Gi', '1Gi', 'storageClassName'],
    ['1Gi', { storageClassName: 'fast' }, claim('1Gi'), '1Gi', '1Gi', 'storageClassName'],
    ['1Gi', {}, claim('1Gi', 'slow'), '1Gi', '1Gi', undefined],
  ])('of %s and %j keeps the existing volume claim', (size, more, spec, claimed, maxSize, field) => {
    const { broker: applied, deferredChange } = withImmutableFields(
      broker(fileStore(size, more)),
      observed({ replicas: 1, ...spec }),
    );
    expect(applied.jetStream?.fileStore).toMatchObject({ size: claimed, maxSize });
    expect(deferredChange?.reason).toBe(field && 'ImmutableField');
    if (field) expect(deferredChange?.message).toContain(`spec.jetstream.fileStore.${field} `);
  });
});
