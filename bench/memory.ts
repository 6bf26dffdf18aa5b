import { residentMemory } from './machine.ts';
import { PAYLOADS, type Payload, settled } from './payloads.ts';
import { responseTo, startServer } from './servers.ts';
import { table } from './statistics.ts';
import { load } from './sync.ts';

/** Resident memory of the operator in MiB, at several points in order. */
export type MemoryResult = Record<'started' | 'once' | 'twice' | 'large' | 'after', number>;

/** The operator's memory: after its start, after syncs of both kinds, after as many again, and after large ones. */
export async function benchMemory({ syncs = 100_000 } = {}): Promise<MemoryResult> {
  const server = await startServer('operator');
  const memory = () => residentMemory(server.pid);
  try {
    const started = memory();
    const payloads: Payload[] = [];
    for (const recorded of Object.values(PAYLOADS))
      payloads.push(settled(recorded, await responseTo(server, recorded)));
    const work = async (amount: number, all: Payload[], connections = 32) => {
      for (const payload of all) await load(server.url, [payload], connections, { amount: amount / all.length });
    };
    await work(syncs, payloads);
    const once = memory();
    await work(syncs, payloads);
    const twice = memory();
    await work(syncs / 100, payloads.map(enlarged), 8); // fewer at a time than the limit of the operator
    const large = memory();
    await work(syncs / 10, payloads);
    return { started, once, twice, large, after: memory() };
  } finally {
    await server.stop();
  }
}

/** The same request with 1 MiB more, by a related object that is not used. */
function enlarged({ path, body }: Payload): Payload {
  const { related, ...rest } = JSON.parse(body);
  const metadata = { name: 'large', namespace: 'meshery', labels: {}, annotations: { large: 'x'.repeat(2 ** 20) } };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata };
  const secrets = { ...related['Secret.v1'], 'meshery/large': secret };
  return { path, body: JSON.stringify({ ...rest, related: { ...related, 'Secret.v1': secrets } }) };
}

export function printMemory({ started, once, twice, large, after }: MemoryResult): string {
  const head = ['', 'started', 'after syncs', 'after as many again', 'after large requests', 'after syncs again'];
  return table(head, [['RSS, MiB', ...[started, once, twice, large, after].map((value) => value.toFixed(0))]]);
}
