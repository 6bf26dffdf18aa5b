import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { broker, eventually, isReady, meshSync, namespace } from '../cluster/expectations.ts';
import { type RunningProcess, startProcess, until } from '../cluster/processes.ts';
import { authority, issue, type KeyPair, tlsSecret } from '../support/certificates.ts';
import { TENACIOUS } from '../support/gap.ts';
import { imageNode } from '../support/node.ts';
import { NATS_BOX } from './images.ts';
import { processes } from './processes.ts';
import { sandbox } from './sandbox.ts';
import { client, patchBroker, type Scene } from './scene.ts';

const BROKER = 'meshery-broker';
const SUBJECT = 'meshery.meshsync.core';
const RESOURCES = { requests: { cpu: '20m', memory: '32Mi' }, limits: { memory: '128Mi' } };
/** Four fifths of that limit. */
const GOMEMLIMIT = `${Math.floor((128 * 2 ** 20 * 4) / 5)}B`;

/** What NATS and pods can do besides the defaults: docs/broker.md, docs/nats.md and docs/production.md. */
export function features(scene: Scene): void {
  describe('leaf nodes', () => leafNodes(scene));
  describe('pods', () => pods(scene));
  describe('encrypted streams', () => encryption(scene));
  describe('streams in memory', () => memory(scene));
  describe('routes with TLS', () => routes(scene));
  describe('removed servers', () => peers(scene));
}

/** Shared by the scenarios: objects of a namespace that belong to a Broker. */
function tools({ world }: Scene, of: string) {
  const secret = (name: string, stringData: Record<string, string>) =>
    world().kubernetes.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: of }, stringData });
  const start = async (spec: object) => {
    const applied = await world().kubernetes.apply(broker(of, BROKER, { resources: RESOURCES, ...spec }));
    return isReady(world().kubernetes, applied, 'Ready', 90);
  };
  const pod = async (name: string) => {
    const found = await world().kubernetes.get('v1', 'Pod', name, of);
    if (!found) throw new Error(`there is no pod ${name} in ${of}`);
    return found;
  };
  /** Deletes the pod of a server, and waits until its successor is ready. */
  const replace = async (name: string) => {
    const { metadata } = await pod(name);
    await world().kubernetes.delete('v1', 'Pod', name, of);
    await eventually(async () => expect(await readyUid(name)).not.toBe(metadata.uid), 60);
  };
  const readyUid = async (name: string) => {
    const { metadata, status } = await pod(name);
    expect(status?.containerStatuses?.map(({ ready }: { ready: boolean }) => ready)).not.toContain(false);
    return metadata.uid;
  };
  /** Of all containers in the namespace. */
  const restarts = async () => {
    const all = await world().kubernetes.list('v1', 'Pod', of);
    return all.flatMap(({ status }) =>
      [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].map((each) => each.restartCount),
    );
  };
  const exec = (workload: string, container: string, ...command: string[]) =>
    world().kubectl('exec', '-n', of, workload, '-c', container, '--', ...command);
  /** The command line of NATS in the pod for it. A node leads to a Service a moment after the server is ready. */
  const nats = async (...args: string[]): Promise<string> => {
    const run = () => exec('deployment/meshery-nats-box', 'nats-box', 'nats', ...args).catch((error: Error) => error);
    const printed = await until(
      'a server',
      async () => {
        const result = await run();
        return !/no servers available|i\/o timeout/.test(String(result)) && [result];
      },
      20,
    );
    const [result] = printed;
    if (result instanceof Error) throw result;
    return result ?? '';
  };
  const condition = async (type: string) => {
    const { status } = (await world().kubernetes.get('meshery.io/v1alpha2', 'Broker', BROKER, of)) ?? {};
    return status?.conditions?.find((each) => each.type === type);
  };
  const clusterIp = async (service: string): Promise<string> =>
    (await world().kubernetes.get('v1', 'Service', service, of))?.spec.clusterIP;
  /** The process of a pod whose command line matches. */
  const processOf = async (name: string, pattern: RegExp) => {
    const { uid } = (await pod(name)).metadata;
    const [found, ...others] = (await processes()).filter((each) => each.pod === uid && pattern.test(each.command));
    if (!found || others.length > 0) throw new Error(`pod ${name} has not one process ${pattern}`);
    return found;
  };
  const remove = () => world().kubernetes.delete('v1', 'Namespace', of);
  return { secret, start, pod, replace, restarts, exec, nats, condition, clusterIp, processOf, remove };
}

