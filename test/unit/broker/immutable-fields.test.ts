import { describe, expect, it } from 'vitest';
import { withImmutableFields as keepImmutable } from '../../../src/broker/immutable-fields.ts';
import { jetStreamState, lastJetStream } from '../../../src/broker/jetstream.ts';
import { type Broker, resolveBroker } from '../../../src/broker/spec.ts';
import type { ObservedStatefulSet } from '../../../src/kubernetes/kinds.ts';
import type { ObservedObject } from '../../../src/metacontroller/object.ts';
import type { JsonObject } from '../../stand-in/json.ts';
import { brokerParent } from '../../support/scenarios.ts';

function broker(spec: JsonObject, annotations: Record<string, string> = {}): Broker {
  const parent = brokerParent(spec);
  const resolved = resolveBroker({ ...parent, metadata: { ...parent.metadata, annotations } });
  if ('path' in resolved) throw new Error(`${resolved.path} ${resolved.message}`);
  return resolved;
}

const withImmutableFields = (desired: Broker, statefulSet?: ObservedStatefulSet, configMap?: ObservedObject) =>
  keepImmutable(desired, statefulSet, lastJetStream(statefulSet, configMap));

/** A StatefulSet as the API server stores it. */
function observed(
  spec: Partial<ObservedStatefulSet['spec']>,
  {
    status,
    jetStream,
    streamServers,
  }: { status?: ObservedStatefulSet['status']; jetStream?: object; streamServers?: string } = {},
): ObservedStatefulSet {
  const annotations: Record<string, string> = {
    ...(jetStream && { 'meshery.io/jetstream': JSON.stringify(jetStream) }),
    ...(streamServers !== undefined && { 'meshery.io/stream-servers': streamServers }),
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'meshery-nats', namespace: 'meshery', generation: 3, annotations },
    spec,
    ...(status && { status }),
  };
}

/** The pods run with JetStream. */
const JETSTREAM = { template: { metadata: { annotations: { 'meshery.io/jetstream-restart': '1073741824/0' } } } };

function configMap(streamServers: string): ObservedObject {
  const annotations = { 'meshery.io/stream-servers': streamServers };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'meshery-nats-config', namespace: 'meshery', annotations },
  };
}

const claim = (storage: string, storageClassName?: string) => ({
  volumeClaimTemplates: [
    {
      metadata: { name: 'data' },
      spec: { resources: { requests: { storage } }, ...(storageClassName !== undefined && { storageClassName }) },
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
    ['is at most 10, however many somebody else has made', 3, running(2_000_000_000), 10],
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
      const volumes = maxFileStore === '0' ? {} : claim('1Gi');
      const statefulSet = observed({ replicas: servers, ...volumes, ...JETSTREAM }, { status, jetStream });
      const desired = broker({ size, ...fileStore('1Gi') });
      const { broker: applied, deferredChange } = withImmutableFields(desired, statefulSet);
      const reason = maxFileStore === '0' ? 'ImmutableField' : undefined;
      expect(deferredChange?.reason).toBe(deferred ? 'StreamsWouldBeLost' : reason);
      expect(applied.size).toBe(deferred ? servers : Math.max(size, servers - 1));
      // During hibernation, the StatefulSet has no pods, so their number says nothing about its streams.
      const asleep = { ...statefulSet, spec: { ...statefulSet.spec, replicas: 0 } };
      expect(withImmutableFields(desired, asleep).broker.size).toBe(deferred ? servers : size);
      // Without JetStream there are no streams to lose.
      expect(withImmutableFields(broker({ size }), statefulSet).deferredChange).toBeUndefined();
    },
  );
});

