// A short bench that fails on results beyond noise: a factor of two, or growth where none is allowed.
import { benchMemory } from './memory.ts';
import { benchStart } from './start.ts';
import { table } from './statistics.ts';
import { benchSync, ratio } from './sync.ts';

/** Measurements of this run, each below its limit. Every value is a ratio or a size, and less is better. */
const limits: { what: string; value: number; limit: number }[] = [];

const syncs = await benchSync({ rounds: 3, seconds: 1 });
for (const of of syncs.filter(({ run }) => run === 'operator')) {
  const load = `${of.payload}, ${of.connections} connections`;
  limits.push({ what: `time of a sync to bare Node: ${load}`, value: 1 / ratio(syncs, of, 'throughput'), limit: 5 });
}
const { operator, node, bundle } = await benchStart({ rounds: 5 });
limits.push({ what: 'time to the first response to bare Node', value: operator.median / node.median, limit: 8 });
limits.push({ what: 'bundle, MB', value: bundle / 1e6, limit: 1.5 });
const { once, twice, after } = await benchMemory({ syncs: 20_000 });
limits.push({ what: 'memory after twice as many syncs', value: twice / once, limit: 1.3 });
limits.push({ what: 'memory after large requests', value: after / once, limit: 2 });

const rows = limits.map(({ what, value, limit }) => [what, value.toFixed(2), limit, value < limit ? '' : 'too much']);
process.stdout.write(table(['', 'measured', 'limit', ''], rows));
if (limits.some(({ value, limit }) => !(value < limit))) process.exit(1);
