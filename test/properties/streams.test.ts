import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Cluster } from '../stand-in/cluster.ts';
import { at, type JsonObject, type KubeObject } from '../stand-in/json.ts';
import { START, testApp } from '../support/app.ts';
import { condition } from '../support/invariants.ts';
import { brokerParent, clusterWith, hookOf, STRATEGIES, sync } from '../support/scenarios.ts';

/** More runs find more: FAST_CHECK_RUNS=5000 for a long search. */
const RUNS = Number(process.env.FAST_CHECK_RUNS ?? 60);

const ACCEPT = 'meshery.io/accept-stream-loss';
const HIBERNATION = 'meshery.io/hibernation';
const NAMES = { statefulSet: 'meshery-nats', configMap: 'meshery-nats-config', secret: 'meshery-nats-auth' };

type Mode = 'single' | 'cluster';

/**
 * The pods and volumes of a Broker. A pod has the volume of its ordinal open if its template mounts it; it may restart at any
 * time, with the configuration of that time. NATS drops the streams on a volume that a server of the other mode opens.
 */
class Servers {
  readonly cluster: Cluster;
  readonly #pods = new Map<number, { opens: boolean }>();
  readonly #volumes = new Map<number, Mode>();

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  get statefulSet(): KubeObject | undefined {
    return this.cluster.get('StatefulSet.apps/v1', 'meshery', NAMES.statefulSet);
  }

  get configMap(): KubeObject | undefined {
    return this.cluster.get('ConfigMap.v1', 'meshery', NAMES.configMap);
  }

  get parent(): KubeObject {
    return this.cluster.get('Broker.meshery.io/v1alpha2', 'meshery', 'meshery-broker') as KubeObject;
  }

