import { setTimeout } from 'node:timers/promises';
import { leastPrivileged } from '../test/cluster/accounts.ts';
import { startControlPlane } from '../test/cluster/control-plane.ts';
import { broker, meshSync, namespace } from '../test/cluster/expectations.ts';
import type { Kubernetes, KubernetesObject } from '../test/cluster/kubernetes.ts';
import { metacontrollerBinary, startMetacontroller } from '../test/cluster/metacontroller.ts';
import { type Build, type Operator, ownBuild, startOperator } from '../test/cluster/operator.ts';
import { registrations } from '../test/cluster/registration.ts';
import { applyPatiently, install } from '../test/cluster/world.ts';
import { cpuSeconds, residentMemory } from './machine.ts';
import { quantile, table } from './statistics.ts';

/** A named build of the operator. */
export interface NamedBuild extends Build {
  name: string;
}

/** Reads `name=path/to/server.js,--flag,VARIABLE=value`. */
export function parseBuild(text: string): NamedBuild {
  const [, name = '', file = '', rest = ''] = /^([^=]+)=([^,]+),?(.*)$/.exec(text) ?? [];
  if (!name || !file) throw new Error(`${text} is not name=server.js`);
  const words = rest.split(',').filter((word) => word !== '');
  const variables = words.filter((word) => !word.startsWith('-')).map((word) => word.split('='));
  return {
    name,
    file,
    flags: words.filter((word) => word.startsWith('-')),
    environment: Object.fromEntries(variables),
  };
}

/** The cost of making a number of pairs of a Broker and a MeshSync ready. */
export interface ConvergenceResult {
  build: string;
  pairs: number;
  /** Seconds from the creation of a pair until all of its children exist, and until it is ready. */
  children: { p50: number; p95: number };
  ready: { p50: number; p95: number };
  /** Seconds from the first creation until all pairs are ready. */
  total: number;
  /** Per pair. */
  syncs: number;
  childWrites: number;
  statusWrites: number;
  /** Milliseconds of CPU per pair. */
  operatorCpu: number;
  metacontrollerCpu: number;
  /** MiB, when all pairs are ready. */
  operatorMemory: number;
  metacontrollerMemory: number;
}

export interface RestResult {
  seconds: number;
  pairs: number;
  syncs: number;
  writes: number;
}

interface ConvergenceOptions {
  sizes?: number[];
  restSeconds?: number;
  /** Builds to compare with this checkout: each size is measured with one after the other. */
  builds?: NamedBuild[];
  strategy?: 'dynamic-apply' | 'server-side-apply';
}

