import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import eventLoopLag from 'prom-client/lib/metrics/eventLoopLag.js';
import heapSize from 'prom-client/lib/metrics/heapSizeAndUsed.js';
import heapSpaces from 'prom-client/lib/metrics/heapSpacesSizeAndUsed.js';
import residentMemory from 'prom-client/lib/metrics/osMemoryHeap.js';
import cpu from 'prom-client/lib/metrics/processCpuTotal.js';
import mostOpenFiles from 'prom-client/lib/metrics/processMaxFileDescriptors.js';
import openFiles from 'prom-client/lib/metrics/processOpenFileDescriptors.js';
import resources from 'prom-client/lib/metrics/processResources.js';
import startTime from 'prom-client/lib/metrics/processStartTime.js';
import nodeVersion from 'prom-client/lib/metrics/version.js';
import { LruMap } from 'toad-cache';
import type { Parent, SyncResponse } from './metacontroller/envelope.ts';
import { conditionTypes } from './metacontroller/ready.ts';
import { version } from './version.ts';

/** Named as Meshery's Go operator names its controllers in its metrics. */
export type Controller = 'Broker' | 'MeshSync';

/** What was last seen of a parent. */
interface Seen {
  controller: Controller;
  namespace: string;
  name: string;
  ready: 'True' | 'False' | 'Unknown';
  /** Since when, in seconds. */
  since: number;
  /** Why it is ready or not, or that nobody looks after it. */
  reason: string;
  /** In milliseconds, by the clock that was handed in. */
  at: number;
}

/** Parents are synced every ten minutes at least: one that was not for longer is gone, or another replica sees it. */
const FORGOTTEN_AFTER = 25 * 60_000;

/** Bounds the memory, and what Prometheus has to keep. */
const MOST_PARENTS = 10_000;

/** Kinds of children that are counted by name; a request may hold any others. */
const kinds = new Set([
  ...['Secret', 'ConfigMap', 'Service', 'StatefulSet', 'PodDisruptionBudget', 'NetworkPolicy'],
  ...['ServiceAccount', 'Deployment'],
]);

/**
 * What is collected of the process: prom-client's default metrics without `nodejs_gc_duration_seconds`, whose observer takes
 * as long after each collection of garbage as that took, and without those that `resources` supersedes.
 */
const ofProcess = [
  ...[cpu, startTime, residentMemory, openFiles, mostOpenFiles],
  ...[eventLoopLag, resources, heapSize, heapSpaces, nodeVersion],
];

