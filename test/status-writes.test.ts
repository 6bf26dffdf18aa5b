import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testApp } from './support/app.ts';
import { runControllers } from './support/controllers.ts';
import { condition } from './support/invariants.ts';
import { at } from './support/json.ts';
import { sync } from './support/metacontroller.ts';
import { brokerParent, clusterWith, hookOf, meshSyncParent, READY, STRATEGIES } from './support/scenarios.ts';

const broker = brokerParent({});
const meshSync = meshSyncParent({ broker: { native: { name: 'meshery-broker' } } });
const STARTING = { ready: false, addresses: false };

describe.each(STRATEGIES)('under %s, a pair that becomes ready', (how) => {
  it('has its status written twice for each, in whichever order its steps come', async () => {
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
        expect(writes).toEqual({ Broker: 2, MeshSync: 2 });
      }),
    );
  });
});

describe('a Broker whose servers take long', () => {
  it('has its endpoint published after two minutes all the same, and keeps it', async () => {
    const app = testApp();
    const hook = hookOf(app);
    const cluster = clusterWith(broker);
    const statusAfter = async (seconds: number) => {
      app.clock.time = new Date(Date.parse(app.clock.time) + seconds * 1_000).toISOString();
      const { status } = await sync(cluster, broker, hook, 'dynamic-apply');
      return status;
    };
    await statusAfter(0);
    runControllers(cluster, STARTING);
    const early = await statusAfter(119);
    expect(early).not.toHaveProperty('endpoint');
    expect(condition(early, 'EndpointPublished')).toMatchObject({ status: 'False', reason: 'ServersPending' });
    const late = await statusAfter(1);
    expect(at(late, 'endpoint', 'internal')).toMatch(/:4222$/);
    expect(condition(late, 'EndpointPublished')).toMatchObject({ status: 'True', reason: 'ClusterInternal' });
    expect(condition(late, 'Ready')).toMatchObject({ status: 'False', reason: 'Starting' });

    runControllers(cluster, READY);
    await statusAfter(1);
    runControllers(cluster, STARTING);
    expect(await statusAfter(1)).toMatchObject({ endpoint: at(late, 'endpoint') });
  });
});