/** A hub and two Brokers that are its leaf nodes, all with users besides the token. */
function leafNodes(scene: Scene): void {
  const { world, measured } = scene;
  const [hub, east, west] = [tools(scene, 'hub'), tools(scene, 'east'), tools(scene, 'west')];
  const clusters = { east, west };
  const PASSWORD = 'any "printable" $ASCII %20 \\';
  const HUB_ADDRESS = '10.96.200.7';
  const users = [{ user: 'reader', passwordSecretRef: { name: 'users' } }];
  let ca: KeyPair;
  const connections: NatsConnection[] = [];
  let page: RunningProcess;

  /** A client of port `users`. */
  const user = async (of: string, address: string, tls?: object) => {
    const servers = `${address}:4224`;
    const options = { ...TENACIOUS, waitOnFirstConnect: true, user: 'reader', pass: PASSWORD, ...(tls && { tls }) };
    return connected(connect({ servers, ...options, name: `reader of ${of}` }));
  };
  const connected = async (connecting: Promise<NatsConnection>) => {
    const connection = await connecting;
    connections.push(connection);
    return connection;
  };
  /** Who publishes, by a name that is part of each message. */
  const publishers: Record<string, NatsConnection> = {};
  /** How often each subscriber has received each message. */
  const received: Record<string, Map<string, number>> = {};
  let sent = 0;

  const publish = async (count: number) => {
    for (let index = 0; index < count; index += 1, sent += 1) {
      for (const [name, connection] of Object.entries(publishers))
        connection.publish(SUBJECT, event(`${name}-${sent}`));
    }
    await Promise.all(Object.values(publishers).map((connection) => connection.flush()));
  };
  const event = (name: string) => JSON.stringify({ EventType: 'ADDED', Object: { metadata: { name } } });
  const count = (name: string, text: string) => {
    const { metadata } = JSON.parse(text).Object;
    received[name]?.set(metadata.name, (received[name]?.get(metadata.name) ?? 0) + 1);
  };
  const subscribe = async (name: string, connection: NatsConnection) => {
    received[name] = new Map();
    connection.subscribe(SUBJECT, { callback: (_error, message) => count(name, message.string()) });
    await connection.flush();
  };
  /** What a page has printed is counted anew each time. */
  const readPage = async () => {
    const counts = new Map<string, number>();
    for (const [, name = ''] of (await readFile(page.log, 'utf8')).matchAll(/^ADDED (\S+)$/gm)) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    received.page = counts;
  };
  /** All subscribers get the messages of all publishers from now on. */
  const arrive = () =>
    eventually(async () => {
      await publish(1);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await got(sent - 1, sent);
    }, 60);
  const got = async (from: number, to: number) => {
    await readPage();
    for (const [name, counts] of Object.entries(received)) {
      const missing = Object.keys(publishers).flatMap((publisher) =>
        Array.from({ length: to - from }, (_, index) => `${publisher}-${from + index}`).filter((id) => !counts.has(id)),
      );
      expect(missing, `what ${name} has not got`).toEqual([]);
    }
  };
  /** So many messages of each publisher reach each subscriber, and none has been there twice. */
  const each = async (messages: number) => {
    await arrive();
    const from = sent;
    await publish(messages);
    await eventually(() => got(from, sent), 20);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await readPage();
    for (const [name, counts] of Object.entries(received)) expect(new Set(counts.values()), name).toEqual(new Set([1]));
  };

  beforeAll(async () => {
    const { kubernetes } = world();
    for (const of of ['hub', 'east', 'west']) await namespace(kubernetes, of);
    ca = await authority();
    const pair = await issue(ca, 'meshery-nats.hub.svc', HUB_ADDRESS);
    await kubernetes.apply(tlsSecret('nats-tls', pair, ca, 'hub'));
    await hub.secret('east', { password: `east ${PASSWORD}` });
    await hub.secret('west', { password: `west ${PASSWORD}` });
    for (const each of [hub, east, west]) await each.secret('users', { password: PASSWORD });
    const tls = { secretName: 'nats-tls' };
    const leafUsers = ['east', 'west'].map((name) => ({ user: name, passwordSecretRef: { name } }));
    const started = [
      hub.start({
        ...{ tls, auth: { users }, service: { clusterIP: HUB_ADDRESS }, natsBox: { enabled: true } },
        leafNodes: { enabled: true, tls, authorization: { users: leafUsers } },
        websocket: { enabled: true, tls },
      }),
    ];
    for (const [name, cluster] of Object.entries(clusters)) {
      await cluster.secret('hub', { password: `${name} ${PASSWORD}`, 'ca.crt': ca.certificate });
      const remote = { url: 'tls://meshery-nats.hub.svc:7422', user: name, passwordSecretRef: { name: 'hub' } };
      const remotes = [{ ...remote, tls: { secretName: 'hub' } }];
      started.push(cluster.start({ auth: { users }, leafNodes: { remotes } }));
    }
    await Promise.all(started);
    for (const [name, { clusterIp }] of Object.entries(clusters)) {
      publishers[`${name}-token`] = await connected(client(world(), name));
      publishers[`${name}-user`] = await user(name, await clusterIp('meshery-nats'));
    }
    await subscribe('token', await connected(client(world(), 'hub')));
    const trusting = { ca: ca.certificate, servername: 'meshery-nats.hub.svc' };
    await subscribe('user', await user('hub', HUB_ADDRESS, trusting));
    const authorities = join(world().directory, 'hub-ca.crt');
    await writeFile(authorities, ca.certificate);
    page = startProcess(
      'page',
      await imageNode(),
      ['--import', 'tsx', 'test/node/subscriber.ts', `wss://${HUB_ADDRESS}:8080`],
      world().directory,
      { ...process.env, NATS_USER: 'reader', NATS_PASSWORD: PASSWORD, NODE_EXTRA_CA_CERTS: authorities },
    );
    await until('the page', async () => (await readFile(page.log, 'utf8')).includes('connected'), 30, page);
  }, 180_000);
  afterAll(async () => {
    await page?.stop();
    await Promise.all(connections.map((connection) => connection.close()));
    for (const { remove } of [hub, east, west]) await remove();
  });

  const noRestarts = async () => {
    for (const { restarts } of [hub, east, west]) expect(new Set(await restarts())).toEqual(new Set([0]));
  };

  it('bring what clients of two Brokers publish to the token, a user and a browser at the hub, once', async () => {
    await each(200);
    await noRestarts();
  });

  it('go on once the pod of the hub has been replaced, and nothing arrives twice', async () => {
    await hub.replace('meshery-nats-0');
    await each(200);
    await noRestarts();
  });

  it('are heard with the command line of NATS in its pod, as the documentation says', async () => {
    const publishing = setInterval(() => publish(1), 100);
    try {
      await world().documented('docs/broker.md', 'kubectl exec -it deployment/meshery-nats-box', (text) =>
        text.replace('-n meshery', '-n hub').replace("nats sub '>'", `nats sub --count=20 '>'`),
      );
      const heard = await hub.nats('sub', '--raw', '--count=20', 'meshery.>');
      for (const name of Object.keys(publishers)) expect(heard).toContain(`"${name}-`);
    } finally {
      clearInterval(publishing);
    }
    await hub.nats('pub', 'meshery.meshsync.core', event('by-hand'));
    await eventually(async () => {
      await readPage();
      for (const [name, counts] of Object.entries(received)) expect(counts.get('by-hand'), name).toBe(1);
    });
    await noRestarts();
  });

  it('leave the server of the users little to do', async () => {
    const rss = async (pattern: RegExp) => {
      const { status } = await west.processOf('meshery-nats-0', pattern);
      return Number.parseInt(status.VmRSS ?? '', 10) / 1024;
    };
    const address = await west.clusterIp('meshery-nats');
    const measure = async (when: string) => {
      measured('memory', `NATS server beside one for users, ${when}`, await rss(NATS));
      measured('memory', `NATS server for users, ${when}`, await rss(USERS));
    };
    await measure('at rest');
    const readers = await Promise.all(Array.from({ length: 20 }, () => user('west', address)));
    let heard = 0;
    for (const reader of readers) {
      reader.subscribe('load', {
        callback: () => {
          heard += 1;
        },
      });
      await reader.flush();
    }
    const payload = new Uint8Array(1_024);
    const loading = setInterval(() => {
      for (let index = 0; index < 25; index += 1) publishers['west-token']?.publish('load', payload);
    }, 50);
    await eventually(async () => expect(heard).toBeGreaterThan(50_000), 60);
    await measure('with 20 users that get 500 kB each a second');
    clearInterval(loading);
  });
}