describe('the streams of a single server', () => {
  const status = { replicas: 1, updatedReplicas: 1, observedGeneration: 3 };
  const single = observed({ replicas: 1, ...claim('1Gi'), ...JETSTREAM }, { status, streamServers: '1' });
  const without = (spec: Partial<ObservedStatefulSet['spec']>, now = status) =>
    observed({ ...claim('1Gi'), ...spec }, { status: now, streamServers: '1' });
  const toCluster = { size: 3, ...fileStore('1Gi') };

  it('are kept when volumes grow in the same edit: no other advice is given, and the size survives the StatefulSet', () => {
    const desired = broker({ size: 3, ...fileStore('2Gi') });
    const { broker: applied, deferredChange } = withImmutableFields(desired, single);
    expect(applied).toMatchObject({ size: 1, jetStream: { fileStore: { size: '1Gi' } } });
    expect(deferredChange?.reason).toBe('StreamsWouldBeLost');
    expect(deferredChange?.message).not.toContain('delete');
    const recreated = withImmutableFields(desired, undefined, configMap('1'));
    expect(recreated.broker).toMatchObject({ size: 1, jetStream: { fileStore: { size: '2Gi' } } });
    expect(recreated.deferredChange).toEqual(deferredChange);
  });

  it('are dropped only when that is accepted for exactly this size', () => {
    for (const [accepted, size] of [
      ['3', 3],
      ['1', 1],
      ['5', 1],
      ['', 1],
    ] as const) {
      const desired = broker(toCluster, { 'meshery.io/accept-stream-loss': accepted });
      const { broker: applied, deferredChange } = withImmutableFields(desired, single);
      expect(applied.size).toBe(size);
      expect(deferredChange?.reason).toBe(size === 3 ? undefined : 'StreamsWouldBeLost');
    }
    const message = withImmutableFields(broker(toCluster), single).deferredChange?.message;
    expect(message).toContain(
      'kubectl annotate broker meshery-broker -n meshery --overwrite meshery.io/accept-stream-loss=3',
    );
  });

  it('are not touched by an annotation that is left from an earlier change', () => {
    const left = { 'meshery.io/accept-stream-loss': '1' };
    const cluster = without({ replicas: 3 }, { ...status, replicas: 3, updatedReplicas: 3 });
    const { broker: applied } = withImmutableFields(broker(fileStore('1Gi'), left), cluster);
    expect(applied).toMatchObject({ size: 2 });
    expect(applied).not.toHaveProperty('jetStream');
  });

  it('are kept in memory-only JetStream on the same volumes, and while JetStream is removed', () => {
    const memory = { memoryStore: { maxSize: '64Mi' } };
    expect(withImmutableFields(broker({ size: 3, jetstream: memory }), single).broker.size).toBe(1);
    // As long as a pod may have the volumes open, and no longer.
    expect(withImmutableFields(broker({ size: 3 }), single).broker.size).toBe(1);
    expect(
      withImmutableFields(broker({ size: 3 }), without({ replicas: 1 }, { ...status, updatedReplicas: 0 })).broker.size,
    ).toBe(1);
    expect(withImmutableFields(broker({ size: 3 }), without({ replicas: 1 })).broker.size).toBe(3);
    // Three servers without JetStream stay three servers, and do not open the volumes.
    const cluster = without({ replicas: 3 }, { ...status, replicas: 3, updatedReplicas: 3 });
    for (const jetstream of [toCluster.jetstream, memory]) {
      const { broker: applied, deferredChange } = withImmutableFields(broker({ size: 3, jetstream }), cluster);
      expect(applied.size).toBe(3);
      expect(applied).not.toHaveProperty('jetStream');
      expect(deferredChange?.reason).toBe('StreamsWouldBeLost');
    }
  });

  it('are kept when somebody scales the StatefulSet', () => {
    const scaled = { ...single, spec: { ...single.spec, replicas: 3 } };
    expect(withImmutableFields(broker(fileStore('1Gi')), scaled).broker.size).toBe(1);
  });

  it('are kept when one annotation is edited or deleted', () => {
    const edited = (streamServers: string, replicas = 1) =>
      observed({ replicas, ...claim('1Gi'), ...JETSTREAM }, { status, streamServers });
    expect(withImmutableFields(broker(toCluster), edited('3'), configMap('1')).broker.size).toBe(1);
    expect(withImmutableFields(broker(toCluster), edited('1'), configMap('3')).broker.size).toBe(1);
    expect(withImmutableFields(broker(toCluster), edited('none'), configMap('1')).broker.size).toBe(1);
    expect(withImmutableFields(broker(toCluster), edited('0'), configMap('')).broker.size).toBe(1);
  });
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
    ['2Gi', {}, claim('1Gi'), '1Gi', 768, 'size'],
    ['1Gi', {}, claim('2Gi'), '2Gi', 1536, 'size'],
    ['1024Mi', {}, claim('1Gi'), '1Gi', 768, undefined],
    ['1Gi', { maxSize: '500Mi' }, claim('1Gi'), '1Gi', 500, undefined],
    ['1Gi', { maxSize: '1Gi' }, claim('1Gi'), '1Gi', 1024, undefined],
    ['2Gi', { maxSize: '1.5Gi' }, claim('1Gi'), '1Gi', 768, 'size'],
    ['1Gi', { storageClassName: 'fast' }, claim('1Gi', 'fast'), '1Gi', 768, undefined],
    ['1Gi', { storageClassName: 'fast' }, claim('1Gi', 'slow'), '1Gi', 768, 'storageClassName'],
    ['1Gi', { storageClassName: 'fast' }, claim('1Gi'), '1Gi', 768, 'storageClassName'],
    ['1Gi', {}, claim('1Gi', 'slow'), '1Gi', 768, undefined],
    ['1Gi', { storageClassName: '' }, claim('1Gi', ''), '1Gi', 768, undefined],
    ['1Gi', { storageClassName: '' }, claim('1Gi', 'slow'), '1Gi', 768, 'storageClassName'],
    ['1Gi', { storageClassName: '' }, claim('1Gi'), '1Gi', 768, 'storageClassName'],
    ['1Gi', { storageClassName: 'fast' }, claim('1Gi', ''), '1Gi', 768, 'storageClassName'],
    ['1Gi', {}, claim('1Gi', ''), '1Gi', 768, undefined],
  ])('of %s and %j keeps the existing volume claim', (size, more, spec, claimed, mebibytes, field) => {
    const { broker: applied, deferredChange } = withImmutableFields(
      broker(fileStore(size, more)),
      observed({ replicas: 1, ...spec }),
    );
    expect(applied.jetStream?.fileStore?.size).toBe(claimed);
    expect(jetStreamState(applied)?.maxFileStore).toBe(`${mebibytes * 2 ** 20}`);
    expect(deferredChange?.reason).toBe(field && 'ImmutableField');
    if (field) expect(deferredChange?.message).toContain(`spec.jetstream.fileStore.${field} `);
  });

  it('that shrinks is refused without advice to delete anything', () => {
    const { deferredChange } = withImmutableFields(
      broker(fileStore('1Gi')),
      observed({ replicas: 1, ...claim('2Gi') }),
    );
    expect(deferredChange?.message).not.toContain('delete');
    expect(deferredChange?.message).toContain('Set it back to 2Gi');
  });

  it.each([
    ['a limit of the whole volume is kept', '1Gi', {}, 1024, 1024],
    ['a limit between the default and the whole volume is kept', '1Gi', {}, 900, 900],
    ['a smaller limit becomes the default', '1Gi', {}, 500, 768],
    ['a limit of the spec counts', '1Gi', { maxSize: '800Mi' }, 1024, 800],
    ['a limit of a larger volume becomes the default', '1Gi', {}, 2048, 768],
  ])('%s', (_what, size, more, last, expected) => {
    const jetStream = { servers: 1, maxFileStore: `${last * 2 ** 20}`, maxMemoryStore: '0' };
    const running = observed({ replicas: 1, ...claim(size), ...JETSTREAM }, { jetStream });
    for (const statefulSet of [running, undefined]) {
      const survivor = { ...configMap('1'), metadata: { ...running.metadata } };
      const { broker: applied } = withImmutableFields(broker(fileStore(size, more)), statefulSet, survivor);
      expect(jetStreamState(applied)?.maxFileStore).toBe(`${expected * 2 ** 20}`);
    }
  });
});

