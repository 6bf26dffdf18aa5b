import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runControllers } from '../stand-in/controllers.ts';
import { at } from '../stand-in/json.ts';
import { testApp } from '../support/app.ts';
import { condition } from '../support/invariants.ts';
import { brokerParent, clusterWith, hookOf, meshSyncParent, READY, STRATEGIES, sync } from '../support/scenarios.ts';

const broker = brokerParent({});
const meshSync = meshSyncParent({ broker: { native: { name: 'meshery-broker' } } });
const STARTING = { ready: false, addresses: false };

describe.each(STRATEGIES)('under %s, a Broker and its MeshSync that become ready', (how) => {
  // Under dynamic-apply, a Broker has one more as soon as its Secret is observed, with the condition CredentialsExposed.
  it('get two status writes each, in any order of syncs', async () => {
    const hook = hookOf(testApp());
    const steps = fc.array(fc.constantFrom('Broker', 'MeshSync', 'controllers'), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(steps, async (before) => {
        const cluster = clusterWith(broker, meshSync);
        const writes = { Broker: 0, MeshSync: 0 };
        const synced = async (kind: 'Broker' | 'MeshSync') => {
          const { statusWritten, status } = await sync(cluster, kind === 'Broker' ? broker : meshSync, hook, how);
          if (statusWritten) writes[kind] += 1;
          return status;
        };
        for (const step of before) {
          if (step === 'controllers') runControllers(cluster, STARTING);
          else await synced(step as 'Broker' | 'MeshSync');
        }
        for (const kind of ['Broker', 'MeshSync'] as const) {
          expect(condition(await synced(kind), 'Ready')).toMatchObject({ status: 'False', reason: 'Starting' });
        }
        runControllers(cluster, READY);
        for (const kind of ['MeshSync', 'Broker', 'MeshSync'] as const) {
          expect(condition(await synced(kind), 'Ready')).toMatchObject({ status: 'True' });
        }
        expect(writes.MeshSync).toBe(2);
        expect(how === 'dynamic-apply' ? [2, 3] : [2]).toContain(writes.Broker);
      }),
    );
  });
});

describe('the endpoint of a Broker', () => {
  it('is published with the first ready server, and kept when no server is ready any more', async () => {
    const hook = hookOf(testApp());
    const cluster = clusterWith(broker);
    const statusAfter = async (progress?: typeof STARTING) => {
      if (progress) runControllers(cluster, progress);
      const { status } = await sync(cluster, broker, hook, 'dynamic-apply');
      return status;
    };
    for (const progress of [undefined, STARTING]) {
      const status = await statusAfter(progress);
      expect(status).not.toHaveProperty('endpoint');
      expect(condition(status, 'EndpointPublished')).toMatchObject({ status: 'False', reason: 'ServersPending' });
    }
    const ready = await statusAfter(READY);
    expect(at(ready, 'endpoint', 'internal')).toMatch(/:4222$/);
    expect(condition(ready, 'EndpointPublished')).toMatchObject({ status: 'True', reason: 'ClusterInternal' });
    expect(await statusAfter(STARTING)).toMatchObject({ endpoint: at(ready, 'endpoint') });
  });
});

describe('the first status', () => {
  const parentOf = (created: string | undefined) => ({
    ...broker,
    metadata: { ...broker.metadata, ...(created && { creationTimestamp: created }) },
  });
  const since = async (created: string | undefined, time: string) => {
    const app = testApp();
    app.clock.time = time;
    const { status } = (await app.post('/broker/sync', { parent: parentOf(created), children: {} })).json();
    return condition(status, 'Ready')?.lastTransitionTime;
  };

  it('of a new resource has the creation time as its transition time, so that an early second sync writes the same', async () => {
    expect(await since('2026-02-03T04:05:00Z', '2026-02-03T04:05:01Z')).toBe('2026-02-03T04:05:00Z');
    expect(await since('2026-02-03T04:05:00Z', '2026-02-03T04:06:59Z')).toBe('2026-02-03T04:05:00Z');
  });

  it.each<[string, string | undefined]>([
    ['a resource that was created long ago', '2026-02-03T04:03:01Z'],
    ['a resource with a creation time in the future', '2026-02-03T04:05:02Z'],
    ['a resource without a creation time', undefined],
    ['a resource with an invalid creation time', 'yesterday'],
  ])('of %s has the present time as its transition time', async (_what, created) => {
    expect(await since(created, '2026-02-03T04:05:01Z')).toBe('2026-02-03T04:05:01Z');
  });
});
