import { describe, expect, it } from 'vitest';
import { HookTokens } from '../../../src/metacontroller/http/authentication.ts';
import { version } from '../../../src/server/version.ts';
import type { JsonObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { brokerParent, meshSyncParent } from '../../support/scenarios.ts';

const broker = (name = 'meshery-broker', spec?: JsonObject) => ({ parent: brokerParent(spec, name), children: {} });

async function lines(service: ReturnType<typeof testApp>): Promise<string[]> {
  const { statusCode, headers, body } = await service.monitoring.inject({ url: '/metrics' });
  expect(statusCode).toBe(200);
  expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  return body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('/metrics', () => {
  it('counts syncs, errors and durations by controller, with the metric names of the Go operator', async () => {
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

  it('counts a failed customize request, and no rejected client', async () => {
    const service = testApp({ tokens: () => new HookTokens(['good']) });
    await service.post('/meshsync/customize', {}, { authorization: 'Bearer good' });
    await service.post('/meshsync/sync', { parent: meshSyncParent(), children: {} });
    const all = await lines(service);
    expect(all).toContain('meshery_operator_reconcile_total{controller="MeshSync"} 1');
    expect(all).toContain('meshery_operator_reconcile_errors_total{controller="MeshSync"} 1');
    expect(all).toContain('meshery_operator_refused_total{reason="unauthorized"} 1');
  });

  it('counts rejections and errors from zero, so that rate() sees the first', async () => {
    const service = testApp();
    await service.post('/broker/sync', broker());
    const all = await lines(service);
    expect(all).toContain('meshery_operator_reconcile_errors_total{controller="Broker"} 0');
    expect(all.filter((line) => line.startsWith('meshery_operator_refused_total')).sort()).toEqual(
      ['bytes', 'event-loop', 'requests', 'tls', 'unauthorized'].map(
        (reason) => `meshery_operator_refused_total{reason="${reason}"} 0`,
      ),
    );
  });

  it('has a fixed number of kinds, whatever a request contains', async () => {
    const service = testApp();
    const object = (kind: string) => ({ apiVersion: 'v1', kind, metadata: { name: 'a', namespace: 'meshery' } });
    const kinds = Array.from({ length: 100 }, (_, index) => `Kind${index}`);
    const children = Object.fromEntries(kinds.map((kind) => [`${kind}.v1`, { 'meshery/a': object(kind) }]));
    await service.post('/broker/sync', { parent: brokerParent({ size: 'x' }), children });
    expect((await lines(service)).filter((line) => line.startsWith('meshery_operator_children_total'))).toEqual([
      'meshery_operator_children_total{controller="Broker",kind="other"} 100',
    ]);
  });

  it('counts the children of responses by kind', async () => {
    const service = testApp();
    await service.post('/broker/sync', broker());
    const children = (await lines(service)).filter((line) => line.startsWith('meshery_operator_children_total'));
    expect(children.sort()).toEqual(
      [
        ['ConfigMap', 1],
        ['Secret', 2],
        ['Service', 2],
        ['StatefulSet', 1],
      ].map(([kind, count]) => `meshery_operator_children_total{controller="Broker",kind="${kind}"} ${count}`),
    );
  });

  it('reports the version, and the resources of the process', async () => {
    const text = (await testApp().monitoring.inject('/metrics')).body;
    expect(text).toContain(`meshery_operator_build_info{version="${version}",node_version="${process.version}"} 1\n`);
    expect(text).toMatch(/^process_resident_memory_bytes [0-9]/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds [0-9]/m);
  });

  it('reports nothing about a single resource', async () => {
    const service = testApp();
    await service.post('/broker/sync', broker('a-broker-of-this-name'));
    await service.post('/broker/sync', broker('another-of-this-name', { size: 'x' }));
    expect((await lines(service)).filter((line) => /of-this-name|namespace=/.test(line))).toEqual([]);
  });
});