/** What the service counts, in the registry that `/metrics` prints. */
export class Metrics {
  readonly registry = new Registry();
  readonly #now: () => Date;
  readonly #parents = new LruMap<Seen>(MOST_PARENTS);
  readonly #total = this.#counter('reconcile_total', 'Syncs that were not refused, whatever their answer.', [
    'controller',
  ]);
  readonly #errors = this.#counter('reconcile_errors_total', 'Syncs that were not answered with success.', [
    'controller',
  ]);
  readonly #refused = this.#counter('refused_total', 'Requests to hooks that were refused before they were read.', [
    'reason',
  ]);
  /** How many children there were, by controller and kind. */
  readonly #children = new Map<string, number>();
  readonly #duration = new Histogram({
    name: 'meshery_operator_reconcile_duration_seconds',
    help: 'Time from the arrival of a sync to its answer.',
    labelNames: ['controller'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers: [this.registry],
  });

  #collectsProcess = false;

  /** @param now the clock */
  constructor({ now }: { now: () => Date }) {
    this.#now = now;
    new Gauge({
      name: 'meshery_operator_build_info',
      help: 'Always 1; says what runs.',
      labelNames: ['version', 'node_version'],
      registers: [this.registry],
    }).set({ version, node_version: process.version }, 1);
    this.#counterOfChildren();
    this.#gaugesOfParents();
  }

  /**
   * Collects what the process itself uses from now on, if it is not done yet. It starts timers, and takes a tenth of the time
   * until a process is ready: so it is done once it is.
   */
  collectProcess(): void {
    if (this.#collectsProcess) return;
    this.#collectsProcess = true;
    for (const collect of ofProcess) collect(this.registry);
  }

  /** Everything in the Prometheus text format. */
  async text(): Promise<string> {
    this.collectProcess();
    return this.registry.metrics();
  }

  /** Counts a sync: the status code of its answer, and the seconds that it took. */
  answered(controller: Controller, statusCode: number, seconds: number): void {
    this.#total.inc({ controller });
    if (statusCode >= 400) this.#errors.inc({ controller });
    this.#duration.observe({ controller }, seconds);
  }

  /** Counts a request that was not even read. */
  refused(reason: string): void {
    this.#refused.inc({ reason });
  }

  /** Takes note of the answer to a sync: its children by kind, and whether the parent is ready, unless it is going. */
  synced(
    controller: Controller,
    { name, namespace, deletionTimestamp }: Pick<Parent['metadata'], 'name' | 'namespace' | 'deletionTimestamp'>,
    { children, status }: SyncResponse,
  ): void {
    for (const { kind = '' } of children) {
      const key = `${controller} ${kinds.has(kind) ? kind : 'other'}`;
      this.#children.set(key, (this.#children.get(key) ?? 0) + 1);
    }
    const of = (wanted: string) => status.conditions?.find(({ type }) => type === wanted);
    const ready = of(conditionTypes.ready);
    const key = `${controller}/${namespace}/${name}`;
    if (!ready || deletionTimestamp) {
      this.#parents.delete(key);
      return;
    }
    const reason = of(conditionTypes.paused) ? conditionTypes.paused : ready.reason;
    const since = Date.parse(ready.lastTransitionTime) / 1000;
    const at = this.#now().getTime();
    this.#parents.set(key, { controller, namespace, name, ready: ready.status, since, reason, at });
  }

  /** Children are counted by number and told by name only when somebody asks. */
  #counterOfChildren(): void {
    const total = this.#counter('children_total', 'Children in the answers of syncs.', ['controller', 'kind'], () => {
      total.reset();
      for (const [key, count] of this.#children) {
        const [controller = '', kind = ''] = key.split(' ');
        total.inc({ controller, kind }, count);
      }
    });
  }

  /**
   * Each replica sees the syncs that happen to come to it, so what it last saw of a parent may be out of date: the one that
   * saw it last knows best.
   */
  #gaugesOfParents(): void {
    const seen = () => [...this.#seen()];
    new Gauge({
      name: 'meshery_operator_parents',
      help: 'Resources that this replica has synced within the last 25 minutes, by the reason of their condition Ready or ReconciliationPaused.',
      labelNames: ['controller', 'reason'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { controller, reason } of seen()) this.inc({ controller, reason });
      },
    });
    const resource = ['controller', 'resource_namespace', 'name'] as const;
    new Gauge({
      name: 'meshery_operator_ready_transition_timestamp_seconds',
      help: 'When the condition Ready of a resource became what it is, as far as this replica has seen.',
      labelNames: [...resource, 'ready', 'reason'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { controller, namespace, name, ready, reason, since } of seen()) {
          this.set({ controller, resource_namespace: namespace, name, ready, reason }, since);
        }
      },
    });
    new Gauge({
      name: 'meshery_operator_last_sync_timestamp_seconds',
      help: 'When this replica last synced a resource.',
      labelNames: [...resource],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { controller, namespace, name, at } of seen()) {
          this.set({ controller, resource_namespace: namespace, name }, at / 1000);
        }
      },
    });
  }

  *#seen(): Generator<Seen> {
    const since = this.#now().getTime() - FORGOTTEN_AFTER;
    for (const { key, value } of this.#parents.items.values()) {
      if (value.at < since) this.#parents.delete(key);
      else yield value;
    }
  }

  /** @param collect brings the counter up to date when somebody asks; default: it always is */
  #counter<const Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    collect?: () => void,
  ): Counter<Label> {
    const registers = [this.registry];
    return new Counter({ name: `meshery_operator_${name}`, help, labelNames, registers, ...(collect && { collect }) });
  }
}
