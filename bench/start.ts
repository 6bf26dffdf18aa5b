import { statSync } from 'node:fs';
import { PAYLOADS } from './payloads.ts';
import { type Contestant, responseTo, startServer } from './servers.ts';
import { printed, type Spread, spread, table } from './statistics.ts';

export interface StartResult {
  /** Milliseconds from the start of the process to its first response. */
  operator: Spread;
  node: Spread;
  /** The difference of both medians. */
  difference: number;
  /** Bytes that the image adds to the runtime. */
  bundle: number;
}

/** From the start of a process to its first sync response, compared with bare Node. */
export async function benchStart({ rounds = 11 } = {}): Promise<StartResult> {
  const server = await startServer('operator');
  const response = await responseTo(server, PAYLOADS.broker);
  await server.stop();
  const times: Record<'operator' | 'node', number[]> = { operator: [], node: [] };
  for (let round = 0; round < rounds; round++) {
    for (const contestant of ['node', 'operator'] as const)
      times[contestant].push(await firstResponse(contestant, response));
  }
  const [operator, node] = [spread(times.operator), spread(times.node)];
  return { operator, node, difference: operator.median - node.median, bundle: statSync('dist/server.js').size };
}

async function firstResponse(contestant: Contestant, response: string): Promise<number> {
  const start = performance.now();
  const server = await startServer(contestant, response);
  await responseTo(server, PAYLOADS.broker);
  const time = performance.now() - start;
  await server.stop();
  return time;
}

export function printStart({ operator, node, difference, bundle }: StartResult): string {
  return table(
    ['server', 'start to first answered sync, ms', 'more than node, ms', 'bundle, MB'],
    [
      ['operator', printed(operator, 0), difference.toFixed(0), (bundle / 1e6).toFixed(2)],
      ['node', printed(node, 0), '–', '–'],
    ],
  );
}
