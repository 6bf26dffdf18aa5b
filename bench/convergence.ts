import { setTimeout } from 'node:timers/promises';
import { leastPrivileged } from '../test/cluster/accounts.ts';
import { startControlPlane } from '../test/cluster/control-plane.ts';
import { broker, meshSync, namespace } from '../test/cluster/expectations.ts';
import type { Kubernetes, KubernetesObject } from '../test/cluster/kubernetes.ts';
import { metacontrollerBinary, startMetacontroller } from '../test/cluster/metacontroller.ts';
import { registrations } from '../test/cluster/registration.ts';
import { applyPatiently, install } from '../test/cluster/world.ts';
import { cpuSeconds } from './machine.ts';
import { quantile, table } from './statistics.ts';

/** What it took to make so many pairs of a Broker and a MeshSync ready. */
export interface ConvergenceResult {
  what: string;
  pairs: number;
  /** Seconds from the creation of a pair until all of its children are there, and until it is ready. */
  children: { p50: number; p95: number };
  ready: { p50: number; p95: number };
  /** A pair. */
  syncs: number;
  childWrites: number;
  statusWrites: number;
  /** Milliseconds of CPU a pair. */
  operatorCpu: number;
  metacontrollerCpu: number;
}

export interface RestResult {
  seconds: number;
  pairs: number;
  syncs: number;
  writes: number;
}