/** What only a kubelet shows of the fields of pods. */
function pods(scene: Scene): void {
  const { world } = scene;
  const of = 'pod-fields';
  const { secret, start, pod, restarts, exec, clusterIp, condition, processOf, remove } = tools(scene, of);

  beforeAll(async () => {
    await namespace(world().kubernetes, of);
    const more = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'more', namespace: of } };
    await world().kubernetes.apply({
      ...more,
      data: { FROM_CONFIG_MAP: 'yes', POD_NAME: 'a variable of the operator' },
    });
    await secret('more', { FROM_SECRET: 'secret' });
    await start({ ...fields(60), size: 2, service: { perServer: true } });
    const spec = { ...meshSync(of, 'meshery-meshsync').spec, ...fields(10) };
    const applied = await world().kubernetes.apply({ ...meshSync(of, 'meshery-meshsync'), spec });
    await isReady(world().kubernetes, applied, 'Ready', 90);
  }, 180_000);
  afterAll(remove);

  const names = async () => (await world().kubernetes.list('v1', 'Pod', of)).map(({ metadata }) => metadata.name);

  it('have containers, volumes and names of a spec, and environment and probes of their programs', async () => {
    const found = await names();
    expect(found).toHaveLength(3);
    for (const name of found) {
      const isBroker = name.startsWith('meshery-nats');
      const { spec, status } = await pod(name);
      // A container with `restartPolicy: Always` is ready before the others start, and stays.
      expect(status?.initContainerStatuses?.map(({ ready }: { ready: boolean }) => ready)).toEqual([true, true]);
      expect(await exec(name, 'side', 'cat', '/etc/hosts')).toMatch(/^192\.0\.2\.7\s+nats\.corp\.example$/m);
      expect(await exec(name, 'side', 'cat', '/etc/resolv.conf')).toMatch(/^search .*\bcorp\.example$[\s\S]*ndots:1$/m);
      expect(await exec(name, 'side', 'cat', '/scratch/first', '/identity/more')).toBe('first\nyes');
      expect(await exec(name, 'side', 'cat', '/identity/token')).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+$/);
      await expect(exec(name, 'side', 'sh', '-c', 'echo > /identity/token')).rejects.toThrow(/Read-only/);
      const { env, mounts } = await running(name, isBroker ? NATS : /meshery-meshsync/);
      expect(env).toMatchObject({
        OWN: 'own',
        LIMIT: `${128 * 2 ** 20}`,
        FROM_CONFIG_MAP: 'yes',
        S_FROM_SECRET: 'secret',
      });
      expect(env.GOMEMLIMIT).toBe(isBroker ? GOMEMLIMIT : undefined);
      if (isBroker) expect(env.POD_NAME).toBe(name);
      expect(mounts).toEqual(expect.arrayContaining(['/scratch', '/identity']));
      const { livenessProbe, readinessProbe } = spec?.containers[0] ?? {};
      expect([livenessProbe.periodSeconds, readinessProbe.failureThreshold]).toEqual([7, 9]);
      expect(spec?.terminationGracePeriodSeconds).toBe(isBroker ? 60 : 10);
    }
    expect(new Set(await restarts())).toEqual(new Set([0]));
    expect(await condition('PodSecurityRestricted')).toBeUndefined();
  });

  it('have a Service for each server', async () => {
    for (const name of ['meshery-nats-0', 'meshery-nats-1']) {
      const { data } = (await world().kubernetes.get('v1', 'Secret', 'meshery-nats-auth', of)) ?? {};
      const token = Buffer.from(data?.token ?? '', 'base64').toString();
      const connection = await connect({
        ...TENACIOUS,
        servers: await clusterIp(name),
        token,
        waitOnFirstConnect: true,
      });
      expect(connection.info?.server_name).toBe(name);
      await connection.close();
    }
  });

  /** Environment and mounts of the program of a pod. */
  async function running(name: string, pattern: RegExp) {
    const { pid } = await processOf(name, pattern);
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8');
    const env = Object.fromEntries((await read('environ')).split('\0').map((variable) => variable.split(/=(.*)/s)));
    return { env, mounts: (await read('mountinfo')).split('\n').map((line) => line.split(' ')[4]) };
  }

  /** Fields of pods that a Broker and a MeshSync have in common. */
  function fields(terminationGracePeriodSeconds: number) {
    const volumeMounts = [
      { name: 'scratch', mountPath: '/scratch' },
      { name: 'identity', mountPath: '/identity', readOnly: true },
    ];
    // A shell, and all that it starts, end at once.
    const waits = ['sh', '-c', 'trap "exit 0" TERM; sleep infinity & wait'];
    return {
      resources: RESOURCES,
      env: [
        { name: 'OWN', value: 'own' },
        { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } },
      ],
      envFrom: [{ configMapRef: { name: 'more' } }, { prefix: 'S_', secretRef: { name: 'more' } }],
      extraVolumeMounts: volumeMounts,
      livenessProbe: { periodSeconds: 7 },
      readinessProbe: { failureThreshold: 9 },
      podTemplate: {
        spec: {
          ...{ terminationGracePeriodSeconds, hostAliases: [{ ip: '192.0.2.7', hostnames: ['nats.corp.example'] }] },
          dnsConfig: { searches: ['corp.example'], options: [{ name: 'ndots', value: '1' }] },
          extraVolumes: [
            { name: 'scratch', emptyDir: { sizeLimit: '1Mi' } },
            {
              name: 'identity',
              projected: {
                sources: [
                  { serviceAccountToken: { path: 'token', audience: 'nats' } },
                  { configMap: { name: 'more', items: [{ key: 'FROM_CONFIG_MAP', path: 'more' }] } },
                ],
              },
            },
          ],
          initContainers: [
            { name: 'first', image: NATS_BOX, command: ['sh', '-c', 'echo first > /scratch/first'], volumeMounts },
            { name: 'beside', image: NATS_BOX, command: waits, restartPolicy: 'Always' },
          ],
          extraContainers: [
            {
              ...{ name: 'side', image: NATS_BOX, command: waits, volumeMounts },
              readinessProbe: { exec: { command: ['cat', '/scratch/first'] }, periodSeconds: 1 },
            },
          ],
        },
      },
    };
  }
}

