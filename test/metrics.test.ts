import { collectDefaultMetrics, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { Metrics } from '../src/metrics.ts';
import { HookTokens } from '../src/plugins/authentication.ts';
import { version } from '../src/version.ts';
import type { JsonObject } from './stand-in/json.ts';
import { testApp } from './support/app.ts';
import { brokerParent, meshSyncParent } from './support/scenarios.ts';

const broker = (name = 'meshery-broker', spec?: JsonObject) => ({ parent: brokerParent(spec, name), children: {} });

async function lines(service: ReturnType<typeof testApp>): Promise<string[]> {
  const { statusCode, headers, body } = await service.monitoring.inject({ url: '/metrics' });
  expect(statusCode).toBe(200);
  expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  return body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('/metrics', () => {
  it('counts syncs, failures and durations by controller, as the Go operator names them', async () => {
    const service = testApp();
    await service.post('/broker/sync', broker());
    await service.post('/broker/sync', broker());
    await service.post('/broker/sync', {});
    await service.post('/meshsync/customize', { parent: meshSyncParent() });
    const all = await lines(service);
    expect(all).toContain('meshery_operator_reconcile_total{controller="Broker"} 3');
    expect(all).toContain('meshery_operator_reconcile_errors_total{controller="Broker"} 1');
    expect(all).toContain('meshery_operator_reconcile_duration_seconds_count{controller="Broker"} 3');
    expect(all.filter((line) => line.includes('controller="MeshSync"'))).toEqual([]);
  });

  it('counts a customize that fails, and not who was refused', async () => {
    const service = testApp({ tokens: () => new HookTokens(['good']) });
    await service.post('/meshsync/customize', {}, { authorization: 'Bearer good' });
    await service.post('/meshsync/sync', { parent: meshSyncParent(), children: {} });
    const all = await lines(service);
    expect(all).toContain('meshery_operator_reconcile_total{controller="MeshSync"} 1');
    expect(all).toContain('meshery_operator_reconcile_errors_total{controller="MeshSync"} 1');
    expect(all).toContain('meshery_operator_refused_total{reason="unauthorized"} 1');
  });

  it('has a fixed number of kinds, whatever a request holds', async () => {
    const service = testApp();
    const object = (kind: string) => ({ apiVersion: 'v1', kind, metadata: { name: 'a', namespace: 'meshery' } });
    const kinds = Array.from({ length: 100 }, (_, index) => `Kind${index}`);
    const children = Object.fromEntries(kinds.map((kind) => [`${kind}.v1`, { 'meshery/a': object(kind) }]));
    await service.post('/broker/sync', { parent: brokerParent({ size: 'x' }), children });
    expect((await lines(service)).filter((line) => line.startsWith('meshery_operator_children_total'))).toEqual([
      'meshery_operator_children_total{controller="Broker",kind="other"} 100',
    ]);
  });

  it('counts the children of answers by kind', async () => {
    const service = testApp();
    await service.post('/broker/sync', broker());
    const children = (await lines(service)).filter((line) => line.startsWith('meshery_operator_children_total'));
    expect(children.sort()).toEqual(
      [
        ['ConfigMap', 1],
        ['Secret', 1],
        ['Service', 2],
        ['StatefulSet', 1],
      ].map(([kind, count]) => `meshery_operator_children_total{controller="Broker",kind="${kind}"} ${count}`),
    );
  });

  it('tells of each resource since when it is ready or not, and forgets what is not synced any more', async () => {
    const service = testApp();
    service.clock.time = '2026-02-03T04:05:06Z';
    await service.post('/broker/sync', broker('a-broker'));
    await service.post('/broker/sync', broker('b-broker', { size: 'x' }));
    const of = async (metric: string) =>
      (await lines(service)).filter((line) => line.startsWith(`meshery_operator_${metric}{`));
    const since = Date.parse(service.clock.time) / 1000;
    const transition = (name: string, reason: string) =>
      `meshery_operator_ready_transition_timestamp_seconds{controller="Broker",resource_namespace="meshery",name="${name}",ready="False",reason="${reason}"} ${since}`;
    expect(await of('ready_transition_timestamp_seconds')).toEqual([
      transition('a-broker', 'Starting'),
      transition('b-broker', 'InvalidSpec'),
    ]);
    expect(await of('parents')).toEqual([
      'meshery_operator_parents{controller="Broker",reason="Starting"} 1',
      'meshery_operator_parents{controller="Broker",reason="InvalidSpec"} 1',
    ]);
    service.clock.time = '2026-02-03T04:25:06Z';
    await service.post('/broker/sync', broker('b-broker', { size: 'x' }));
    const seen = (name: string, at: number) =>
      `meshery_operator_last_sync_timestamp_seconds{controller="Broker",resource_namespace="meshery",name="${name}"} ${at}`;
    expect(await of('last_sync_timestamp_seconds')).toEqual([seen('a-broker', since), seen('b-broker', since + 1_200)]);
    service.clock.time = '2026-02-03T04:35:06Z';
    expect(await of('parents')).toEqual(['meshery_operator_parents{controller="Broker",reason="InvalidSpec"} 1']);
  });

  it('forgets what is being deleted, and says of what is paused that nobody looks after it', async () => {
    const service = testApp();
    const parents = async () => (await lines(service)).filter((line) => line.startsWith('meshery_operator_parents{'));
    const { parent } = broker();
    const { status } = (await service.post('/broker/sync', { parent, children: {} })).json();
    const annotations = { 'meshery.io/pause-reconciliation': 'true' };
    const paused = { ...parent, status, metadata: { ...parent.metadata, annotations } };
    await service.post('/broker/sync', { parent: paused, children: {} });
    expect(await parents()).toEqual(['meshery_operator_parents{controller="Broker",reason="ReconciliationPaused"} 1']);
    const going = { ...paused, metadata: { ...paused.metadata, deletionTimestamp: '2026-02-03T04:05:06Z' } };
    await service.post('/broker/sync', { parent: going, children: {} });
    expect(await parents()).toEqual([]);
  });

  it('says what runs, and what of the process', async () => {
    const metrics = new Metrics({ now: () => new Date() });
    await metrics.text();
    const text = await metrics.text();
    expect(text).toContain(`meshery_operator_build_info{version="${version}",node_version="${process.version}"} 1\n`);
    expect(text).toMatch(/^process_resident_memory_bytes [0-9]/m);
    const all = new Registry();
    collectDefaultMetrics({ register: all });
    const left = /^nodejs_(gc_duration_seconds|active_(handles|requests)(_total)?)$/;
    const names = (registry: Registry) => registry.getMetricsAsArray().map(({ name }) => name);
    expect(names(metrics.registry).filter((name) => !name.startsWith('meshery_operator_'))).toEqual(
      names(all).filter((name) => !left.test(name)),
    );
  });

  it('holds no more resources than it can', async () => {
    const metrics = new Metrics({ now: () => new Date() });
    const condition = { type: 'Ready', status: 'True' as const, lastTransitionTime: '2026-02-03T04:05:06Z' };
    const answer = { children: [], status: { conditions: [{ ...condition, reason: 'Ready', message: '' }] } };
    const sync = (n: number) => metrics.synced('Broker', { name: `n${n}`, namespace: 'x' }, answer);
    for (let n = 0; n < 10_000; n++) sync(n);
    sync(0);
    for (let n = 10_000; n < 10_050; n++) sync(n);
    const text = await metrics.text();
    expect(text).toContain('meshery_operator_parents{controller="Broker",reason="Ready"} 10000\n');
    expect(text).toContain('name="n0"');
    expect(text).not.toContain('name="n50"');
    expect(text).toContain('name="n51"');
  });
});
