import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { parse } from 'yaml';
import { decode } from '../../src/kubernetes/secrets.ts';
import { documentedCommands, yamlBlocks } from '../support/pages.ts';
import { type Shell, shell } from '../support/shell.ts';
import { metacontroller } from './cli/installation.ts';
import { broker, childrenOf, conditionOf, eventually, isReady, meshSync, namespace } from './expectations.ts';
import type { Kubernetes, KubernetesObject } from './kubernetes.ts';
import { startOperator } from './operator.ts';
import { startWorld, type World } from './world.ts';

const OF = 'meshery';
const MESHERY = 'meshery.io/v1alpha2';
const MIRROR = 'registry.example.com/mirror';

let world: World;
let kubernetes: Kubernetes;
let failed = false;

beforeAll(async () => {
  world = await startWorld('server-side-apply', () => {});
  kubernetes = world.kubernetes;
  await kubernetes.apply(metacontroller('StatefulSet', 'metacontroller'));
});
afterAll(() => world?.stop(failed));
beforeEach(() => {
  onTestFailed(() => {
    failed = true;
  });
});

interface Commands extends Shell {
  /** A namespace instead of `meshery`. */
  of?: string;
}

/** Runs the commands of a page that begin with a text, and gives what they print. */
const run = (page: string, start: string, { of = OF, ...options }: Commands = {}) =>
  shell(
    world.controlPlane.kubeconfig,
    documentedCommands(page, start).replaceAll(/ -n meshery\b/g, ` -n ${of}`),
    options,
  );

/** A folder in which commands may leave files. */
const folder = () => mkdtemp(join(world.controlPlane.directory, 'commands-'));

async function get(apiVersion: string, kind: string, name: string, of = OF): Promise<KubernetesObject> {
  const object = await kubernetes.get(apiVersion, kind, name, of);
  if (!object) throw new Error(`there is no ${kind} ${of}/${name}`);
  return object;
}

const BROKER = broker(OF, 'meshery-broker');
const MESHSYNC = meshSync(OF, 'meshery-meshsync');
const theBroker = () => get(MESHERY, 'Broker', 'meshery-broker');
const servers = (of = OF) => get('apps/v1', 'StatefulSet', 'meshery-nats', of);

/** Applies a Broker and a MeshSync, and waits until both are Ready. */
async function pair(): Promise<void> {
  for (const object of [BROKER, MESHSYNC]) await kubernetes.apply(object);
  for (const object of [BROKER, MESHSYNC]) await isReady(kubernetes, object);
}

/** The uids of the pods of a component in its namespace. */
async function pods(name: string, of = OF): Promise<(string | undefined)[]> {
  const all = await kubernetes.list('v1', 'Pod', of);
  return all
    .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] === name)
    .map(({ metadata }) => metadata.uid);
}

/** The values of a Secret. */
async function values(name: string): Promise<Record<string, string | undefined>> {
  const { data = {} } = await get('v1', 'Secret', name);
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, decode(value)]));
}

/** Waits until no pod is left of some. */
const replaced = (name: string, before: unknown[]) =>
  eventually(async () => {
    const after = await pods(name);
    expect(after).toHaveLength(before.length);
    expect(after.filter((uid) => before.includes(uid))).toEqual([]);
  });

