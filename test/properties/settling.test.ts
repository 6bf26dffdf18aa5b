import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cluster } from '../stand-in/cluster.ts';
import { runControllers } from '../stand-in/controllers.ts';
import { equal, groupKey, type JsonObject, type KubeObject } from '../stand-in/json.ts';
import { START, testApp } from '../support/app.ts';
import {
  brokerSpec,
  FAR,
  invalidBrokerSpec,
  meshSyncSpec,
  NEAR,
  OWN_SECRETS,
  ROUTES_SECRET,
  TLS_SECRET,
} from '../support/arbitraries.ts';
import { authority, issue, tlsSecret } from '../support/certificates.ts';
import { type Disturbance, disturb, disturbances } from '../support/disturbances.ts';
import { expectRest } from '../support/rest.ts';
import { brokerParent, clusterWith, hookOf, meshSyncParent, READY, STRATEGIES, settle } from '../support/scenarios.ts';

/** More runs find more: FAST_CHECK_RUNS=1000 for a long search. */
const RUNS = Number(process.env.FAST_CHECK_RUNS ?? 60);

const progress = fc.record({ ready: fc.boolean(), addresses: fc.boolean() });
const strategy = fc.constantFrom(...STRATEGIES);
const status = fc.constantFrom('as it is', 'missing', 'stale', 'of another shape');

const ca = await authority();
const secrets = [
  tlsSecret(TLS_SECRET, await issue(ca, 'meshery-nats.meshery.svc'), ca),
  tlsSecret(ROUTES_SECRET, await issue(ca, '*.meshery-nats-headless.meshery.svc'), ca),
  ...OWN_SECRETS,
];

/** Changes the spec of the parent, as an edit by a user does, and makes its status missing, stale or invalid. */
function change(cluster: Cluster, parent: KubeObject, spec: JsonObject, fault: string, stale: JsonObject | undefined) {
  cluster.edit(parent, 'kubectl', (object) => {
    object.spec = spec;
  });
  if (fault === 'missing') cluster.setStatus(parent, undefined);
  if (fault === 'stale') cluster.setStatus(parent, stale);
  if (fault === 'of another shape') cluster.setStatus(parent, { conditions: 'none', replicas: -1 });
}

/**
 * Running pods get a new credential once it has been seen. The API server may add or remove an IP family, which then changes
 * the desired Service.
 */
function steps(...specs: JsonObject[]): number {
  return JSON.stringify(specs).includes('ipFamilyPolicy') ? 3 : 2;
}

/** An edit of a one-of field takes up to two more syncs. */
function repairs(events: Disturbance[]): number {
  return events.some(({ what }) => what === 'one-of') ? 2 : 0;
}

const pending = { ready: false, addresses: false };

describe('after any sequence of events, a Broker', () => {
  it('needs no more writes after two syncs, and keeps the fields and objects of others', async () => {
    const service = testApp();
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 5, arbitrary: brokerSpec }, { weight: 1, arbitrary: invalidBrokerSpec }),
        fc.oneof({ weight: 5, arbitrary: brokerSpec }, { weight: 1, arbitrary: invalidBrokerSpec }),
        disturbances,
        progress,
        progress,
        status,
        strategy,
        async (first, second, events, early, late, fault, how) => {
          const parent = brokerParent(first);
          const cluster = clusterWith(parent, ...secrets);
          service.clock.time = START;
          const outcomes = await settle(cluster, [parent], hookOf(service), how, early);
          const foreign = events.flatMap((event) => disturb(cluster, parent, event) ?? []);
          change(cluster, parent, second, fault, outcomes[0]?.status);
          await expectRest(service, cluster, parent, how, steps(first, second) + repairs(events));
          // A smaller size is reached in steps, each of which waits for the cluster.
          for (let step = 0, changed = true; changed && step < 10; step++) {
            runControllers(cluster, late);
            ({ changed } = await expectRest(service, cluster, parent, how, 1));
          }
          runControllers(cluster, late);
          await expectRest(service, cluster, parent, how, 0);
          expectUntouched(cluster, foreign);
        },
      ),
      {
        numRuns: RUNS,
        examples: [
          // A cluster becomes a single server without streams before any of its pods is ready.
          [
            { size: 2, jetstream: { fileStore: { size: '1Gi' } } },
            {},
            [],
            pending,
            pending,
            'as it is',
            'dynamic-apply',
          ],
        ],
      },
    );
  });
});

describe('after any sequence of events, a MeshSync', () => {
  it('needs no more writes after two syncs, and keeps the fields and objects of others', async () => {
    const service = testApp();
    await fc.assert(
      fc.asyncProperty(
        meshSyncSpec,
        meshSyncSpec,
        disturbances,
        progress,
        progress,
        status,
        strategy,
        async (first, second, events, early, late, fault, how) => {
          const near = brokerParent({}, NEAR.name, NEAR.namespace);
          const far = brokerParent({}, FAR.name, FAR.namespace);
          const parent = meshSyncParent(first);
          const cluster = clusterWith(near, far, parent, ...secrets);
          service.clock.time = START;
          const outcomes = await settle(cluster, [near, far, parent], hookOf(service), how, early);
          const foreign = events.flatMap((event) => disturb(cluster, parent, event) ?? []);
          change(cluster, parent, second, fault, outcomes[2]?.status);
          await expectRest(service, cluster, parent, how, 2 + repairs(events));
          // An unused ServiceAccount is deleted when no pod runs with it.
          runControllers(cluster, late);
          await expectRest(service, cluster, parent, how, 1);
          runControllers(cluster, late);
          await expectRest(service, cluster, parent, how, 0);
          expectUntouched(cluster, foreign);
        },
      ),
      { numRuns: RUNS },
    );
  });
});

/** Objects of others are unchanged, except for the status that the controllers of the cluster write. */
function expectUntouched(cluster: Cluster, foreign: KubeObject[]): void {
  for (const object of foreign) {
    const { namespace, name } = object.metadata;
    const now = cluster.get(groupKey(object), namespace, name);
    if (now?.metadata.uid !== object.metadata.uid) continue; // re-created by another event
    expect(equal({ ...now?.metadata, resourceVersion: '' }, { ...object.metadata, resourceVersion: '' })).toBe(true);
    expect(now?.spec).toEqual(object.spec);
    expect(now?.data).toEqual(object.data);
  }
}

describe.each(STRATEGIES)('under %s', (how) => {
  it('a Broker of size 3 and its MeshSync become ready and stay ready', async () => {
    const broker = brokerParent({ size: 3, service: { type: 'LoadBalancer' } });
    const meshSync = meshSyncParent({ broker: { native: { name: 'meshery-broker' } } });
    const cluster = clusterWith(broker, meshSync);
    const [ofBroker, ofMeshSync] = await settle(cluster, [broker, meshSync], hookOf(testApp()), how, READY);
    expect(ofBroker?.status).toMatchObject({ replicas: 3, readyReplicas: 3, version: '2.14.2-alpine' });
    expect(ofBroker?.status.endpoint).toMatchObject({ external: '203.0.113.10:4222' });
    expect(ofMeshSync?.status).toMatchObject({
      readyReplicas: 1,
      broker: 'meshery/meshery-broker',
      'publishing-to': 'nats://meshery-nats.meshery.svc:4222',
    });
    for (const outcome of [ofBroker, ofMeshSync]) {
      expect(outcome?.status.conditions).toContainEqual(
        expect.objectContaining({ type: 'Ready', status: 'True', lastTransitionTime: START }),
      );
    }
  });
});
