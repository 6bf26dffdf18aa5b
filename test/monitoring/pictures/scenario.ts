import { broker, isReady, meshSync, namespace } from '../../cluster/expectations.ts';
import type { Kubernetes, KubernetesObject } from '../../cluster/kubernetes.ts';
import { type Installation, TOKEN } from './installation.ts';

/** The length of a recording, in minutes. */
export const MINUTES = 18;

/** An older release of NATS than the default one. */
const OLDER = '2.12.8-alpine';

/** Limits that so few resources reach: one request at a time, and bodies that are not much larger than usual. */
const LIMITS = { MAX_REQUESTS: '1', BODY_LIMIT: `${128 * 1024}` };

/** An annotation that does not fit into them. */
const LARGE = 'example.com/history';

const first = ['meshery', 'payments', 'search', 'staging', 'edge'];
const later = ['team-a', 'team-b', 'team-c', 'team-d', 'team-e', 'team-f'];

const brokerOf = (of: string, spec: object = {}) => broker(of, 'meshery-broker', spec);
const meshSyncOf = (of: string) => meshSync(of, 'meshery-meshsync');

/** Creates what exists before a recording begins. */
export async function prepare({ kubernetes, rollOut }: Installation): Promise<void> {
  await rollOut(LIMITS);
  for (const of of first) {
    await pair(kubernetes, of, { version: OLDER, ...(of === 'search' && { size: 3 }) });
  }
  for (const of of first) await isReady(kubernetes, meshSyncOf(of));
}

async function pair(kubernetes: Kubernetes, of: string, spec: object): Promise<void> {
  if (of !== 'meshery') await namespace(kubernetes, of);
  await kubernetes.apply(brokerOf(of, spec));
  await kubernetes.apply(meshSyncOf(of));
}

/** What happens in a recording, and in which minute it begins. */
const story: [minute: number, what: string, carryOut: (installation: Installation) => Promise<void>][] = [
  [
    1.5,
    'more teams get a Broker and a MeshSync',
    ({ kubernetes }) => oneByOne(later, 6, (of) => pair(kubernetes, of, { version: OLDER })),
  ],
  [
    3.5,
    'the Brokers are upgraded',
    ({ kubernetes }) =>
      oneByOne([...first, ...later], 10, (of) => kubernetes.patch(brokerOf(of, { version: null }) as KubernetesObject)),
  ],
  [6, 'the nodes take no more pods, and some pods are evicted', ({ kubernetes }) => evict(kubernetes, 'search')],
  [7.5, 'the nodes take pods again', ({ kubernetes }) => cordon(kubernetes, false)],
  [
    8.5,
    'a Broker that is larger than the operator accepts',
    ({ kubernetes }) => annotate(kubernetes, 'x'.repeat(200_000)),
  ],
  [10.5, 'it is not any more', ({ kubernetes }) => annotate(kubernetes, null)],
  [11.5, 'a rollout of the operator', ({ rollOut }) => rollOut(LIMITS)],
  [
    12.5,
    'resources that wait for something',
    async ({ kubernetes }) => {
      await kubernetes.apply(meshSync('edge', 'second', 'not-created-yet'));
      await kubernetes.patch(annotated(brokerOf('payments'), { 'meshery.io/pause-reconciliation': 'true' }));
      await kubernetes.patch(annotated(meshSyncOf('staging'), { 'meshery.io/hibernation': 'on' }));
      const nodeSelector = { disk: 'nvme' };
      await kubernetes.apply(broker('staging', 'streams', { podTemplate: { spec: { nodeSelector } } }));
    },
  ],
  [14, 'a caller without a token', ({ url }) => callWithoutToken(url, 60)],
  [16.5, 'the operator gets another token than Metacontroller', ({ requireToken }) => requireToken(`${TOKEN}Next`)],
  [
    17,
    'specs that are not observed',
    async ({ kubernetes }) => {
      for (const of of ['search', 'team-b']) await kubernetes.patch(brokerOf(of, { size: 5 }) as KubernetesObject);
    },
  ],
];

/** Lets everything happen, in `MINUTES` minutes. */
export async function play(installation: Installation, log: (line: string) => void): Promise<void> {
  const start = Date.now();
  const minute = (minutes: number) => sleep(Math.max(0, start + minutes * 60_000 - Date.now()) / 1_000);
  const deploying = deploy(installation.kubernetes, () => Date.now() < start + MINUTES * 60_000);
  for (const [minutes, what, carryOut] of story) {
    await minute(minutes);
    log(what);
    await carryOut(installation);
  }
  await minute(MINUTES);
  await deploying;
}

/** A pipeline that labels the resources, one after the other, as long as a condition is met: each is a sync. */
async function deploy(kubernetes: Kubernetes, goesOn: () => boolean): Promise<void> {
  for (let build = 1; goesOn(); build++) {
    for (const of of first) {
      for (const { apiVersion, kind, metadata } of [brokerOf(of), meshSyncOf(of)]) {
        await kubernetes.patch({ apiVersion, kind, metadata: { ...metadata, labels: { build: `${build}` } } });
        await sleep(2);
      }
    }
  }
}

async function oneByOne(all: string[], seconds: number, carryOut: (each: string) => Promise<unknown>): Promise<void> {
  for (const each of all) {
    await carryOut(each);
    await sleep(seconds);
  }
}

async function evict(kubernetes: Kubernetes, of: string): Promise<void> {
  await cordon(kubernetes, true);
  for (const { metadata } of await kubernetes.list('v1', 'Pod', of)) {
    await kubernetes.delete('v1', 'Pod', metadata.name, of);
    await sleep(12);
  }
}

async function annotate(kubernetes: Kubernetes, text: string | null): Promise<void> {
  await kubernetes.patch(annotated(brokerOf('staging'), { [LARGE]: text }));
}

async function cordon(kubernetes: Kubernetes, unschedulable: boolean): Promise<void> {
  for (const { metadata } of await kubernetes.list('v1', 'Node')) {
    const { name } = metadata;
    await kubernetes.patch({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { unschedulable } });
  }
}

async function callWithoutToken(url: string, seconds: number): Promise<void> {
  for (const end = Date.now() + seconds * 1_000; Date.now() < end; ) {
    const response = await fetch(`${url}/broker/sync`, { method: 'POST', body: '{}' });
    if (response.status !== 401) throw new Error(`a caller without a token got ${response.status}`);
    await sleep(0.5);
  }
}

function annotated({ apiVersion, kind, metadata }: KubernetesObject, annotations: Record<string, string | null>) {
  return { apiVersion, kind, metadata: { ...metadata, annotations } };
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}