describe('the page on Brokers', () => {
  it('creates one', async () => {
    const printed = await run('docs/broker.md', 'kubectl apply -f manifests/samples/broker.yaml');
    expect(printed).toMatch(/\nmeshery-broker +True +1 .* Ready /);
  });

  it('prints its token', async () => {
    const { token } = await values('meshery-nats-auth');
    expect(token?.length).toBeGreaterThan(20);
    expect(await run('docs/broker.md', 'kubectl get secret meshery-nats-auth')).toBe(token);
  });

  it('scales it', async () => {
    await run('docs/broker.md', 'kubectl scale broker meshery-broker');
    await isReady(kubernetes, BROKER);
    expect((await servers()).status?.readyReplicas).toBe(3);
    expect(await pods('nats')).toHaveLength(3);
  });

  it('lets it hibernate, and wakes it with its token', async () => {
    const [before, token] = [await pods('nats'), await values('meshery-nats-auth')];
    const sizes: number[] = [];
    const stop = await kubernetes.watch('apps/v1', 'StatefulSet', OF, (_, { status }) => sizes.push(status?.replicas));
    await run('docs/broker.md', 'kubectl annotate broker meshery-broker -n meshery meshery.io/hibernation=on');
    await replaced('nats', before);
    await isReady(kubernetes, BROKER);
    stop();
    expect(sizes).toContain(0);
    expect(await values('meshery-nats-auth')).toEqual(token);
  });

  it('leaves it alone while it is paused', async () => {
    const commands = documentedCommands(
      'docs/broker.md',
      'kubectl annotate broker meshery-broker -n meshery meshery.io/p',
    );
    const [pause, wait, end] = commands.trim().split('\n');
    await shell(world.controlPlane.kubeconfig, `${pause}\n${wait}`);
    await kubernetes.patch({ ...BROKER, spec: { size: 1 } });
    await eventually(async () => expect(conditionOf(await theBroker(), 'Reconciling')?.status).toBe('True'));
    expect((await servers()).spec.replicas).toBe(3);
    await shell(world.controlPlane.kubeconfig, end ?? '');
    await eventually(async () => expect((await servers()).spec.replicas).toBe(1));
    await isReady(kubernetes, BROKER);
    expect(conditionOf(await theBroker(), 'ReconciliationPaused')).toBeUndefined();
  });

  it('deletes it with its children, and not its MeshSync', async () => {
    await pair();
    const before = await theBroker();
    expect((await childrenOf(kubernetes, before)).length).toBeGreaterThan(4);
    await run('docs/broker.md', 'kubectl delete broker meshery-broker');
    expect(await kubernetes.get(MESHERY, 'Broker', 'meshery-broker', OF)).toBeUndefined();
    // The garbage collector looks for new kinds every half minute.
    await eventually(async () => expect(await childrenOf(kubernetes, before)).toEqual([]), 90);
    await isReady(kubernetes, MESHSYNC, 'BrokerNotFound');
    expect(await pods('meshsync')).toHaveLength(1);
  });
});

