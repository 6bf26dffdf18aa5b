import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { DiscardPolicy, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../stand-in/json.ts';
import { authority, issue, type KeyPair, tlsSecret } from '../support/certificates.ts';
import { gapDuring, TENACIOUS } from '../support/gap.ts';
import { goTool } from '../tools.ts';
import {
  canMount,
  type Files,
  freePorts,
  type Generated,
  generate,
  healthy,
  type NatsServer,
  reload,
  startAgain,
  startBroker,
  startOnVolume,
  startServer,
  startSystemServer,
  writeConfiguration,
} from './nats-servers.ts';
import { until } from './processes.ts';

const run = promisify(execFile);
const mayMount = await canMount();

let servers: NatsServer[] = [];
let connections: NatsConnection[] = [];

afterEach(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await Promise.all(servers.map((server) => server.stop('SIGKILL')));
  servers = [];
  connections = [];
});

async function broker(
  size: number,
  spec: object = {},
  secrets: KubeObject[] = [],
  files: Files = {},
): Promise<Generated> {
  const generated = generate(size, spec, secrets);
  servers = await startBroker(generated, size, files);
  return generated;
}

async function client(token: string | undefined, ...to: (NatsServer | undefined)[]): Promise<NatsConnection> {
  return clientWith({}, token, ...to);
}

async function clientWith(
  options: NodeConnectionOptions,
  token: string | undefined,
  ...to: (NatsServer | undefined)[]
): Promise<NatsConnection> {
  const connection = await connect({
    servers: to.map((server) => server?.url ?? ''),
    ...(token !== undefined && { token }),
    noRandomize: true,
    reconnectTimeWait: 100,
    timeout: 5_000,
    ...options,
  });
  connections.push(connection);
  return connection;
}

/** When a server started: a reload does not change it. */
const startOf = async (server: NatsServer) => (await server.monitor('/varz')).start;

/** Publishes until the subscriber has received a message, because its interest takes a moment to reach the other servers. */
async function delivers(publisher: NatsConnection, subscriber: NatsConnection): Promise<boolean> {
  const subject = `test.${Math.random()}`;
  const subscription = subscriber.subscribe(subject, { max: 1 });
  await subscriber.flush();
  const received = (async () => {
    for await (const message of subscription) return message.string() === 'hello';
    return false;
  })();
  const timer = setInterval(() => publisher.publish(subject, 'hello'), 20);
  const deadline = new Promise<boolean>((resolve) => setTimeout(resolve, 5_000, false));
  try {
    return await Promise.race([received, deadline]);
  } finally {
    clearInterval(timer);
  }
}

describe.each([1, 3])('the generated configuration of %i server(s)', (size) => {
  it('accepts the token, and rejects another token and none', async () => {
    const { token } = await broker(size);
    for (const server of servers) {
      expect((await client(token, server)).isClosed()).toBe(false);
      await expect(client(`${token}x`, server)).rejects.toThrow(/authorization/i);
      await expect(client(undefined, server)).rejects.toThrow(/authorization/i);
    }
  });

  it('delivers messages from the first server to the last', async () => {
    const { token } = await broker(size);
    const publisher = await client(token, servers.at(0));
    const subscriber = await client(token, servers.at(-1));
    expect(await delivers(publisher, subscriber)).toBe(true);
  });

  it('applies a new token by a reload, and rejects the old one', async () => {
    const { natsConf, credentialsConf, token } = await broker(size);
    const next = `${token}Rotated`;
    const all = servers.map(({ ports }) => ports);
    for (const server of servers) {
      const started = await startOf(server);
      await writeConfiguration(server.directory, server.ports, all, natsConf, credentialsConf.replace(token, next));
      await reload(server);
      await client(next, server);
      expect(await startOf(server)).toBe(started);
      await expect(client(token, server)).rejects.toThrow(/authorization/i);
    }
  });
});