/** A whole run, in a control plane of its own with a real Metacontroller; `undefined` without one. */
export async function benchConvergence({
  sizes = [1, 20, 100, 300],
  restSeconds = 60,
} = {}): Promise<{ made: ConvergenceResult[]; rest: RestResult } | undefined> {
  const binary = metacontrollerBinary();
  if (!binary) return undefined;
  const controlPlane = await startControlPlane((line) => process.stderr.write(`${line}\n`));
  const { kubernetes } = controlPlane;
  const undo: (() => Promise<unknown>)[] = [() => controlPlane.stop()];
  try {
    const operator = await install(controlPlane);
    undo.push(() => operator.process.stop());
    for (const controller of await registrations(operator.url)) await applyPatiently(kubernetes, controller);
    const kubeconfig = await leastPrivileged(controlPlane);
    const metacontroller = await startMetacontroller(binary, controlPlane, 'dynamic-apply', kubeconfig);
    undo.push(() => metacontroller.stop());
    const world: World = {
      ...{ kubernetes, monitoring: operator.monitoring },
      pids: { operator: operator.process.pid, metacontroller: metacontroller.process.pid },
    };

    const made: ConvergenceResult[] = [];
    await makePairs(world, 'warm-up', 'warm-up', 2);
    for (const size of sizes.slice(0, -1)) made.push(await makePairs(world, `pairs-${size}`, `${size}`, size));
    await manyNodes(kubernetes, 300);
    made.push(await makePairs(world, 'nodes', '20, with 300 more Nodes', 20));
    await largeObjects(kubernetes, await namespace(kubernetes, 'crowded'), 50);
    made.push(await makePairs(world, 'crowded', '20, beside 50 objects of 200 KiB', 20));
    const most = sizes.at(-1) ?? 1;
    made.push(await makePairs(world, `pairs-${most}`, `${most}`, most, false));
    return { made, rest: await rest(world, most, restSeconds) };
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

interface World {
  kubernetes: Kubernetes;
  /** URL of the operator's monitoring port. */
  monitoring: string;
  pids: Record<'operator' | 'metacontroller', number>;
}

/** Creates pairs at once, and waits until all are ready and nothing changes any more. */
async function makePairs(
  world: World,
  of: string,
  what: string,
  pairs: number,
  remove = true,
): Promise<ConvergenceResult> {
  const { kubernetes } = world;
  await namespace(kubernetes, of);
  const before = await costs(world);
  const objects = Array.from({ length: pairs }, (_, n) => [
    broker(of, `p${n}-broker`),
    meshSync(of, `p${n}-meshsync`, `p${n}-broker`),
  ]);
  const created = new Map<string, number>();
  const creating = inParallel(objects, 10, async (pair, n) => {
    for (const object of pair) await kubernetes.apply(object);
    created.set(`p${n}`, performance.now());
  });
  const [children, ready] = [new Map<string, number>(), new Map<string, number>()];
  for (const end = performance.now() + 600_000; ready.size < pairs && performance.now() < end; await setTimeout(100)) {
    // The storage of a CRD that was made a moment ago may not be there yet: the next look sees it.
    await look(kubernetes, of, created, children, ready).catch(() => {});
  }
  if (ready.size < pairs) throw new Error(`only ${ready.size} of ${pairs} pairs became ready`);
  await creating;
  await settled(world);
  const after = await costs(world);
  const times = (map: Map<string, number>) => {
    const all = [...map].map(([key, time]) => (time - (created.get(key) ?? 0)) / 1_000);
    return { p50: quantile(all, 0.5), p95: quantile(all, 0.95) };
  };
  const each = (key: keyof Costs) => (after[key] - before[key]) / pairs;
  if (remove) {
    await inParallel(objects.flat(), 10, ({ apiVersion, kind, metadata }) =>
      kubernetes.delete(apiVersion, kind, metadata.name, of),
    );
    await settled(world);
  }
  return {
    ...{ what, pairs, children: times(children), ready: times(ready) },
    ...{ syncs: each('syncs'), childWrites: each('childWrites'), statusWrites: each('statusWrites') },
    ...{ operatorCpu: each('operatorCpu') * 1_000, metacontrollerCpu: each('metacontrollerCpu') * 1_000 },
  };
}

/** Takes down which pairs have all of their children by now, and which are ready. */
async function look(
  kubernetes: Kubernetes,
  of: string,
  created: Map<string, number>,
  children: Map<string, number>,
  ready: Map<string, number>,
): Promise<void> {
  const list = async (apiVersion: string, kind: string) => {
    const objects = await kubernetes.list(apiVersion, kind, of);
    return new Map(objects.map((object) => [object.metadata.name, object]));
  };
  const [sets, deployments, brokers, meshSyncs] = await Promise.all([
    ...[list('apps/v1', 'StatefulSet'), list('apps/v1', 'Deployment')],
    ...[list('meshery.io/v1alpha2', 'Broker'), list('meshery.io/v1alpha2', 'MeshSync')],
  ]);
  const isReady = (object: KubernetesObject | undefined) =>
    object?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  const now = performance.now();
  for (const name of created.keys()) {
    const [own, mesh] = [`${name}-broker`, `${name}-meshsync`];
    if (!children.has(name) && sets?.has(`${name}-nats`) && deployments?.has(mesh)) children.set(name, now);
    if (!ready.has(name) && isReady(brokers?.get(own)) && isReady(meshSyncs?.get(mesh))) ready.set(name, now);
  }
}

interface Costs {
  syncs: number;
  childWrites: number;
  statusWrites: number;
  operatorCpu: number;
  metacontrollerCpu: number;
}

const CHILDREN = ['secrets', 'configmaps', 'services', 'statefulsets', 'deployments', 'serviceaccounts'];

async function costs({ kubernetes, monitoring, pids }: World): Promise<Costs> {
  const metrics = await (await fetch(`${monitoring}/metrics`)).text();
  const { body } = await kubernetes.request('GET', '/metrics');
  const costs: Costs = {
    ...{ syncs: sum(metrics, /^meshery_operator_reconcile_total\{.*\} (\d+)$/gm), childWrites: 0, statusWrites: 0 },
    ...{ operatorCpu: cpuSeconds(pids.operator), metacontrollerCpu: cpuSeconds(pids.metacontroller) },
  };
  for (const [, labels = '', count] of `${body}`.matchAll(/^apiserver_request_total\{(.*)\} (\S+)$/gm)) {
    const {
      code,
      resource = '',
      subresource,
      verb = '',
    } = Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
    ) as Partial<Record<string, string>>;
    if (!code?.startsWith('2') || !['POST', 'PUT', 'PATCH', 'APPLY'].includes(verb)) continue;
    if (['brokers', 'meshsyncs'].includes(resource) && subresource === 'status') costs.statusWrites += Number(count);
    if (CHILDREN.includes(resource) && subresource === '') costs.childWrites += Number(count);
  }
  return costs;
}

function sum(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
}

/** Waits until no sync has come for three seconds. */
async function settled(world: World): Promise<void> {
  for (let last = -1; ; ) {
    const { syncs } = await costs(world);
    if (syncs === last) return;
    last = syncs;
    await setTimeout(3_000);
  }
}

async function rest(world: World, pairs: number, seconds: number): Promise<RestResult> {
  const before = await costs(world);
  await setTimeout(seconds * 1_000);
  const after = await costs(world);
  const writes = after.childWrites + after.statusWrites - before.childWrites - before.statusWrites;
  return { seconds, pairs, syncs: after.syncs - before.syncs, writes };
}

async function manyNodes(kubernetes: Kubernetes, count: number): Promise<void> {
  const nodes = Array.from({ length: count }, (_, n) => ({
    ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: `idle-${n}` }, spec: { unschedulable: true } },
  }));
  await inParallel(nodes, 10, (node) => kubernetes.apply(node));
}

