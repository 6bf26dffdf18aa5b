// Measures the sync functions alone, and prints JSON. Started by `core.ts`.
import { brokerParts } from '../../src/broker/controller.ts';
import { syncBroker } from '../../src/broker/sync.ts';
import { meshSyncParts } from '../../src/meshsync/controller.ts';
import { syncMeshSync } from '../../src/meshsync/sync.ts';
import { bodyParser } from '../../src/metacontroller/body.ts';
import { PAYLOADS, settled } from '../payloads.ts';
import { spread } from '../statistics.ts';

const CALLS = 500;
const rounds = Number(process.argv[2]);
const context = { now: () => new Date(), generateToken: () => 'tNothingIsMadeHere' };
const functions = {
  broker: {
    parts: brokerParts,
    sync: (body: unknown) => syncBroker(body as Parameters<typeof syncBroker>[0], context),
  },
  meshsync: {
    parts: meshSyncParts,
    sync: (body: unknown) => syncMeshSync(body as Parameters<typeof syncMeshSync>[0], context),
  },
};

const results = Object.entries(functions).map(([name, { parts, sync }]) => {
  const recorded = PAYLOADS[name as keyof typeof PAYLOADS];
  const { body } = settled(recorded, JSON.stringify(sync(JSON.parse(recorded.body))));
  const bytes = Buffer.from(body);
  // A parser that has seen no other body gives objects of their own.
  const parse = () => bodyParser(parts, 'cut-from-here-')(bytes);
  const microseconds = (work: () => void): number => {
    const start = performance.now();
    for (let call = 0; call < CALLS; call++) work();
    return ((performance.now() - start) * 1_000) / CALLS;
  };
  // Each sync of an object of its own, as they come; what parsing it takes is taken off.
  const both: number[] = [];
  const parsing: number[] = [];
  const whole: number[] = [];
  for (let round = 0; round < rounds + 10; round++) {
    parsing.push(microseconds(parse));
    both.push(microseconds(() => sync(parse())));
    whole.push(microseconds(() => JSON.parse(body)));
  }
  const requests = Array.from({ length: 100 }, parse);
  gc?.();
  const before = process.memoryUsage().heapUsed;
  for (const request of requests) sync(request);
  const allocated = (process.memoryUsage().heapUsed - before) / requests.length;
  return {
    payload: name,
    sync: spread(both.map((value, round) => value - (parsing[round] ?? 0)).slice(10)),
    parse: spread(whole.slice(10)),
    allocated,
  };
});
process.stdout.write(JSON.stringify(results));