describe('three NATS servers', () => {
  it('tell nobody their credentials at the monitoring port, which requires none', async () => {
    const { token, credentialsConf } = await broker(3);
    const [, routePassword = ''] = /password: "([^"]+)"/.exec(credentialsConf) ?? [];
    expect(routePassword).not.toBe('');
    const connection = await client(token, servers[0]);
    connection.subscribe('a.subject');
    await connection.flush();
    const { address, monitor } = servers[0]?.ports ?? {};
    const paths = [
      'connz?auth=1&subs=detail',
      'varz',
      'routez?subs=1',
      'subsz?subs=1',
      'accountz?acc=$G',
      'jsz',
      'stacksz',
    ];
    const texts = await Promise.all(
      paths.map(async (path) => (await fetch(`http://${address}:${monitor}/${path}`)).text()),
    );
    expect(texts[0]).toContain('a.subject');
    for (const text of texts) for (const credential of [token, routePassword]) expect(text).not.toContain(credential);
  });

  it('form one cluster', async () => {
    await broker(3);
    for (const server of servers) {
      const complete = async () => {
        const { routes } = (await server.monitor('/routez')) as { routes: { remote_name: string }[] };
        return new Set(routes.map(({ remote_name }) => remote_name)).size === 2;
      };
      expect(await until('the routes', complete, 10)).toBe(true);
      expect((await server.monitor('/varz')).server_name).toBe(server.name);
    }
  });

  it('keep serving when one of them is killed', async () => {
    const { token } = await broker(3);
    const publisher = await client(token, servers[0]);
    const subscriber = await client(token, servers[2]);
    await servers[1]?.stop('SIGKILL');
    expect(await delivers(publisher, subscriber)).toBe(true);
  });

  it('reject a route without their credentials', async () => {
    const { natsConf, credentialsConf } = await broker(3);
    const all = servers.map(({ ports }) => ports);
    const wrong = credentialsConf.replaceAll(/nats:\/\/route:[^@]+@/g, 'nats://route:wrong@');
    expect(wrong).not.toBe(credentialsConf);
    const stranger = await startServer('stranger', await freePorts(), all, natsConf, wrong);
    servers.push(stranger);
    await healthy(stranger);
    const rejected = async () =>
      servers.slice(0, 3).every((server) => /authentication error.*route/i.test(server.log()));
    expect(await until('the rejection', rejected, 10)).toBe(true);
    for (const server of servers.slice(0, 3)) {
      const { routes } = (await server.monitor('/routez')) as { routes: { remote_name: string }[] };
      expect(routes.map(({ remote_name }) => remote_name)).not.toContain('stranger');
    }
  });

  it('hand over the clients of a server in lame-duck mode', async () => {
    const { token } = await broker(3);
    const moving = await client(token, servers[0], servers[1], servers[2]);
    expect(moving.getServer()).toContain(`:${servers[0]?.ports.nats}`);
    // The command of the preStop hook of a pod.
    await run(await goTool('nats-server'), [`-sl=ldm=${join(servers[0]?.directory ?? '', 'nats.pid')}`]);
    const moved = async () => !moving.getServer().includes(`:${servers[0]?.ports.nats}`) && !moving.isClosed();
    expect(await until('the client to move', moved, 50)).toBe(true);
    expect(await delivers(moving, await client(token, servers[2]))).toBe(true);
  }, 90_000);
});

/** The gap of clients that may connect to any of some servers. */
async function gapOf(token: string, to: NatsServer[], happens: () => Promise<unknown>): Promise<number> {
  const connectAny = () => clientWith(TENACIOUS, token, ...to);
  return gapDuring(await connectAny(), await connectAny(), happens);
}

describe('the gap of a client', () => {
  it('ends, and is printed', async () => {
    const gaps: Record<string, number> = {};
    const { token, natsConf, credentialsConf } = await broker(1);
    const [server] = servers as [NatsServer];
    gaps['one server reloads'] = await gapOf(token, [server], async () => {
      const changed = natsConf.replace('port: 4222', 'port: 4222\nmax_payload: 2097152');
      await writeConfiguration(server.directory, server.ports, [server.ports], changed, credentialsConf);
      await reload(server);
    });
    gaps['one server restarts'] = await gapOf(token, [server], async () => {
      await server.end('SIGTERM');
      servers.push(await startAgain(server));
    });
    await Promise.all(servers.splice(0).map((each) => each.stop('SIGKILL')));
    const { token: shared } = await broker(3);
    const [first] = servers as [NatsServer];
    gaps['one of three servers is replaced'] = await gapOf(shared, servers, async () => {
      await run(await goTool('nats-server'), [`-sl=ldm=${join(first.directory, 'nats.pid')}`]);
      await until('the server to end', async () => first.process.exitCode !== null, 60);
    });
    console.table(gaps);
    expect(Object.values(gaps).every((gap) => gap > 0)).toBe(true);
  }, 180_000);
});

