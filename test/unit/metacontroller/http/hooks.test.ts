import { Writable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { at, type JsonObject } from '../../../stand-in/json.ts';
import { START, testApp } from '../../../support/app.ts';
import { brokerParent, brokerWithChildren } from '../../../support/scenarios.ts';

function logging(level: string) {
  const lines: JsonObject[] = [];
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      const { time: _time, pid: _pid, hostname: _hostname, ...line } = JSON.parse(chunk);
      lines.push(line);
      done();
    },
  });
  return { lines, service: testApp({ logger: pino({ level }, stream) }) };
}

describe('the log', () => {
  it('has a line for each condition that changes, and none when nothing does', async () => {
    const { lines, service } = logging('info');
    const parent = brokerParent();
    const { status } = (await service.post('/broker/sync', { parent, children: {} })).json() as { status: JsonObject };
    const of = {
      level: 30,
      kind: 'Broker',
      namespace: 'meshery',
      name: 'meshery-broker',
      msg: 'condition changed',
    };
    expect(lines).toContainEqual({ ...of, reqId: 'req-1', condition: 'Ready', to: 'False', reason: 'Starting' });
    expect(lines).toHaveLength((status.conditions as unknown[]).length);

    lines.length = 0;
    await service.post('/broker/sync', { parent: { ...parent, status }, children: {} });
    expect(lines).toEqual([]);

    const invalid = { ...parent, spec: { size: 'x' }, status };
    await service.post('/broker/sync', { parent: invalid, children: {} });
    expect(lines).toContainEqual({
      ...{ ...of, reqId: 'req-3', condition: 'Ready' },
      ...{ from: 'False', to: 'False', reason: 'InvalidSpec' },
    });
  });

  it('has no line for conditions that a resource being deleted keeps, however many there are', async () => {
    const { lines, service } = logging('info');
    const { status } = (await service.post('/broker/sync', { parent: brokerParent(), children: {} })).json();
    const first = at(status, 'conditions', 0) as JsonObject;
    lines.length = 0;
    const conditions = Array.from({ length: 1_000 }, (_, n) => ({ ...first, type: `Type${n}` }));
    const { metadata, ...rest } = brokerParent();
    const parent = { ...rest, metadata: { ...metadata, deletionTimestamp: START }, status: { conditions } };
    expect((await service.post('/broker/sync', { parent, children: {} })).statusCode).toBe(200);
    expect(lines).toEqual([]);
  });

  it('has the children of each response at level debug, without their content', async () => {
    const { lines, service } = logging('debug');
    await service.post('/broker/sync', { parent: brokerParent(), children: {} });
    expect(lines.at(-1)).toMatchObject({
      msg: 'synced',
      children: expect.arrayContaining(['Secret/meshery-nats-auth', 'StatefulSet/meshery-nats']),
    });
    expect(JSON.stringify(lines)).not.toContain(service.generated[0]);
  });
});

describe('a response', () => {
  it('is compressed when it is large and the client accepts that, with the same ETag', async () => {
    const service = testApp();
    const plain = await service.app.inject({ method: 'POST', url: '/broker/sync', payload: brokerWithChildren(1_000) });
    const compressed = await service.app.inject({
      ...{ method: 'POST', url: '/broker/sync', payload: brokerWithChildren(1_000) },
      headers: { 'accept-encoding': 'gzip' },
    });
    expect([plain.headers['content-encoding'], compressed.headers['content-encoding']]).toEqual([undefined, 'gzip']);
    expect(gunzipSync(compressed.rawPayload).toString()).toBe(plain.body);
    expect(compressed.rawPayload.length).toBeLessThan(plain.rawPayload.length / 4);
    expect(compressed.headers.etag).toBe(plain.headers.etag);
  });

  it('is not compressed when it is small', async () => {
    const { headers } = await testApp().post('/broker/sync', brokerWithChildren(1), { 'accept-encoding': 'gzip' });
    expect(headers['content-encoding']).toBeUndefined();
  });
});