describe('memory-backed volumes', () => {
  const memory = broker({ jetstream: { domain: 'a', fileStore: { size: '100Mi', medium: 'Memory', maxSize: '90%' } } });

  it('are used by a StatefulSet without volumes', () => {
    expect(withImmutableFields(memory, observed({ replicas: 1 }))).toEqual({ broker: memory });
    expect(jetStreamState(memory)).toMatchObject({ maxFileStore: String(90 * 2 ** 20) });
  });

  it('do not replace volumes, which are used as before', () => {
    const { broker: applied, deferredChange } = withImmutableFields(
      memory,
      observed({ replicas: 1, ...claim('2Gi', 'fast'), ...JETSTREAM }),
    );
    expect(applied.jetStream).toEqual({
      domain: 'a',
      fileStore: {
        ...{ size: '2Gi', storageClassName: 'fast', maxSize: '90%' },
        retention: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      },
    });
    expect(deferredChange).toMatchObject({
      reason: 'ImmutableField',
      message: expect.stringContaining("spec.jetstream.fileStore.medium can't become Memory"),
    });
  });

  it('have no streams that a change between one server and several would drop', () => {
    const three = { ...memory, size: 3 };
    expect(withImmutableFields(three, observed({ replicas: 1 }))).toEqual({ broker: three });
  });
});

it('a limit in percent is that of the volume that there is', () => {
  const desired = broker(fileStore('1Gi', { maxSize: '50%' }));
  const { broker: applied } = withImmutableFields(desired, observed({ replicas: 1, ...claim('4Gi') }));
  expect(jetStreamState(applied)).toMatchObject({ maxFileStore: String(2 * 2 ** 30) });
});