describe('one NATS server', () => {
  it('restarts before the client of Meshery Server gives up', async () => {
    const { token } = await broker(1);
    // The client connects like this: five attempts, two seconds apart.
    const meshery = await clientWith({ maxReconnectAttempts: 5, reconnectTimeWait: 2_000 }, token, servers[0]);
    // As a kubelet does: the containers get SIGTERM, and their successors start when they have ended.
    await servers[0]?.end('SIGTERM');
    const successor = await startAgain(servers[0] as NatsServer);
    servers.push(successor);
    await healthy(successor);
    const isBack = async () => Boolean(await meshery.rtt().catch(() => undefined));
    expect(await until('the client to be back', isBack, 10)).toBe(true);
    expect(await delivers(await client(token, successor), meshery)).toBe(true);
    expect(meshery.isClosed()).toBe(false);
  }, 30_000);

  it('applies its settings by a reload', async () => {
    const { natsConf, credentialsConf, token } = await broker(1);
    const [server] = servers as [NatsServer];
    expect((await client(token, server)).info?.max_payload).toBe(1_048_576);
    const start = await startOf(server);
    const config = { maxPayload: '2Mi', maxConnections: 10, writeDeadline: '5s', pingInterval: '1m', pingMax: 3 };
    const changed = generate(1, { config: { ...config, debug: true, trace: true } });
    expect(changed.natsConf).not.toBe(natsConf);
    await writeConfiguration(server.directory, server.ports, [server.ports], changed.natsConf, credentialsConf);
    await reload(server);
    expect((await client(token, server)).info?.max_payload).toBe(2_097_152);
    expect(await server.monitor('/varz')).toMatchObject({
      max_connections: 10,
      max_payload: 2_097_152,
      ping_interval: 60_000_000_000,
      ping_max: 3,
      start,
      write_deadline: 5_000_000_000,
    });
  });

  it('refuses one client more than maxConnections', async () => {
    const { token } = await broker(1, { config: { maxConnections: 1 } });
    await client(token, servers[0]);
    const answer = await answerTo(servers[0] as NatsServer, connectLine(token));
    expect(answer).toContain("-ERR 'maximum connections exceeded'");
  });

  it('refuses a message larger than maxPayload', async () => {
    const { token } = await broker(1, { config: { maxPayload: '1Ki' } });
    const publish = (bytes: number) => `${connectLine(token)}PUB test ${bytes}\r\n${'x'.repeat(bytes)}\r\n`;
    const [server] = servers as [NatsServer];
    expect(await answerTo(server, publish(1_025))).toContain("-ERR 'Maximum Payload Violation'");
    expect(await answerTo(server, `${publish(1_024)}PING\r\nNONSENSE\r\n`)).toMatch(/PONG/);
  });

  it('increases the limits of JetStream by a reload, and does not decrease them', async () => {
    const store = (maxSize: string) => ({ jetstream: { fileStore: { size: '10Gi', maxSize } } });
    const { credentialsConf } = await broker(1, store('1Gi'));
    const [server] = servers as [NatsServer];
    const limit = async () =>
      ((await server.monitor('/jsz')) as { config: { max_storage: number } }).config.max_storage;
    expect(await limit()).toBe(2 ** 30);
    for (const [maxSize, expected] of [
      ['2Gi', 2 ** 31],
      ['1Gi', undefined],
    ] as const) {
      const { natsConf } = generate(1, store(maxSize));
      await writeConfiguration(server.directory, server.ports, [server.ports], natsConf, credentialsConf);
      if (expected === undefined) await expect(reload(server)).rejects.toThrow('decreasing jetstream max');
      else await reload(server);
      expect(await limit()).toBe(2 ** 31);
    }
  });

  it.skipIf(!mayMount)(
    'refuses messages before its volume is full',
    async () => {
      // ext4 leaves 90389504 bytes of a volume of 100Mi.
      const generated = generate(1, { jetstream: { fileStore: { size: '100Mi' } } });
      const server = await startOnVolume('meshery-nats-0', generated, 90_389_504);
      servers = [server];
      await healthy(server);
      const connection = await client(generated.token, server);
      const { streams } = await jetstreamManager(connection);
      await streams.add({ name: 'events', subjects: ['events.>'] });
      const publish = async (payload: Uint8Array) => {
        for (let sent = 0; ; sent += 500) {
          const batch = Array.from({ length: 500 }, (_, index) =>
            jetstream(connection).publish(`events.${sent + index}`, payload, { timeout: 30_000 }),
          );
          const failed = (await Promise.allSettled(batch)).find((result) => result.status === 'rejected');
          if (failed) return String(failed.reason);
        }
      };
      expect(await publish(new Uint8Array(16_384))).toContain('insufficient resources');
      const reserved = async () =>
        (await server.monitor('/jsz')) as { storage: number; config: { max_storage: number } };
      const { storage, config } = await reserved();
      expect(config.max_storage).toBe(75 * 2 ** 20);
      expect(storage).toBeGreaterThan(74 * 2 ** 20);
      expect(server.log()).not.toMatch(/no space left|out of space|JetStream out of resources/i);
      // It goes on as soon as there is room.
      await streams.purge('events', { keep: 100 });
      expect(await jetstream(connection).publish('events.more', 'hello')).toMatchObject({ stream: 'events' });
      expect((await fetch(`http://127.0.0.1:${server.ports.monitor}/healthz`)).status).toBe(200);
    },
    60_000,
  );

  it('keeps the streams on its volume while the file store is removed', async () => {
    const fileStore = { jetstream: { fileStore: { size: '1Gi' } } };
    const { token, credentialsConf } = await broker(1, fileStore);
    const [server] = servers as [NatsServer];
    const before = await client(token, server);
    await (await jetstreamManager(before)).streams.add({ name: 'events', subjects: ['events'] });
    await jetstream(before).publish('events', 'hello');
    let running = server;
    for (const spec of [{}, { jetstream: { memoryStore: { maxSize: '64Mi' } } }, fileStore]) {
      await running.end();
      await writeConfiguration(
        running.directory,
        running.ports,
        [running.ports],
        generate(1, spec).natsConf,
        credentialsConf,
      );
      running = await startAgain(running);
      servers = [running];
      await healthy(running);
    }
    const { streams } = await jetstreamManager(await client(token, running));
    expect((await streams.info('events')).state.messages).toBe(1);
  }, 60_000);

  it('drops its streams when it becomes a member of a cluster, which is why the operator defers that change', async () => {
    const jetStream = { jetstream: { fileStore: { size: '1Gi' } } };
    const { token } = await broker(1, jetStream);
    const [server] = servers as [NatsServer];
    const before = await client(token, server);
    await (await jetstreamManager(before)).streams.add({ name: 'events', subjects: ['events'] });
    await jetstream(before).publish('events', 'hello');
    await server.end();
    const { natsConf, credentialsConf, token: next } = generate(3, jetStream);
    const ports = [server.ports, await freePorts(), await freePorts()];
    await writeConfiguration(server.directory, server.ports, ports, natsConf, credentialsConf);
    const clustered = await startAgain(server);
    servers = [clustered];
    for (const [ordinal, own] of ports.entries()) {
      if (ordinal > 0) {
        servers.push(await startServer(`meshery-nats-${ordinal}`, own, ports, natsConf, credentialsConf));
      }
    }
    await Promise.all(servers.map(healthy));
    const manager = await jetstreamManager(await client(next, clustered));
    expect(await manager.streams.names().next()).toEqual([]);
  }, 60_000);

  it.skipIf(process.getuid?.() !== 0)(
    'finds its streams as another user only when Kubernetes has given their files to the group of the pod',
    async () => {
      const { token } = await broker(1, { jetstream: { fileStore: { size: '1Gi' } } });
      const [server] = servers as [NatsServer];
      const before = await client(token, server);
      await (await jetstreamManager(before)).streams.add({ name: 'events', subjects: ['events'] });
      await jetstream(before).publish('events', 'hello');
      await server.end();
      const [user, other] = [65_532, 1_000_680_000];
      const { directory } = server;
      await run('chown', ['-R', `${user}:${user}`, directory]);
      // All but the volume of streams is new in a new pod.
      await run('sh', ['-c', 'chmod 777 "$0"; chmod a+r "$0"/*.conf; rm "$0"/nats.pid', directory]);

      const refused = await startAgain(server, other);
      await once(refused.process, 'exit');
      expect(refused.log()).toContain("Can't start JetStream: storage directory is not a directory");

      // As kubelet does for the fsGroup of a pod.
      const ofGroup =
        'chgrp -R "$1" "$0"; find "$0" -type d -exec chmod g+rwxs {} +; find "$0" -type f -exec chmod g+rw {} +';
      await run('sh', ['-c', `${ofGroup}; rm -f "$0"/../nats.pid`, join(directory, 'data'), `${other}`]);
      const again = await startAgain(server, other);
      servers = [again];
      await healthy(again);
      const after = await client(token, again);
      await jetstream(after).publish('events', 'again');
      expect((await (await jetstreamManager(after)).streams.info('events')).state.messages).toBe(2);
    },
    60_000,
  );
});

