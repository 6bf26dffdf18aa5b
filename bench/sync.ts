import autocannon from 'autocannon';
import { keepAwake } from './machine.ts';
import { PAYLOADS, type Payload, settled } from './payloads.ts';
import { type Contestant, responseTo, startServer } from './servers.ts';
import { printed, type Spread, spread, table } from './statistics.ts';

const CONTESTANTS: Contestant[] = ['operator', 'node', 'go'];

/** One line of the comparison: a contestant with one payload over a number of connections. */
export interface SyncResult {
  payload: string;
  connections: number;
  run: Contestant;
  /** Requests per second. */
  throughput: Spread;
  /** In milliseconds. */
  p50: Spread;
  p99: Spread;
}

/**
 * Syncs over HTTP: the operator against servers that only parse the same requests and write a prepared response. In each
 * request, every object has changed since the last. All servers run at the same time, and get the requests in turn.
 */
export async function benchSync({ rounds = 5, seconds = 3 } = {}): Promise<SyncResult[]> {
  const rest = keepAwake();
  try {
    return await compare(rounds, seconds);
  } finally {
    rest();
  }
}

async function compare(rounds: number, seconds: number): Promise<SyncResult[]> {
  const results: SyncResult[] = [];
  for (const [name, recorded] of Object.entries(PAYLOADS)) {
    const first = await startServer('operator');
    const payload = settled(recorded, await responseTo(first, recorded));
    const response = await responseTo(first, payload);
    await first.stop();
    const payloads = Array.from({ length: 16 }, (_, n) => changed(payload, n));
    const servers = await Promise.all(CONTESTANTS.map((contestant) => startServer(contestant, response)));
    try {
      for (const { url } of servers) await load(url, payloads, 8, { duration: 2 }); // so that all code is compiled
      for (const connections of [1, 32]) {
        const measured = servers.map(({ name, url }) => ({ name, url, samples: [] as Sample[] }));
        for (let round = 0; round < rounds; round++) {
          for (const { url, samples } of measured) {
            samples.push(await load(url, payloads, connections, { duration: seconds }));
          }
        }
        for (const { name: run, samples } of measured) {
          const of = (key: keyof Sample) => spread(samples.map((sample) => sample[key]));
          results.push({
            ...{ payload: name, connections, run },
            ...{ throughput: of('throughput'), p50: of('p50'), p99: of('p99') },
          });
        }
      }
    } finally {
      for (const server of servers) await server.stop();
    }
  }
  return results;
}

type Sample = Record<'throughput' | 'p50' | 'p99', number>;

/** The same request, in which all objects have another resource version. */
function changed({ path, body }: Payload, n: number): Payload {
  return { path, body: body.replaceAll('"resourceVersion":"', `"resourceVersion":"${n + 10}`) };
}

/** Sends one payload after another over a number of connections, for a number of seconds or until a number of responses. */
export async function load(
  url: string,
  payloads: Payload[],
  connections: number,
  limit: { duration: number } | { amount: number },
): Promise<Sample> {
  const times: number[] = [];
  const headers = { 'content-type': 'application/json' };
  const { requests, non2xx, errors, timeouts, statusCodeStats, duration } = await autocannon({
    ...{ url, connections, ...limit },
    requests: payloads.map(({ path, body }) => ({ method: 'POST', path, body, headers })),
    setupClient: (client) => {
      client.on('response', (_status, _bytes, time) => times.push(time));
    },
  });
  if (non2xx + errors > 0) {
    const codes = JSON.stringify(statusCodeStats);
    throw new Error(`${url} failed: responses ${codes}, ${errors} errors, ${timeouts} of them timeouts`);
  }
  times.sort((a, b) => a - b);
  const at = (q: number) => times[Math.floor((times.length - 1) * q)] ?? Number.NaN;
  return { throughput: requests.total / duration, p50: at(0.5), p99: at(0.99) };
}

/** The ratio of a contestant to another one under the same load. */
export function ratio(
  results: SyncResult[],
  of: SyncResult,
  key: 'throughput' | 'p99',
  other: Contestant = 'node',
): number {
  const same = results.find(
    ({ payload, connections, run }) => payload === of.payload && connections === of.connections && run === other,
  );
  return of[key].median / (same?.[key].median ?? Number.NaN);
}

export function printSync(results: SyncResult[]): string {
  return table(
    ['payload', 'connections', 'server', 'syncs/s', 'p50 ms', 'p99 ms', 'throughput to node', 'p99 to node'],
    results.map((result) => [
      ...[result.payload, result.connections, result.run, printed(result.throughput, 0)],
      ...[printed(result.p50, 2), printed(result.p99, 2)],
      ...(['throughput', 'p99'] as const).map((key) => ratio(results, result, key).toFixed(2)),
    ]),
  );
}
