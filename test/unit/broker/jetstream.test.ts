import { describe, expect, it } from 'vitest';
import { JETSTREAM_PEERS_ANNOTATION, jetStreamAnnotations, lastJetStream } from '../../../src/broker/jetstream.ts';
import { type Broker, resolveBroker } from '../../../src/broker/spec.ts';
import type { ObservedStatefulSet } from '../../../src/kubernetes/kinds.ts';
import { at } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { condition } from '../../support/invariants.ts';
import { brokerParent, clusterWith, hookOf, STRATEGIES, settle } from '../../support/scenarios.ts';

const LIMITS = { resources: { limits: { memory: '8Gi' } } };

function broker(file: string | undefined, memory: string | undefined, version = ''): Broker {
  const fileStore = file && { fileStore: { size: file } };
  const memoryStore = memory && { memoryStore: { maxSize: memory } };
  const resolved = resolveBroker(brokerParent({ version, ...LIMITS, jetstream: { ...fileStore, ...memoryStore } }));
  if ('path' in resolved) throw new Error(`${resolved.path} ${resolved.message}`);
  return resolved;
}

function annotationsOf(of: Broker, observed?: ObservedStatefulSet) {
  return jetStreamAnnotations(of, lastJetStream(observed, undefined), observed);
}

/** The StatefulSet after the annotations are applied. */
function applied({ workload, pods }: ReturnType<typeof jetStreamAnnotations>): ObservedStatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'n', namespace: 'n', annotations: workload },
    spec: {
      template: { metadata: { annotations: pods } },
      ...('meshery.io/stream-servers' in workload && { volumeClaimTemplates: [{ metadata: { name: 'data' } }] }),
    },
  };
}

type Step = [file: string | undefined, memory: string | undefined, rolls: boolean];

/** Whether the pods roll at each step; each step starts from the result of the one before. */
function expectRolls(steps: Step[], version?: string): void {
  let observed: ObservedStatefulSet | undefined;
  let before: Record<string, string> | undefined;
  for (const [file, memory, rolls] of steps) {
    const annotations = annotationsOf(broker(file, memory, version), observed);
    if (before) expect(JSON.stringify(annotations.pods) !== JSON.stringify(before), `${file} ${memory}`).toBe(rolls);
    observed = applied(annotations);
    before = annotations.pods;
    // A second call, and a request from before the change was observed, have the same result.
    expect(annotationsOf(broker(file, memory, version), observed)).toEqual(annotations);
  }
}

describe('the pods of a Broker with JetStream', () => {
  it('roll for limits that shrink, and not for those that grow', () => {
    expectRolls([
      ['1Gi', '1Gi', true],
      ['2Gi', '1Gi', false],
      ['2Gi', '3Gi', false],
      ['1Gi', '3Gi', true],
      ['2Gi', '3Gi', false],
      ['1Gi', '3Gi', true],
      ['2Gi', '1Gi', true],
    ]);
  });

  it('roll when a store is added or removed', () => {
    expectRolls([
      ['1Gi', undefined, true],
      ['1Gi', '1Gi', true],
      ['1Gi', undefined, true],
      [undefined, '1Gi', true],
      [undefined, undefined, true],
    ]);
  });

  it.each(['2.14.0-alpine', '2.14-alpine3.22', 'v2.14.0-scratch'])(
    'do not roll for limits that grow in version %s',
    (version) => {
      expectRolls(
        [
          ['1Gi', undefined, true],
          ['2Gi', undefined, false],
        ],
        version,
      );
    },
  );

  it('roll for every change in a release that can not reload it', () => {
    expectRolls(
      [
        ['1Gi', undefined, true],
        ['2Gi', undefined, true],
        ['2Gi', undefined, false],
      ],
      '2.10.0',
    );
  });

  it('do not roll when their StatefulSet is deleted without them, since the ConfigMap has the same annotations', () => {
    const first = annotationsOf(broker('1Gi', '1Gi'));
    const configMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'n', namespace: 'n', annotations: { ...first.workload, ...first.pods } },
    };
    const last = lastJetStream(undefined, configMap);
    expect(jetStreamAnnotations(broker('2Gi', '1Gi'), last, undefined).pods).toEqual(first.pods);
    expect(jetStreamAnnotations(broker('1Gi', undefined), last, undefined).pods).not.toEqual(first.pods);
    // Without JetStream, the number of servers whose volumes have streams is still known.
    expect(jetStreamAnnotations(broker(undefined, undefined), last, undefined)).toEqual({
      workload: { 'meshery.io/stream-servers': '1' },
      pods: {},
    });
  });

  it('have no annotation without JetStream', () => {
    expect(annotationsOf(broker(undefined, undefined))).toEqual({ workload: {}, pods: {} });
  });

  it.each(['', 'null', '{"servers":1}', '{"servers":1,"maxFileStore":"-1","maxMemoryStore":"0"}'])(
    'roll exactly once when the annotation with the last applied limits is %j',
    (broken) => {
      const first = annotationsOf(broker('1Gi', undefined));
      const observed = applied({ ...first, workload: { ...first.workload, 'meshery.io/jetstream': broken } });
      const second = annotationsOf(broker('1Gi', undefined), observed);
      expect(second.pods).not.toEqual(first.pods);
      expect(annotationsOf(broker('1Gi', undefined), applied(second))).toEqual(second);
    },
  );
});

