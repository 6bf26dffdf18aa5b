import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Container, V1PodSpec } from '@kubernetes/client-node';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { rbac } from '../../src/cli/rbac.ts';
import { decode } from '../../src/kubernetes/secrets.ts';
import { authority, issue, type KeyPair, tlsData } from '../support/certificates.ts';
import { kubeconfigOf } from './accounts.ts';
import { broker, isReady, meshSync } from './expectations.ts';
import type { Kubernetes, KubernetesObject } from './kubernetes.ts';
import { type NatsServer, type Ports, startBroker, usualPorts } from './nats-servers.ts';
import { meshSyncBinary, type RunningProcess, startProcess, until } from './processes.ts';
import { startWorld, type World } from './world.ts';

const binary = meshSyncBinary();
const NAME = 'meshery-meshsync';
const BROKER = 'meshery-broker';
const OF = 'meshery';
/** MeshSync listens on this port, which is compiled in. */
const READY = 'http://127.0.0.1:11000/readyz';

/** The fields of a published object that the tests read. */
interface Message {
  EventType: string;
  Object: { kind: string; metadata: { name: string }; data?: string };
}

/** A whitelist of MeshSync: each of these resources with all its events. */
const whitelist = (...resources: string[]) =>
  JSON.stringify(resources.map((Resource) => ({ Resource, Events: ['ADDED', 'MODIFIED', 'DELETED'] })));