describe('the page on MeshSync', () => {
  /** Whether a ServiceAccount may list a resource in all namespaces. */
  async function mayList(account: string, resource: string, group = ''): Promise<boolean> {
    const review = {
      user: `system:serviceaccount:${account}`,
      resourceAttributes: { verb: 'list', resource, group },
    };
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const { body } = await kubernetes.request('POST', path, {
      ...{ apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview' },
      spec: review,
    });
    return (body as KubernetesObject).status?.allowed;
  }
  const OWN = `${OF}:meshery-meshsync`;

  it('creates one', async () => {
    await pair();
    const printed = await run('docs/meshsync.md', 'kubectl apply -f manifests/samples/meshsync.yaml');
    expect(printed).toMatch(
      /\nmeshery-meshsync +True +meshery\/meshery-broker +nats:\/\/meshery-nats\.meshery\.svc:4222 /,
    );
  });

  it('lets one with a whitelist read that only', async () => {
    const cwd = await folder();
    const listed = yamlBlocks.find(({ page, text }) => page === 'docs/meshsync.md' && text.includes('whitelist'));
    await writeFile(join(cwd, 'meshsync.yaml'), listed?.text ?? '');
    const resources = JSON.parse(parse(listed?.text ?? '').spec['watch-list'].data.whitelist) as { Resource: string }[];
    expect(resources.map(({ Resource }) => Resource)).toContain('deployments.v1.apps');
    await eventually(async () => expect(await mayList(OWN, 'secrets')).toBe(true));
    await run('docs/meshsync.md', 'meshery-operator rbac meshsync.yaml | kubectl apply', { cwd });
    await eventually(async () => expect(await mayList(OWN, 'secrets')).toBe(false));
    expect(await mayList(OWN, 'pods')).toBe(true);
    expect(await mayList(OWN, 'deployments', 'apps')).toBe(true);
    await shell(world.controlPlane.kubeconfig, 'kubectl apply -k manifests/meshsync');
    await eventually(async () => expect(await mayList(OWN, 'secrets')).toBe(true));
  });

  it('lets one of another name read what is in the cluster', async () => {
    const edge = { ...meshSync(await namespace(kubernetes, 'shop'), 'edge', 'meshery-broker', OF) };
    await isReady(kubernetes, await kubernetes.apply(edge));
    const { message } = conditionOf(await get(MESHERY, 'MeshSync', 'edge', 'shop'), 'RoleBound') ?? {};
    const command = documentedCommands('docs/meshsync.md', 'kubectl create clusterrolebinding').replace(/\\\n\s*/, '');
    expect(message).toContain(command.trim());
    expect(await mayList('shop:edge', 'pods')).toBe(false);
    await run('docs/meshsync.md', 'kubectl create clusterrolebinding meshery-meshsync-shop-edge');
    await eventually(async () => expect(await mayList('shop:edge', 'pods')).toBe(true));
    await kubernetes.delete('v1', 'Namespace', 'shop');
  });
});

describe('the pages on security and on Metacontroller', () => {
  const rotated = async (rotate: () => Promise<unknown>, ...keys: [secret: string, key: string][]) => {
    const read = async () => {
      const all = { ...(await values('meshery-nats-auth')), ...(await values('meshery-nats-server')) };
      return Object.fromEntries(Object.entries(all).filter(([key]) => ['token', 'route-password'].includes(key)));
    };
    const [before, old] = [await pods('nats'), await read()];
    expect(Object.keys(old).sort()).toEqual(['route-password', 'token']);
    await rotate();
    await replaced('nats', before);
    for (const object of [BROKER, MESHSYNC]) await isReady(kubernetes, object);
    const now = await read();
    const changed = Object.keys(old).filter((key) => old[key] !== now[key]);
    expect(changed.sort()).toEqual(keys.map(([, key]) => key).sort());
  };
  const TOKEN: [string, string] = ['meshery-nats-auth', 'token'];
  const ROUTES: [string, string] = ['meshery-nats-server', 'route-password'];

  it('replace the token, and the pods that use it', async () => {
    await pair();
    const before = await pods('meshsync');
    await rotated(() => run('docs/security.md', 'kubectl delete secret meshery-nats-auth -n meshery'), TOKEN);
    await replaced('meshsync', before);
  });

  it('replace the password of the routes, and not the token', async () => {
    const before = await pods('meshsync');
    await rotated(() => run('docs/security.md', 'kubectl delete secret meshery-nats-server -n meshery'), ROUTES);
    expect(await pods('meshsync')).toEqual(before);
  });

  it('replace both after a switch from dynamic-apply', async () => {
    const page = 'metacontroller/install/README.md';
    expect(documentedCommands(page, 'kubectl delete secret').trim().split('\n')).toHaveLength(1);
    await rotated(() => run('metacontroller/install/README.md', 'kubectl delete secret'), TOKEN, ROUTES);
  });
});

/** Restarts the service with the variables of its Deployment, as Kubernetes does with its pods. */
async function follow(): Promise<Record<string, string>> {
  const { spec } = await get('apps/v1', 'Deployment', 'meshery-operator');
  const all = spec.template.spec.containers[0].env as { name: string; value?: string }[];
  const variables = Object.fromEntries(all.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
  await world.operator.process.stop();
  const { port } = new URL(world.operator.url);
  world.operator = await startOperator(world.controlPlane.directory, Number(port), variables);
  return variables;
}

/** Removes variables of the operator. */
async function unset(...names: string[]): Promise<void> {
  const removed = names.map((name) => `${name}-`).join(' ');
  await shell(world.controlPlane.kubeconfig, `kubectl set env deployment/meshery-operator -n meshery ${removed}`);
  await follow();
}

/** The images of the containers of a Broker and a MeshSync. */
async function images(): Promise<string[]> {
  const workloads = [await servers(), await get('apps/v1', 'Deployment', 'meshery-meshsync')];
  return workloads.flatMap(({ spec }) => spec.template.spec.containers.map(({ image }: { image: string }) => image));
}

describe('the page on clusters without internet', () => {
  it('switches a running installation to the mirror, and checks it', async () => {
    await pair();
    const before = await pods('nats');
    await run('docs/air-gapped.md', 'kubectl set env deployment/meshery-operator -n meshery IMAGE_REGISTRY');
    expect(await follow()).toMatchObject({ IMAGE_REGISTRY: MIRROR });
    const isMirrored = (image: string) => image.startsWith(`${MIRROR}/`);
    await eventually(async () => expect((await images()).every(isMirrored)).toBe(true), 90);
    await replaced('nats', before);
    for (const object of [BROKER, MESHSYNC]) await isReady(kubernetes, object);
    const printed = await run('docs/air-gapped.md', 'kubectl get pods -n meshery -o jsonpath');
    const [list = ''] = printed.split('\nok ');
    // The pods of the operator come with its manifests, which the overlay of the page changes.
    const others = list.split('\n').filter((line) => !line.includes('meshery-operator-metacontroller'));
    expect(others.length).toBeGreaterThan(2);
    expect(others.filter((image) => !isMirrored(image))).toEqual([]);
    expect(printed).toContain('\n0 errors, 0 warnings\n');
  });

  it('knows a proxy of Docker Hub', async () => {
    await run('docs/air-gapped.md', 'kubectl set env deployment/meshery-operator -n meshery \\\n');
    expect(await follow()).toMatchObject({ IMAGE_REGISTRY: MIRROR, IMAGE_REGISTRY_LIBRARY: 'true' });
    await eventually(async () => {
      expect((await images()).filter((image) => image.startsWith(`${MIRROR}/library/nats:`))).toHaveLength(1);
    }, 90);
    await unset('IMAGE_REGISTRY', 'IMAGE_REGISTRY_LIBRARY');
    await eventually(async () => expect((await images()).join()).not.toContain(MIRROR), 90);
    for (const object of [BROKER, MESHSYNC]) await isReady(kubernetes, object);
  });
});

describe('the page on upgrades', () => {
  it('looks before, and keeps a copy', async () => {
    const cwd = await folder();
    const printed = await run('docs/upgrade.md', 'meshery-operator status -A --wait --timeout 1m', { cwd });
    expect(printed).toContain('\n0 errors, 0 warnings\n');
    const { items } = parse(await readFile(join(cwd, 'resources-before.yaml'), 'utf8')) as {
      items: KubernetesObject[];
    };
    expect(items.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()).toEqual([
      'Broker meshery-broker',
      'MeshSync meshery-meshsync',
    ]);
  });

  it('looks after', async () => {
    const printed = await run('docs/upgrade.md', 'kubectl rollout status deployment/meshery-operator');
    expect(printed).toMatch(
      /successfully rolled out\n[\s\S]*\n0 errors, 0 warnings\n[\s\S]*\nBroker meshery\/meshery-broker {3}Ready\n/,
    );
  });

  it('restarts Metacontroller', async () => {
    const uid = async () => (await get('v1', 'Pod', 'metacontroller-0', 'metacontroller')).metadata.uid;
    const before = await uid();
    await run('docs/upgrade.md', 'kubectl rollout restart statefulset -n metacontroller');
    await eventually(async () => expect(await uid()).not.toBe(before));
  });

  it('sets a variable of the operator', async () => {
    await run('docs/upgrade.md', 'kubectl set env deployment/meshery-operator');
    expect(await follow()).toMatchObject({ IMAGE_REGISTRY: MIRROR });
    await unset('IMAGE_REGISTRY');
  });

  it('sets the version of NATS', async () => {
    await kubernetes.patch({ ...BROKER, spec: { version: '2.12.0-alpine' } });
    await eventually(async () => expect(await images()).toContain('nats:2.12.0-alpine'));
    await run('docs/upgrade.md', 'kubectl patch broker meshery-broker');
    await isReady(kubernetes, BROKER);
    const { version } = (await theBroker()).spec;
    expect(await images()).toContain(`nats:${version}`);
    expect(documentedCommands('docs/upgrade.md', 'kubectl patch broker')).toContain(`"version":"${version}"`);
  });
});

describe('the page on production', () => {
  it('puts a label on what is created', async () => {
    await run('docs/production.md', 'kubectl set env deployment/meshery-operator -n meshery COMMON_LABELS');
    expect(await follow()).toMatchObject({ COMMON_LABELS: '{"team":"payments"}' });
    const labels = async () => {
      const { metadata, spec } = await servers();
      return [metadata.labels, spec.template.metadata.labels];
    };
    const labelled = expect.objectContaining({ team: 'payments' });
    await eventually(async () => expect(await labels()).toEqual([labelled, labelled]), 90);
    await unset('COMMON_LABELS');
    await eventually(async () => expect(await labels()).not.toContainEqual(labelled), 90);
  });

  it('accepts the loss of streams, and removes the claims of servers that are gone', async () => {
    const of = await namespace(kubernetes, 'streams');
    const applied = broker(of, 'meshery-broker', { jetstream: { fileStore: { size: '1Gi' } } });
    await kubernetes.apply(applied);
    const size = async () => (await servers(of)).spec.replicas;
    await eventually(async () => expect(await size()).toBe(1));
    await kubernetes.patch({ ...applied, spec: { size: 3 } });
    const isApplied = async () =>
      conditionOf(await get(MESHERY, 'Broker', 'meshery-broker', of), 'SpecApplied')?.reason;
    await eventually(async () => expect(await isApplied()).toBe('StreamsWouldBeLost'));
    await run('docs/production.md', 'kubectl annotate broker meshery-broker', { of });
    await eventually(async () => expect([await size(), await isApplied()]).toEqual([3, 'Applied']));

    const claims = async () =>
      (await kubernetes.list('v1', 'PersistentVolumeClaim', of)).map(({ metadata }) => metadata.name).sort();
    const all = [0, 1, 2, 3, 4].map((index) => `data-meshery-nats-${index}`);
    await kubernetes.patch({ ...applied, spec: { size: 5 } });
    await eventually(async () => expect(await claims()).toEqual(all));
    await kubernetes.patch({ ...applied, spec: { size: 3 } });
    await eventually(async () => expect(await pods('nats', of)).toHaveLength(3));
    await run('docs/production.md', 'kubectl delete pvc data-meshery-nats-3', { of });
    await eventually(async () => expect(await claims()).toEqual(all.slice(0, 3)));
  });
});