/** A whole run, in a control plane of its own with a real Metacontroller; `undefined` without one. */
export async function benchConvergence({
  sizes = [100, 300],
  restSeconds = 60,
  builds = [],
  strategy = 'server-side-apply',
}: ConvergenceOptions = {}): Promise<{ made: ConvergenceResult[]; rest: RestResult } | undefined> {
  const binary = metacontrollerBinary();
  if (!binary) return undefined;
  const controlPlane = await startControlPlane((line) => process.stderr.write(`${line}\n`));
  const { kubernetes, directory } = controlPlane;
  const undo: (() => Promise<unknown>)[] = [() => controlPlane.stop()];
  try {
    let operator = await install(controlPlane);
    undo.push(() => operator.process.stop());
    for (const controller of await registrations(operator.url)) await applyPatiently(kubernetes, controller);
    const kubeconfig = await leastPrivileged(controlPlane);
    const metacontroller = await startMetacontroller(binary, controlPlane, strategy, kubeconfig);
    undo.push(() => metacontroller.stop());
    const worldOf = ({ monitoring, process: { pid } }: Operator): World => ({
      ...{ kubernetes, monitoring },
      pids: { operator: pid, metacontroller: metacontroller.process.pid },
    });
    const port = Number(new URL(operator.url).port);

    const made: ConvergenceResult[] = [];
    await makePairs(worldOf(operator), { namespace: 'warm-up', build: 'warm-up', pairs: 2 });
    const all = [...builds, { name: 'this checkout', ...ownBuild }];
    for (const pairs of sizes) {
      for (const [index, build] of all.entries()) {
        await operator.process.stop();
        operator = await startOperator(directory, port, {}, build);
        const isLast = pairs === sizes.at(-1) && index === all.length - 1;
        const namespace = `pairs-${pairs}-${index}`;
        made.push(await makePairs(worldOf(operator), { namespace, build: build.name, pairs, keep: isLast }));
      }
    }
    return { made, rest: await rest(worldOf(operator), sizes.at(-1) ?? 0, restSeconds) };
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

interface PairsOptions {
  namespace: string;
  build: string;
  pairs: number;
  /** Do not delete the pairs. */
  keep?: boolean;
}

/** Creates pairs at once, and waits until all are ready and nothing changes any more. */
async function makePairs(
  world: World,
  { namespace: of, build, pairs, keep = false }: PairsOptions,
): Promise<ConvergenceResult> {
  const { kubernetes, pids } = world;
  await namespace(kubernetes, of);
  const before = await costs(world);
  const objects = Array.from({ length: pairs }, (_, n) => [
    broker(of, `p${n}-broker`),
    meshSync(of, `p${n}-meshsync`, `p${n}-broker`),
  ]);
  const created = new Map<string, number>();
  const start = performance.now();
  const creating = inParallel(objects, 10, async (pair, n) => {
    for (const object of pair) await kubernetes.apply(object);
    created.set(`p${n}`, performance.now());
  });
  const [children, ready] = [new Map<string, number>(), new Map<string, number>()];
  for (const end = start + 600_000; ready.size < pairs && performance.now() < end; await setTimeout(100)) {
    // The storage of a CRD that was just created may not be available yet: the next round sees it.
    await record(kubernetes, of, created, children, ready).catch(() => {});
  }
  if (ready.size < pairs) throw new Error(`only ${ready.size} of ${pairs} pairs became ready`);
  const total = (performance.now() - start) / 1_000;
  await creating;
  await settled(world);
  const after = await costs(world);
  const memory = {
    operatorMemory: residentMemory(pids.operator),
    metacontrollerMemory: residentMemory(pids.metacontroller),
  };
  const times = (map: Map<string, number>) => {
    const all = [...map].map(([key, time]) => (time - (created.get(key) ?? 0)) / 1_000);
    return { p50: quantile(all, 0.5), p95: quantile(all, 0.95) };
  };
  const each = (key: keyof Costs) => (after[key] - before[key]) / pairs;
  if (!keep) {
    await inParallel(objects.flat(), 10, ({ apiVersion, kind, metadata }) =>
      kubernetes.delete(apiVersion, kind, metadata.name, of),
    );
    await settled(world);
  }
  return {
    ...{ build, pairs, total, children: times(children), ready: times(ready), ...memory },
    ...{ syncs: each('syncs'), childWrites: each('childWrites'), statusWrites: each('statusWrites') },
    ...{ operatorCpu: each('operatorCpu') * 1_000, metacontrollerCpu: each('metacontrollerCpu') * 1_000 },
  };
}

/** Records which pairs have all of their children, and which are ready. */
async function record(
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

/** Waits until there was no sync for three seconds. */
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
  const isCompared = new Set(result.made.map(({ build }) => build)).size > 1;
  const made = table(
    [
      ...['pairs', ...(isCompared ? ['build'] : []), 'children p50 / p95, s', 'Ready p50 / p95, s', 'all Ready, s'],
      ...['syncs a pair', 'writes a pair: children, status', 'CPU a pair, ms: operator', 'Metacontroller'],
      ...['RSS, MiB: operator', 'Metacontroller'],
    ],
    result.made.map((made) => [
      ...[made.pairs, ...(isCompared ? [made.build] : []), seconds(made.children), seconds(made.ready)],
      ...[made.total.toFixed(1), made.syncs.toFixed(1)],
      ...[`${made.childWrites.toFixed(1)}, ${made.statusWrites.toFixed(1)}`],
      ...[made.operatorCpu.toFixed(1), made.metacontrollerCpu.toFixed(1)],
      ...[made.operatorMemory.toFixed(0), made.metacontrollerMemory.toFixed(0)],
    ]),
  );
  return `${made}\nThen ${rested} s of rest with ${pairs} pairs: ${syncs} syncs, ${writes} writes.\n`;
}