describe.each(STRATEGIES)('under %s, a Broker with JetStream', (how) => {
  const PEERS = JETSTREAM_PEERS_ANNOTATION;
  const spec = (size: number) => ({ size, jetstream: { memoryStore: { maxSize: '16Mi' } } });

  async function scaled(...sizes: number[]) {
    const parent = brokerParent(spec(sizes[0] ?? 1));
    const cluster = clusterWith(parent);
    const hook = hookOf(testApp());
    const statefulSet = () => cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats');
    const seen = async () => {
      const [outcome] = await settle(cluster, [parent], hook, how);
      const { status, reason, message } = { message: '', ...condition(outcome?.status, 'JetStreamResilient') };
      return { status, reason, message, peers: at(statefulSet(), 'metadata', 'annotations', PEERS) };
    };
    let last = await seen();
    for (const size of sizes.slice(1)) {
      cluster.edit(parent, 'kubectl', (object) => {
        object.spec = spec(size);
      });
      last = await seen();
    }
    return { cluster, last, seen, statefulSet };
  }

  it('counts the servers that were removed until the annotation is', async () => {
    const { cluster, last, seen, statefulSet } = await scaled(5, 3);
    expect(last).toMatchObject({ status: 'False', reason: 'RemovedServersCount', peers: '5' });
    expect(last.message).toContain(
      'JetStream counts 5 servers and needs 3 of them: 3 are left, so it tolerates the failure of 0. Remove the others',
    );
    const template = JSON.stringify(at(statefulSet(), 'spec', 'template'));
    const found = statefulSet();
    if (!found) throw new Error('no StatefulSet');
    cluster.edit(found, 'kubectl', ({ metadata }) => delete metadata.annotations?.[PEERS]);
    expect(await seen()).toMatchObject({ status: 'True', reason: 'Quorum', peers: undefined });
    expect(JSON.stringify(at(statefulSet(), 'spec', 'template'))).toBe(template);
  });

  it.each([
    [[5, 3, 5], { reason: 'Quorum', peers: undefined }],
    [[3, 5, 4], { reason: 'RemovedServersCount', peers: '5' }],
    [[5, 3, 4], { reason: 'RemovedServersCount', peers: '5' }],
    [[5, 1], { reason: 'SingleServer', peers: undefined }],
    [[2], { reason: 'NoQuorumWithoutBoth', peers: undefined }],
    [[2, 3], { reason: 'Quorum', peers: undefined }],
    [[3, 5], { reason: 'Quorum', peers: undefined }],
  ])('of sizes %j reports %j', async (sizes, expected) => {
    expect((await scaled(...sizes)).last).toMatchObject(expected);
  });

  it('is reported unavailable when fewer than a majority are left', async () => {
    const { last } = await scaled(5, 2);
    expect(last.message).toContain('2 are left, so it is unavailable. Set spec.size to 3, then remove');
  });
});