const NATS = /nats-server .*nats\.conf/;
const USERS = /nats-server .*users\.conf/;
const STREAM = { name: 'events', subjects: ['events'] };
const MESSAGE = 'what nobody may read on the disk';

/** Streams on a volume, which are encrypted. */
function encryption(scene: Scene): void {
  const { world } = scene;
  const of = 'encrypted';
  const { secret, start, replace, restarts, nats, condition, pod, remove } = tools(scene, of);
  const volume = () => join(sandbox(), 'encrypted');
  const KEYS = ['the-first-encryption-key', 'another-encryption-key'] as const;
  const classes = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: of } };

  beforeAll(async () => {
    await mkdir(volume());
    await chmod(volume(), 0o777);
    const { kubernetes } = world();
    await kubernetes.apply({ ...classes, provisioner: 'kubernetes.io/no-provisioner' });
    await kubernetes.apply({
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: of } },
      spec: {
        ...{ capacity: { storage: '64Mi' }, accessModes: ['ReadWriteOnce'], storageClassName: of },
        hostPath: { path: volume(), type: 'Directory' },
      },
    });
    await namespace(kubernetes, of);
    await secret('encryption', { key: KEYS[0] });
    const jetstream = {
      fileStore: { size: '64Mi', storageClassName: of },
      encryptionKeySecretRef: { name: 'encryption' },
    };
    await start({ jetstream, natsBox: { enabled: true } });
    await world().kubectl('rollout', 'status', 'deployment/meshery-nats-box', '-n', of, '--timeout=60s');
  }, 180_000);
  afterAll(async () => {
    await remove();
    await world().kubernetes.delete('v1', 'PersistentVolume', of);
    await world().kubernetes.delete('storage.k8s.io/v1', 'StorageClass', of);
  });

  const stored = () => nats('stream', 'get', 'events', '1');
  /** Whether any file on the volume has a text. */
  const onDisk = async (text: string) => {
    const entries = await readdir(volume(), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    expect(files.some((file) => file.endsWith('.blk'))).toBe(true);
    const contents = await Promise.all(files.map((file) => readFile(file)));
    return contents.some((content) => content.includes(text));
  };
  const noRestarts = async () => expect(new Set(await restarts())).toEqual(new Set([0]));

  it('are on the disk in cipher, and are read again by the next pod', async () => {
    await nats('stream', 'add', 'events', '--subjects=events', '--storage=file', '--defaults');
    await nats('pub', '--jetstream', 'events', MESSAGE);
    expect(await stored()).toContain(MESSAGE);
    expect(await onDisk(MESSAGE)).toBe(false);
    await replace('meshery-nats-0');
    expect(await stored()).toContain(MESSAGE);
    await noRestarts();
  });

  it('are read after their key has been replaced, and by each pod after that', async () => {
    const { metadata } = await pod('meshery-nats-0');
    await secret('encryption', { key: KEYS[1] });
    await rolled(metadata.uid);
    expect(await stored()).toContain(MESSAGE);
    await replace('meshery-nats-0');
    expect(await stored()).toContain(MESSAGE);
    expect(await onDisk(MESSAGE)).toBe(false);
    await noRestarts();
  });

  it('are kept in a backup while the encryption is removed, as the condition says', async () => {
    await nats('account', 'backup', '/home/nats/backup', '--force');
    await patchBroker(world(), of, { jetstream: { encryptionKeySecretRef: null } });
    await eventually(async () => expect((await condition('SpecApplied'))?.reason).toBe('StreamsWouldBeLost'));
    expect(await stored()).toContain(MESSAGE);
    await nats('stream', 'rm', 'events', '--force');
    const { metadata } = await pod('meshery-nats-0');
    const { message = '' } = (await condition('SpecApplied')) ?? {};
    await world().command(/kubectl patch secret .*'(?=\.$)/.exec(message)?.[0] ?? '');
    await rolled(metadata.uid);
    await nats('account', 'restore', '/home/nats/backup');
    expect(await stored()).toContain(MESSAGE);
    expect(await onDisk(MESSAGE)).toBe(true);
    await noRestarts();
  });

  /** Another pod is ready, and the spec applied. */
  async function rolled(uid: string | undefined): Promise<void> {
    await eventually(async () => expect((await pod('meshery-nats-0')).metadata.uid).not.toBe(uid), 60);
    await eventually(async () => expect((await condition('SpecApplied'))?.reason).toBe('Applied'), 60);
    await isReady(world().kubernetes, broker(of, BROKER), 'Ready', 60);
  }
}

/** Streams on a volume in memory. */
function memory(scene: Scene): void {
  const { world } = scene;
  const of = 'in-memory';
  const { start, replace, restarts, processOf, remove } = tools(scene, of);

  it('have a file system of their size, which ends with the pod', async () => {
    await namespace(world().kubernetes, of);
    await start({ jetstream: { fileStore: { size: '32Mi', medium: 'Memory' } } });
    const { pid } = await processOf('meshery-nats-0', NATS);
    const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8');
    expect(await read('mountinfo')).toMatch(/ \/data .* - tmpfs tmpfs .*size=32768k/);
    // The volume is memory of the container, which the server has not.
    expect(await read('environ')).toContain(`GOMEMLIMIT=${Math.floor((96 * 2 ** 20 * 4) / 5)}B\0`);
    const connection = await client(world(), of);
    const { streams } = await jetstreamManager(connection);
    await streams.add({ ...STREAM, discard: 'new' });
    const payload = new Uint8Array(256 * 1024);
    const fill = async () => {
      for (;;) await jetstream(connection).publish(STREAM.name, payload);
    };
    // Up to three quarters, and the server goes on.
    await expect(fill()).rejects.toThrow(/resource|storage/);
    expect((await streams.info(STREAM.name)).state.bytes).toBeGreaterThan(20 * 2 ** 20);
    expect(new Set(await restarts())).toEqual(new Set([0]));
    await replace('meshery-nats-0');
    await eventually(async () => expect(await streams.names().next()).toEqual([]));
    await connection.close();
    await remove();
  });
}

/** Three servers whose routes are encrypted. */
function routes(scene: Scene): void {
  const { world } = scene;
  const of = 'secure-routes';
  const { start, pod, replace, restarts, remove } = tools(scene, of);
  const servers = ['meshery-nats-0', 'meshery-nats-1', 'meshery-nats-2'];

  it('connect all servers, also after one was replaced and after the certificate was renewed', async () => {
    await namespace(world().kubernetes, of);
    const ca = await authority();
    const certify = async () => {
      const pair = await issue(ca, `*.meshery-nats-headless.${of}.svc`);
      await world().kubernetes.apply(tlsSecret('routes', pair, ca, of));
    };
    await certify();
    await start({ size: 3, tls: { routes: { secretName: 'routes' } } });
    await eventually(formCluster);
    await replace('meshery-nats-1');
    await eventually(formCluster);
    await certify();
    await replace('meshery-nats-2');
    await eventually(formCluster);
    expect(new Set(await restarts())).toEqual(new Set([0]));
    await remove();
  });

  /** Each server demands TLS of routes, and has one to each other server. */
  async function formCluster(): Promise<void> {
    for (const name of servers) {
      const address = (await pod(name)).status?.podIP;
      const ask = async (path: string) => (await fetch(`http://${address}:8222/${path}`)).json();
      const { cluster } = (await ask('varz')) as { cluster: object };
      expect(cluster).toMatchObject({ tls_required: true, tls_verify: true });
      const { routes } = (await ask('routez')) as { routes: { remote_name: string }[] };
      expect([...new Set(routes.map((route) => route.remote_name))].sort()).toEqual(
        servers.filter((one) => one !== name),
      );
    }
  }
}

/** Servers that JetStream counts until it is told that they do not return. */
function peers(scene: Scene): void {
  const { world } = scene;
  const of = 'removed-servers';
  const { start, restarts, condition, processOf, remove } = tools(scene, of);

  it('are counted no more after the commands of the documentation', async () => {
    await namespace(world().kubernetes, of);
    await start({ size: 4, jetstream: { memoryStore: { maxSize: '8Mi' } } });
    const resilient = async () => (await condition('JetStreamResilient'))?.reason;
    type Commands = readonly [page: string, start: string];
    const run = ([page, start]: Commands, edit: (text: string) => string, signal?: AbortSignal) =>
      world().documented(page, start, (text) => edit(text.replaceAll('-n meshery', `-n ${of}`)), signal);
    const scaling = ['docs/production.md', 'kubectl scale broker'] as const;
    const lines = (text: string) => text.split('\n').map((line) => line.trim());
    await run(scaling, (text) => lines(text)[0] ?? '');
    await eventually(async () => expect(await resilient()).toBe('RemovedServersCount'));
    await eventually(async () => expect(await restarts()).toHaveLength(2 * 3), 60);
    const terminals = new AbortController();
    const inTerminal = (index: number) =>
      run(scaling, (text) => `exec ${lines(text)[index]}`, terminals.signal).catch(() => undefined);
    const first = inTerminal(2);
    await eventually(async () => {
      const { pid } = await processOf('meshery-nats-0', /nats-server .*system\.conf/);
      expect(await readFile(`/proc/${pid}/net/tcp`, 'utf8')).toMatch(/ 0100007F:107F 00000000:0000 0A /);
    });
    const second = inTerminal(3);
    await eventually(async () => {
      await run(['docs/production.md', 'password=$(kubectl get secret'], (text) =>
        lines(text)
          .filter((line) => !line.endsWith('meshery-nats-4'))
          .map((line) => line.replace(/(?<=peer-remove .*)$/, ' --force'))
          .join('\n'),
      );
    });
    await eventually(async () => expect(await resilient()).toBe('Quorum'));
    expect(new Set(await restarts())).toEqual(new Set([0]));
    terminals.abort();
    await Promise.all([first, second]);
    await remove();
  });
}