describe('JetStream on three servers', () => {
  it('keeps acknowledged messages when one server is killed and restarts', async () => {
    const { token } = await broker(3, { jetstream: { fileStore: { size: '1Gi' } } });
    const connection = await client(token, ...servers);
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'events', subjects: ['events'], num_replicas: 3 });
    const stream = jetstream(connection);
    const acknowledged: string[] = [];
    const publish = async (count: number) => {
      for (let sent = 0; sent < count; sent += 1) {
        const id = `${acknowledged.length}`;
        // An attempt without an acknowledgement is repeated with the same id, which JetStream stores only once.
        const ack = () => stream.publish('events', id, { msgID: id }).catch(() => undefined);
        while (!(await ack())) await new Promise((resolve) => setTimeout(resolve, 200));
        acknowledged.push(id);
      }
    };
    await publish(50);
    const { cluster } = await manager.streams.info('events');
    const leader = servers.findIndex(({ name }) => name === cluster?.leader);
    await servers[leader]?.end('SIGKILL');
    await publish(50);
    const again = await startAgain(servers[leader] as NatsServer);
    servers[leader] = again;
    await healthy(again);
    await publish(50);
    const caughtUp = async () => {
      const { cluster: now } = await manager.streams.info('events');
      return now?.replicas?.length === 2 && now.replicas.every(({ current, offline }) => current && !offline);
    };
    expect(await until('the replicas to catch up', caughtUp, 60)).toBe(true);
    // Without the server that was never killed, the others must have all messages.
    await servers[(leader + 1) % 3]?.end('SIGKILL');
    const left = await client(token, servers[leader], servers[(leader + 2) % 3]);
    // While the other two elect their leaders, requests fail or time out: those are repeated.
    const survivors = await jetstreamManager(left, { checkAPI: false });
    const stored = async () => {
      const { first_seq, last_seq } = (await survivors.streams.info('events')).state;
      const messages: (string | undefined)[] = [];
      for (let seq = first_seq; seq <= last_seq; seq += 1) {
        messages.push((await survivors.streams.getMessage('events', { seq }))?.string());
      }
      return messages.length >= acknowledged.length && messages;
    };
    const seen = await until('every message', stored, 100);
    expect(seen).toEqual(acknowledged);
  }, 180_000);
});

