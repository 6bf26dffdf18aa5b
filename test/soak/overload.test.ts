import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Listening, type Servers, servers } from '../support/listening.ts';

const REQUEST = readFileSync(
  'test/payloads/recorded/dynamic-apply/meshery-meshery-broker-broker-sync-last.json',
  'utf8',
);
const SECONDS = Number(process.env.SOAK_SECONDS ?? 60);
const CLIENTS = 100;

let all: Servers;
beforeAll(async () => {
  all = await servers();
});
afterAll(() => all.stop());

/** Calls the sync hook for a running Broker. */
const load = ({ url }: Listening, options: Partial<autocannon.Options>) =>
  autocannon({
    ...{ url: `${url}/broker/sync`, method: 'POST', body: REQUEST, timeout: 10 },
    headers: { 'content-type': 'application/json' },
    ...options,
  });

async function memory({ monitoring }: Listening): Promise<number> {
  const metrics = await (await fetch(`${monitoring}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(metrics)?.[1]) / 1024 / 1024;
}

it(`${CLIENTS} clients at twice the capacity get only status 200 or 429, and memory stays bounded`, async () => {
  const server = await all.listen({ MAX_EVENT_LOOP_DELAY: '20' });
  await load(server, { connections: 20, duration: 5 }); // so that all code is compiled
  const capacity = (await load(server, { connections: 20, duration: 5 })).requests.average;
  const samples: number[] = [];
  const timer = setInterval(async () => samples.push(await memory(server).catch(() => 0)), (SECONDS * 1_000) / 20);
  const { statusCodeStats, errors, timeouts, latency } = await load(server, {
    connections: CLIENTS,
    overallRate: Math.ceil(2 * capacity),
    duration: SECONDS,
  });
  clearInterval(timer);
  const counts = (statusCodeStats ?? {}) as Record<string, { count: number }>;
  const [accepted = 0, rejected = 0] = ['200', '429'].map((code) => counts[code]?.count ?? 0);
  const half = samples.length / 2;
  const [first, second] = [Math.max(...samples.slice(0, half)), Math.max(...samples.slice(half))];
  process.stdout.write(
    `capacity ${Math.round(capacity)}/s; requested ${Math.round((accepted + rejected) / SECONDS)}/s by ${CLIENTS} clients for ${SECONDS} s: ` +
      `${accepted} accepted, ${rejected} rejected, p99 ${latency.p99} ms; ` +
      `at most ${Math.round(first)} MiB in the first half and ${Math.round(second)} MiB in the second\n`,
  );
  expect([errors, timeouts]).toEqual([0, 0]);
  expect(Object.keys(counts).filter((code) => !['200', '429'].includes(code))).toEqual([]);
  expect(accepted).toBeGreaterThan(0);
  expect(rejected).toBeGreaterThan(0);
  // The limit is the timeout of Metacontroller, not the speed of this machine.
  expect(latency.p99).toBeLessThan(5_000);
  expect(second).toBeLessThan(first * 1.2);
  server.child.kill('SIGTERM');
  expect(await server.finished).toMatchObject({ code: 0, stderr: '' });
});