  /** The StatefulSet controller: creates and removes pods and, in some of its runs, replaces those of another template. */
  progress(replaces: boolean): void {
    const { statefulSet } = this;
    if (!statefulSet) return;
    const replicas = Number(at(statefulSet, 'spec', 'replicas'));
    const opens = this.#mounts(statefulSet);
    for (const ordinal of this.#pods.keys()) if (ordinal >= replicas) this.#pods.delete(ordinal);
    for (let ordinal = 0; ordinal < replicas; ordinal++) {
      if (replaces || !this.#pods.has(ordinal)) this.#pods.set(ordinal, { opens });
    }
    const updated = [...this.#pods.values()].filter((pod) => pod.opens === opens).length;
    this.cluster.setStatus(statefulSet, {
      observedGeneration: statefulSet.metadata.generation ?? 0,
      replicas,
      updatedReplicas: updated,
      readyReplicas: updated,
    });
  }

  deleteStatefulSet(orphan: boolean): void {
    if (this.statefulSet) this.cluster.delete(this.statefulSet);
    if (!orphan) this.#pods.clear();
  }

  /** The loss that the user accepts is decided from the next sync on. */
  accept(): void {
    const { metadata, spec } = this.parent;
    const size = Number(at(spec, 'size'));
    if (metadata.annotations?.[ACCEPT] !== `${size}`) return;
    for (const [ordinal, mode] of this.#volumes) if (mode !== modeOf(size)) this.#volumes.delete(ordinal);
  }

  /** Restarts every pod: the volumes whose streams are dropped. */
  restart(): string[] {
    const file = String(at(this.configMap, 'data', 'nats.conf'));
    const secret = this.cluster.get('Secret.v1', 'meshery', NAMES.secret);
    const credentials = Buffer.from(String(at(secret, 'data', 'credentials.conf')), 'base64').toString();
    if (!file.includes('jetstream {')) return [];
    const mode = credentials.includes('cluster {') ? 'cluster' : 'single';
    const dropped: string[] = [];
    for (const [ordinal, { opens }] of this.#pods) {
      if (!opens) continue;
      const before = this.#volumes.get(ordinal);
      this.#volumes.set(ordinal, mode);
      if (before && before !== mode) dropped.push(`${ordinal}: ${before} to ${mode}`);
    }
    return dropped;
  }

  #mounts(statefulSet: KubeObject): boolean {
    const containers = at(statefulSet, 'spec', 'template', 'spec', 'containers') as JsonObject[];
    const mounts = containers.flatMap((container) => (container.volumeMounts ?? []) as JsonObject[]);
    const hasClaims = at(statefulSet, 'spec', 'volumeClaimTemplates', 0) !== undefined;
    return hasClaims && mounts.some(({ name }) => name === 'data');
  }
}

const modeOf = (size: number): Mode => (size > 1 ? 'cluster' : 'single');

/** An event: what a user, another controller or a fault does. */
interface Event {
  text: string;
  run: (servers: Servers) => void | Promise<void>;
}

function edit(text: string, change: (object: KubeObject) => void): Event {
  return { text, run: ({ cluster, parent }) => cluster.edit(parent, 'kubectl', change) };
}

const spec = (field: string, value: JsonObject | number | undefined): Event =>
  edit(`${field} ${JSON.stringify(value)}`, (object) => {
    const { [field]: _old, ...rest } = object.spec as JsonObject;
    object.spec = { ...rest, ...(value !== undefined && { [field]: value }) };
  });

const annotation = (key: string, value: string | undefined): Event =>
  edit(`${key}=${value}`, ({ metadata }) => {
    const { [key]: _old, ...rest } = metadata.annotations ?? {};
    metadata.annotations = { ...rest, ...(value !== undefined && { [key]: value }) };
  });

const memoryStore = { maxSize: '32Mi' };
const service = testApp();
const hook = hookOf(service);

const progress = (replaces: boolean): Event => ({
  text: replaces ? 'pods are replaced' : 'pods are created',
  run: (servers) => servers.progress(replaces),
});

/** Does what the condition says, except for accepting a loss. */
const advice: Event = {
  text: 'follow the advice',
  run: (servers) => {
    const message = String(at(condition(servers.parent.status, 'SpecApplied') as unknown as JsonObject, 'message'));
    const [, back] = /Set spec.size back to (\d+)/.exec(message) ?? [];
    if (back) return spec('size', Number(back)).run(servers);
    if (message.includes('kubectl delete statefulset')) servers.deleteStatefulSet(message.includes('orphan'));
  },
};

const deletion = (orphan: boolean): Event => ({
  text: `delete the StatefulSet${orphan ? ' without its pods' : ''}`,
  run: (servers) => servers.deleteStatefulSet(orphan),
});

const byHand: Event[] = [1, 3].map((replicas) => ({
  text: `kubectl scale statefulset --replicas=${replicas}`,
  run: ({ cluster, statefulSet }) => {
    if (!statefulSet) return;
    cluster.edit(statefulSet, 'kubectl', (object) => {
      (object.spec as JsonObject).replicas = replicas;
    });
  },
}));

/** The other object has the same annotations. */
const forgetful: Event[] = [
  {
    text: 'the ConfigMap is deleted',
    run: ({ cluster, statefulSet, configMap }) => {
      if (statefulSet && configMap) cluster.delete(configMap);
    },
  },
  {
    text: 'the annotations of the StatefulSet are edited',
    run: ({ cluster, statefulSet, configMap }) => {
      if (!statefulSet || !configMap) return;
      cluster.edit(statefulSet, 'somebody', ({ metadata }) => {
        metadata.annotations = { 'meshery.io/jetstream': '{', 'meshery.io/stream-servers': 'many' };
      });
    },
  },
];

const event = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(1, 2, 3, 5).map((size) => spec('size', size)) },
  {
    weight: 6,
    arbitrary: fc
      .record(
        {
          fileStore: fc.record(
            {
              size: fc.constantFrom('512Mi', '1Gi', '2Gi'),
              storageClassName: fc.constantFrom('fast', 'slow'),
              maxSize: fc.constant('256Mi'),
            },
            { requiredKeys: ['size'] },
          ),
          memoryStore: fc.constant(memoryStore),
        },
        { requiredKeys: [] },
      )
      .map((jetstream) => spec('jetstream', jetstream as JsonObject)),
  },
  { weight: 3, arbitrary: fc.constant(spec('jetstream', undefined)) },
  { weight: 2, arbitrary: fc.constantFrom('on', undefined).map((value) => annotation(HIBERNATION, value)) },
  { weight: 2, arbitrary: fc.constantFrom('1', '3', undefined).map((value) => annotation(ACCEPT, value)) },
  { weight: 8, arbitrary: fc.constant(advice) },
  { weight: 3, arbitrary: fc.boolean().map(deletion) },
  { weight: 12, arbitrary: fc.boolean().map(progress) },
  { weight: 2, arbitrary: fc.constantFrom(...byHand) },
);

/** A child that can't be written in a sync, for example since an admission webhook rejects it. */
const fails = fc.oneof(
  { weight: 8, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom('configMap' as const, 'statefulSet' as const) },
);

/** What happens before a sync, and which write of it fails. No two faults make both copies of the annotations be missing. */
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ events: fc.array(event, { minLength: 1, maxLength: 3 }), fails }) },
  { weight: 1, arbitrary: fc.constantFrom(...forgetful).map((fault) => ({ events: [fault], fails: undefined })) },
);

it('no sequence of edits, deletions and followed advice drops a stream', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 3),
      fc.array(step, { maxLength: 20, size: 'max' }),
      fc.constantFrom(...STRATEGIES),
      async (size, steps, strategy) => {
        const parent = brokerParent({ size, jetstream: { fileStore: { size: '1Gi' } } });
        const servers = new Servers(clusterWith(parent));
        service.clock.time = START;
        const done: string[] = [];
        const replaced = { events: [progress(true)], fails: undefined };
        for (const { events, fails } of [replaced, ...steps, replaced, replaced, replaced]) {
          for (const { run } of events) await run(servers);
          done.push([...events.map(({ text }) => text), ...(fails ? [`the ${fails} fails`] : [])].join(', '));
          const old = fails && servers[fails];
          const { status } = await sync(servers.cluster, parent, hook, strategy);
          if (old) servers.cluster.restore(old);
          const { reason } = condition(status, 'SpecApplied') ?? {};
          if (reason && reason !== 'Applied') done.push(`(${reason})`);
          servers.accept();
          expect(servers.restart(), done.join('\n')).toEqual([]);
        }
      },
    ),
    { numRuns: RUNS },
  );
}, 120_000);