describe('the temporary server with a user of the system account', () => {
  const system = (password: string) => ({ user: 'system', pass: password });
  const ports = (size: number) => servers.slice(0, size).map((server) => server.ports);

  it.each([{}, { tls: { secretName: 'nats-tls' } }])(
    'accepts no other client, with %j',
    async (tls) => {
      const ca = await authority();
      const pair = await issue(ca, 'meshery-nats.meshery.svc', 'localhost');
      const files = { 'tls.crt': pair.certificate, 'tls.key': pair.key, 'ca.crt': ca.certificate };
      const generated = await broker(3, tls, [tlsSecret('nats-tls', pair, ca)], files);
      // It may be started any number of times; NATS processes the settings of a file in another order each time.
      for (let start = 0; start < 10; start += 1) {
        const extra = await startSystemServer(generated, servers[0] as NatsServer, ports(3));
        servers.push(extra);
        for (const others of [{}, { token: generated.token }, system(generated.token), { user: 'route', pass: 'x' }]) {
          await expect(clientWith(others, undefined, extra)).rejects.toThrow(/authorization/i);
        }
        const connection = await clientWith(system(generated.routePassword), undefined, extra);
        // The three servers, which route to it, answer too.
        const replies = new Set<string>();
        const ping = async () => {
          for await (const reply of await connection.requestMany('$SYS.REQ.SERVER.PING', '', { maxWait: 300 })) {
            replies.add(reply.json<{ server: { name: string } }>().server.name);
          }
          return replies.size === 4;
        };
        expect(await until('all servers', ping, 20)).toBe(true);
        await connection.close();
        await extra.end();
      }
    },
    120_000,
  );

  it('gives clients with the token no access to the system account', async () => {
    const generated = await broker(3);
    const connection = await client(generated.token, servers[1]);
    const extra = await startSystemServer(generated, servers[0] as NatsServer, ports(3));
    servers.push(extra);
    const heard: string[] = [];
    connection.subscribe('$SYS.>', { callback: (_error, { subject }) => void heard.push(subject) });
    await connection.flush();
    await (await clientWith(system(generated.routePassword), undefined, extra)).request('$SYS.REQ.SERVER.PING');
    await expect(connection.request('$SYS.REQ.SERVER.PING', '', { timeout: 1_000 })).rejects.toThrow();
    expect(heard.filter((subject) => !subject.startsWith('$SYS.REQ.'))).toEqual([]);
  });

  it.each([
    ['without removing them from the cluster, the loss of one more stops JetStream', false],
    ['after removing them from the cluster, JetStream tolerates the loss of one more', true],
  ])(
    'when five servers become three: %s',
    async (_what, isRemoved) => {
      const spec = { jetstream: { memoryStore: { maxSize: '16Mi' } } };
      const { token, routePassword } = await broker(5, spec);
      const connection = await client(token, servers[0], servers[1]);
      const manager = await jetstreamManager(connection, { checkAPI: false });
      let count = 0;
      const works = () =>
        manager.streams.add({ name: `s${count++}`, storage: StorageType.Memory }).catch(() => undefined);
      expect(await until('JetStream', works, 60)).toBeTruthy();
      for (const ordinal of [4, 3]) await servers[ordinal]?.end('SIGTERM');
      expect(await until('JetStream', works, 60)).toBeTruthy();
      if (isRemoved) {
        const smaller = generate(3, spec);
        const systemConf = smaller.systemConf.replaceAll(smaller.routePassword, routePassword);
        const extra = await startSystemServer({ systemConf }, servers[0] as NatsServer, ports(3));
        servers.push(extra);
        // What `nats server cluster peer-remove` sends.
        const admin = await clientWith(system(routePassword), undefined, extra);
        for (const peer of ['meshery-nats-4', 'meshery-nats-3']) {
          const remove = async () =>
            (await admin.request('$JS.API.SERVER.REMOVE', JSON.stringify({ peer }), { timeout: 5_000 })).json<{
              success?: boolean;
            }>().success === true;
          expect(await until(`the removal of ${peer}`, remove, 20)).toBe(true);
        }
        await admin.close();
        await extra.end();
      }
      await servers[2]?.end('SIGKILL');
      if (isRemoved) return expect(await until('JetStream', works, 60)).toBeTruthy();
      for (let attempt = 0; attempt < 10; attempt += 1) {
        expect(await works()).toBeUndefined();
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    },
    180_000,
  );
});

describe('a NATS server with TLS', () => {
  const files = (pair: KeyPair, ca: KeyPair): Files => ({
    'tls.crt': pair.certificate,
    'tls.key': pair.key,
    'ca.crt': ca.certificate,
  });

  it('rejects plain clients, and reloads a renewed certificate without dropping a connection', async () => {
    const ca = await authority();
    const [first, renewed] = [
      await issue(ca, 'meshery-nats.meshery.svc', 'localhost'),
      await issue(ca, 'meshery-nats.meshery.svc', 'localhost'),
    ];
    const secrets = [tlsSecret('nats-tls', first, ca)];
    const { token } = await broker(1, { tls: { secretName: 'nats-tls' } }, secrets, files(first, ca));
    const [server] = servers as [NatsServer];
    const response = await plainly(server, token);
    expect(response).toContain('"tls_required":true');
    expect(response).not.toMatch(/\+OK|PONG/);
    await expect(clientWith({ tls: {} }, token, server)).rejects.toThrow(); // an unknown authority
    const trusting = { tls: { ca: ca.certificate } };
    const connection = await clientWith(trusting, token, server);
    const events: string[] = [];
    (async () => {
      for await (const { type } of connection.status()) events.push(type);
    })();
    expect(await presented(server)).toBe(fingerprint(first));

    for (const [file, content] of Object.entries(files(renewed, ca))) {
      await writeFile(join(server.directory, file), content);
    }
    await reload(server);
    expect(await presented(server)).toBe(fingerprint(renewed));
    expect(await delivers(await clientWith(trusting, token, server), connection)).toBe(true);
    expect(events).not.toContain('disconnect');
  });

  it('requires client certificates when it is configured to', async () => {
    const ca = await authority();
    const pair = await issue(ca, 'meshery-nats.meshery.svc', 'localhost');
    const secrets = [tlsSecret('nats-tls', pair, ca)];
    const { token } = await broker(1, { tls: { secretName: 'nats-tls', verify: true } }, secrets, files(pair, ca));
    await expect(clientWith({ tls: { ca: ca.certificate } }, token, servers[0])).rejects.toThrow();
    const own = await issue(ca, 'client');
    const tls = { ca: ca.certificate, cert: own.certificate, key: own.key };
    expect((await clientWith({ tls }, token, servers[0])).isClosed()).toBe(false);
  });
});

/** The data that a server sends to a client without TLS. */
function plainly(server: NatsServer, token: string): Promise<string> {
  return answerTo(server, `${connectLine(token)}PING\r\n`);
}

function connectLine(token: string): string {
  return `CONNECT {"auth_token":"${token}","verbose":true}\r\n`;
}

/** All that a server sends to a client that writes a text, until it closes the connection. */
async function answerTo({ ports }: NatsServer, text: string): Promise<string> {
  const socket = createConnection({ host: '127.0.0.1', port: ports.nats });
  socket.write(text);
  let response = '';
  socket.on('data', (chunk) => {
    response += chunk;
  });
  socket.on('error', () => {}); // the server may close the connection before all data is sent
  await once(socket, 'close');
  return response;
}

/** Fingerprint of the current certificate of a server. NATS begins in plain text, as with STARTTLS. */
async function presented({ ports }: NatsServer): Promise<string> {
  const socket = createConnection({ host: '127.0.0.1', port: ports.nats });
  await once(socket, 'data');
  const secure = connectTls({ socket, rejectUnauthorized: false });
  await once(secure, 'secureConnect');
  const { fingerprint256 } = secure.getPeerCertificate();
  secure.destroy();
  return fingerprint256;
}

function fingerprint({ certificate }: KeyPair): string {
  return new X509Certificate(certificate).fingerprint256;
}

/** Streams in memory are 140 of the 256 MiB that the container may use by default. */
const IN_MEMORY = { jetstream: { memoryStore: { maxSize: '140Mi' } } };
const MEBIBYTE = 2 ** 20;

it('a server stays below the memory limit of its container while messages in memory are replaced, by GOMEMLIMIT alone', async () => {
  const { natsConf, credentialsConf, token, env } = generate(1, IN_MEMORY);
  expect(env).toEqual({ GOMEMLIMIT: '214748364B' });
  const peakMebibytes = async (variables: Record<string, string>) => {
    const own = await freePorts();
    const server = await startServer('meshery-nats-0', own, [own], natsConf, credentialsConf, {}, variables);
    servers.push(server);
    await healthy(server);
    const connection = await client(token, server);
    const manager = await jetstreamManager(connection);
    await manager.streams.add({
      name: 'replaced',
      subjects: ['replaced'],
      storage: StorageType.Memory,
      discard: DiscardPolicy.Old,
      max_bytes: 126 * MEBIBYTE,
    });
    const stream = jetstream(connection);
    const message = new Uint8Array(MEBIBYTE / 4);
    for (let sent = 0; sent < 3_600; sent += 16) {
      await Promise.all(Array.from({ length: 16 }, () => stream.publish('replaced', message)));
    }
    const status = await readFile(`/proc/${server.process.pid}/status`, 'utf8');
    await connection.close();
    await server.end();
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
  };
  expect(await peakMebibytes(env)).toBeLessThan(256);
  // Without it, the container would be killed.
  expect(await peakMebibytes({})).toBeGreaterThan(256);
});

it('the streams of one server are backed up and restored into three by the commands of the documentation', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meshery-backup-'));
  const page = await readFile('docs/production.md', 'utf8');
  /** Runs the block with a command at a server; the token is what kubectl prints of the Secret. */
  const documented = async (command: string, token: string, { ports: { address, nats } }: NatsServer) => {
    const block = page.split('```').find((text) => text.startsWith('sh\n') && text.includes(command)) ?? '';
    expect(block).toContain(command);
    const commands = block.replace('sh\n', '').replace('localhost:4222', `${address}:${nats}`);
    await writeFile(join(folder, 'kubectl'), `#!/bin/sh\nprintf %s '${token}' | base64\n`, { mode: 0o755 });
    const path = [folder, dirname(await goTool('nats')), process.env.PATH].join(delimiter);
    await run('sh', ['-ec', commands], { cwd: folder, env: { PATH: path, HOME: folder } });
  };
  const stores = { jetstream: { fileStore: { size: '64Mi' }, memoryStore: { maxSize: '16Mi' } } };
  const { token } = await broker(1, stores);
  const before = await client(token, ...servers);
  const manager = await jetstreamManager(before);
  await manager.streams.add({ name: 'events', subjects: ['events.>'] });
  await manager.streams.add({ name: 'lost', subjects: ['lost'], storage: StorageType.Memory });
  for (const message of ['one', 'two']) await jetstream(before).publish(`events.${message}`, message);
  await documented('nats account backup', token, servers[0] as NatsServer);
  await Promise.all(servers.map((server) => server.stop('SIGKILL')));

  const { token: another } = await broker(3, stores);
  const after = await client(another, ...servers);
  const { streams } = await until('JetStream of three servers', () => jetstreamManager(after), 30);
  await documented('nats account restore', another, servers[0] as NatsServer);
  expect((await streams.getMessage('events', { seq: 2 }))?.string()).toBe('two');
  // More replicas, as the page says.
  const { config } = await streams.update('events', { num_replicas: 3 });
  expect(config.num_replicas).toBe(3);
  await rm(folder, { recursive: true });
});