async function largeObjects(kubernetes: Kubernetes, of: string, count: number): Promise<void> {
  const data = { content: 'x'.repeat(200 * 1024) };
  const objects = Array.from({ length: count }, (_, n) => ({
    ...{ apiVersion: 'v1', kind: n % 2 ? 'ConfigMap' : 'Secret', metadata: { name: `large-${n}`, namespace: of } },
    ...(n % 2 ? { data } : { stringData: data }),
  }));
  await inParallel(objects, 5, (object) => kubernetes.apply(object));
}

async function inParallel<Item>(
  items: Item[],
  width: number,
  work: (item: Item, index: number) => Promise<unknown>,
): Promise<void> {
  const left = items.entries();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const [index, item] of left) await work(item, index);
    }),
  );
}

export function printConvergence(result: Awaited<ReturnType<typeof benchConvergence>>): string {
  if (!result) return 'Left out: set METACONTROLLER to the path of a real Metacontroller.\n';
  const seconds = ({ p50, p95 }: ConvergenceResult['ready']) => `${p50.toFixed(1)} / ${p95.toFixed(1)}`;
  const { syncs, writes, seconds: rested, pairs } = result.rest;
  const made = table(
    [
      ...['pairs', 'children p50 / p95, s', 'ready p50 / p95, s', 'syncs a pair', 'writes of children a pair'],
      ...['writes of status a pair', 'CPU of the operator, ms a pair', 'CPU of Metacontroller, ms a pair'],
    ],
    result.made.map((made) => [
      ...[made.what, seconds(made.children), seconds(made.ready), made.syncs.toFixed(1), made.childWrites.toFixed(1)],
      ...[made.statusWrites.toFixed(1), made.operatorCpu.toFixed(1), made.metacontrollerCpu.toFixed(1)],
    ]),
  );
  const after = `Then ${rested} s of rest with ${pairs} pairs: ${syncs} syncs, ${writes} writes.`;
  return `${made}\n${growth(result.made)}${after}\n`;
}

/** How what a pair costs grows with their number: from twenty, or the next size above, to the most. */
function growth(made: ConvergenceResult[]): string {
  const sizes = made.filter(({ what, pairs }) => what === `${pairs}`);
  const [few, many] = [sizes.find(({ pairs }) => pairs >= 20), sizes.at(-1)];
  if (!few || !many || few === many) return '';
  const times = (of: (made: ConvergenceResult) => number) => (of(many) / of(few)).toFixed(2);
  const writes = times(({ childWrites, statusWrites }) => childWrites + statusWrites);
  const cpu = times(({ operatorCpu, metacontrollerCpu }) => operatorCpu + metacontrollerCpu);
  const each = [times(({ operatorCpu }) => operatorCpu), times(({ metacontrollerCpu }) => metacontrollerCpu)];
  return (
    `Of ${many.pairs} pairs, each costs ${times(({ syncs }) => syncs)} times the syncs of each of ${few.pairs}, ${writes} times ` +
    `the writes and ${cpu} times the CPU: ${each.join(' times that of the operator and ')} times that of Metacontroller.\n`
  );
}