describe.skipIf(!binary)('a real MeshSync with the configuration of its Deployment', () => {
  let world: World;
  let kubernetes: Kubernetes;
  let ca: KeyPair;
  let failed = false;
  let servers: NatsServer[] = [];
  let connections: NatsConnection[] = [];
  let running: RunningProcess | undefined;
  /** The received objects, by event, kind and name. */
  let messages = new Map<string, Message['Object']>();
  const at: Ports[] = [0, 1, 2].map(usualPorts);

  beforeAll(async () => {
    world = await startWorld('test-double', () => {});
    kubernetes = world.kubernetes;
    ca = await authority();
    const data = tlsData(await issue(ca, 'localhost', ...at.map(({ address }) => address)), ca);
    const metadata = { name: 'certificates', namespace: OF };
    await kubernetes.apply({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', data });
  });
  afterAll(() => world?.stop(failed));

  beforeEach(() => {
    onTestFailed(() => {
      failed = true;
    });
  });
  afterEach(async () => {
    await running?.stop();
    await Promise.all(connections.map((connection) => connection.close()));
    await Promise.all(servers.map((server) => server.stop('SIGKILL')));
    running = undefined;
    connections = [];
    servers = [];
    messages = new Map();
  });

  const get = async (apiVersion: string, kind: string, name: string): Promise<KubernetesObject> => {
    const object = await kubernetes.get(apiVersion, kind, name, OF);
    if (!object) throw new Error(`there is no ${kind} ${name}`);
    return object;
  };
  const secret = async (name: string) => (await get('v1', 'Secret', name)).data ?? {};

  /** Applies a Broker and a MeshSync, with the role that the command prints for it, and waits until both are ready. */
  async function install(brokerSpec: object, meshSyncSpec: object): Promise<void> {
    const desired = meshSync(OF, NAME, BROKER);
    desired.spec = { ...desired.spec, ...meshSyncSpec };
    const { yaml } = rbac([{ ...desired, kind: 'MeshSync', place: { file: '', document: 1 }, source: '' }], OF);
    for (const document of parseAllDocuments(yaml)) await kubernetes.apply(document.toJS());
    for (const object of [broker(OF, BROKER, brokerSpec), desired]) {
      await isReady(kubernetes, await kubernetes.apply(object));
    }
  }

  /** Starts the servers of the Broker with the data of its ConfigMap and its Secret. */
  async function startServers(size: number): Promise<void> {
    const { data: { 'nats.conf': natsConf = '' } = {} } = await get('v1', 'ConfigMap', 'meshery-nats-config');
    const own = await secret('meshery-nats-server');
    const certificates = await secret('certificates');
    const files = Object.fromEntries(Object.entries(certificates).map(([key, value]) => [key, decode(value)]));
    servers = await startBroker({ natsConf, credentialsConf: decode(own['credentials.conf']) }, size, files, at);
  }

  async function subscribe(server: NatsServer | undefined): Promise<void> {
    const auth = await secret('meshery-nats-auth');
    const tls = auth['ca.crt'] && { ca: decode(auth['ca.crt']) };
    const subscriber = await connect({ servers: server?.url ?? '', token: decode(auth.token), ...(tls && { tls }) });
    connections.push(subscriber);
    subscriber.subscribe('meshery.meshsync.core', {
      callback: (_, received) => {
        const { EventType, Object: object } = received.json<Message>();
        messages.set(`${EventType} ${object.kind} ${object.metadata.name}`, object);
      },
    });
    await subscriber.flush();
  }

  /**
   * Starts MeshSync with the arguments and the environment of its Deployment, as its ServiceAccount. DNS and volumes of a
   * cluster are replaced: the name of the Service by the address of the first server, and a mounted Secret by a directory.
   */
  async function startMeshSync(): Promise<void> {
    await expect(fetch(READY), 'port 11000 has to be free').rejects.toThrow();
    const { spec } = await get('apps/v1', 'Deployment', NAME);
    const pod = spec.template.spec as V1PodSpec;
    const [container] = pod.containers as [V1Container];
    const home = await mkdtemp(join(world.controlPlane.directory, 'meshsync-'));
    const environment: Record<string, string> = {
      HOME: home,
      KUBECONFIG: await kubeconfigOf(world.controlPlane, OF, pod.serviceAccountName ?? ''),
    };
    for (const { name, value = '', valueFrom } of container.env ?? []) {
      const { name: from = '', key = '' } = valueFrom?.secretKeyRef ?? {};
      environment[name] = valueFrom
        ? decode((await secret(from))[key])
        : value.replaceAll(/\$\((\w+)\)/g, (_, variable) => environment[variable] ?? '');
    }
    environment.BROKER_URL = environment.BROKER_URL?.replace('meshery-nats.meshery.svc', at[0]?.address ?? '') ?? '';
    for (const { name, mountPath } of container.volumeMounts ?? []) {
      const mounted = pod.volumes?.find((volume) => volume.name === name)?.secret;
      if (!mounted) continue;
      const directory = join(home, name);
      await mkdir(directory);
      const data = await secret(mounted.secretName ?? '');
      for (const { key, path } of mounted.items ?? []) await writeFile(join(directory, path), decode(data[key]));
      for (const [variable, value] of Object.entries(environment)) {
        if (value === mountPath) environment[variable] = directory;
      }
    }
    running = startProcess('meshsync', binary ?? '', container.args ?? [], home, environment);
  }

  const isConnected = () => until('MeshSync to connect', async () => (await fetch(READY)).ok, 30, running);

  /** Waits for a message, by event, kind and name. */
  const message = (what: string) => until(what, async () => messages.get(what), 30, running);

  const create = (kind: string, name: string, namespace: string | undefined = OF, fields: object = {}) =>
    kubernetes.apply({
      apiVersion: 'v1',
      kind,
      metadata: { name, ...(kind !== 'Namespace' && { namespace }) },
      ...fields,
    });

  const tls = { tls: { secretName: 'certificates' } };
  it.each([
    ['1 server, with a token', 1, {}],
    ['3 servers, with a token', 3, {}],
    ['3 servers, with a token and TLS', 3, tls],
    ['1 server, with a token and TLS', 1, tls],
  ])('publishes the resources in its whitelist to %s', async (_, size, spec) => {
    await install({ size, ...spec }, { 'watch-list': { data: { whitelist: whitelist('configmaps.v1.') } } });
    await startMeshSync();
    // It waits for a broker that does not exist yet, and its pod is not ready meanwhile.
    await until('MeshSync to listen', async () => (await fetch(READY)).status === 503, 20, running);
    await startServers(size);
    await subscribe(servers.at(-1));
    await isConnected();
    for (const kind of ['Secret', 'ConfigMap']) await create(kind, `late-${size}`);
    await message(`ADDED ConfigMap late-${size}`);
    for (const kind of ['Secret', 'ConfigMap']) await kubernetes.delete('v1', kind, `late-${size}`, OF);
    await message(`DELETED ConfigMap late-${size}`);
    expect([...messages.keys()].filter((what) => !what.includes(' ConfigMap '))).toEqual([]);
  });

  it('publishes according to its switches and its output', async () => {
    await install(
      { size: 1 },
      {
        'watch-list': { data: { whitelist: whitelist('secrets.v1.', 'configmaps.v1.', 'serviceaccounts.v1.') } },
        output: { namespaces: ['shown', 'default'], resources: ['secrets', 'configmaps'] },
        ...{ redactSecrets: true, contentDeduplication: true, debug: true },
      },
    );
    for (const of of ['shown', 'hidden']) await create('Namespace', of, undefined);
    await startServers(1);
    await subscribe(servers[0]);
    await startMeshSync();
    await isConnected();
    for (const of of ['hidden', 'shown']) {
      await create('ServiceAccount', `account-${of}`, of);
      await create('ConfigMap', `map-${of}`, of);
      await create('Secret', `secret-${of}`, of, { stringData: { key: 'a value' } });
    }
    expect((await message('ADDED Secret secret-shown')).data).toBe('{"key":"[REDACTED]"}');
    await message('ADDED ConfigMap map-shown');
    const others = [...messages.keys()].filter((what) => /hidden|ServiceAccount/.test(what));
    expect(others).toEqual([]);
    const log = await readFile(running?.log ?? '', 'utf8');
    expect(log).toContain('level=debug');
    expect(log).toContain('broker content deduplication enabled');
  });

  it.each([
    [
      'a Secret',
      (token: string) => ({
        create: { credentials: token },
        user: '',
        fields: { credentialsSecretRef: { name: 'elsewhere' } },
      }),
    ],
    ['the URL', (token: string) => ({ create: {}, user: `${token}@`, fields: {} })],
  ])('reconnects to another one of several custom servers, with credentials from %s', async (_, given) => {
    await install({ size: 3, ...tls }, {});
    const { create: stringData, user, fields } = given(decode((await secret('meshery-nats-auth')).token));
    await create('Secret', 'elsewhere', OF, { stringData });
    await create('Secret', 'authority', OF, { stringData: { 'ca.crt': ca.certificate } });
    const url = at.map(({ address }) => `tls://${user}${address}:4222`).join(',');
    const spec = { broker: { custom: { url, caSecretRef: { name: 'authority' }, ...fields } } };
    await install({ size: 3, ...tls }, { ...spec, 'watch-list': { data: { whitelist: whitelist('configmaps.v1.') } } });
    await startServers(3);
    await startMeshSync();
    await isConnected();

    const clients = await Promise.all(servers.map((server) => server.monitor('/connz')));
    const names = clients.map(({ connections }) => (connections as { name?: string }[]).map(({ name }) => name));
    const first = names.findIndex((each) => each.includes('meshsync'));
    await subscribe(servers[(first + 1) % 3]);
    await create('ConfigMap', `before-${first}`);
    await message(`ADDED ConfigMap before-${first}`);
    await servers[first]?.end('SIGKILL');
    await create('ConfigMap', `after-${first}`);
    await message(`ADDED ConfigMap after-${first}`);
    for (const when of ['before', 'after']) await kubernetes.delete('v1', 'ConfigMap', `${when}-${first}`, OF);
  });
});