it.each([false, true])('the command line finds its broker by its environment alone, with TLS: %s', async (isSecure) => {
  const ca = await authority();
  const pair = await issue(ca, 'meshery-nats.meshery.svc', 'localhost');
  const tls = { tls: { secretName: 'nats-tls', verify: true } };
  const spec = { natsBox: { enabled: true, tls: { secretName: 'admin' } }, ...(isSecure && tls) };
  const certificates = { 'tls.crt': pair.certificate, 'tls.key': pair.key, 'ca.crt': ca.certificate };
  const secrets = isSecure ? [tlsSecret('nats-tls', pair, ca)] : [];
  const { token, natsBox } = await broker(1, spec, secrets, isSecure ? certificates : {});
  const [box] = natsBox?.spec?.template.spec?.containers ?? [];
  const variables = Object.fromEntries((box?.env ?? []).map(({ name, ...from }) => [name, from]));
  expect(variables.NATS_TOKEN).toEqual({
    valueFrom: { secretKeyRef: { name: 'meshery-nats-auth', key: 'token' } },
  });
  // The paths in its volumes, which have the names of the keys of the Secrets.
  const file = (name: string) =>
    Object.entries(certificates).find(([key]) => variables[name]?.value?.endsWith(key))?.[1];
  const [authorityOfBox, cert, key] = ['NATS_CA', 'NATS_CERT', 'NATS_KEY'].map(file);
  expect([authorityOfBox, cert, key].map(Boolean)).toEqual([isSecure, isSecure, isSecure]);
  const [server] = servers;
  const { address, nats } = server?.ports ?? {};
  // Nothing resolves the name of the Service here.
  const url = `${variables.NATS_URL?.value}`.replace('meshery-nats.meshery.svc:4222', `${address}:${nats}`);
  const options = { servers: url, ...(authorityOfBox && cert && key && { tls: { ca: authorityOfBox, cert, key } }) };
  expect((await clientWith(options, token, server)).isClosed()).toBe(false);
  await expect(clientWith({ servers: url }, undefined, server)).rejects.toThrow();
});
