import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../stand-in/json.ts';
import { authority, issue, type KeyPair, tlsSecret } from '../support/certificates.ts';
import { goTool } from '../tools.ts';
import {
  type Files,
  freePorts,
  type Generated,
  generate,
  healthy,
  type NatsServer,
  reload,
  startAgain,
  startBroker,
  startServer,
  writeConfiguration,
} from './nats-servers.ts';
import { until } from './processes.ts';

const run = promisify(execFile);

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
async function plainly({ ports }: NatsServer, token: string): Promise<string> {
  const socket = createConnection({ host: '127.0.0.1', port: ports.nats });
  socket.write(`CONNECT {"auth_token":"${token}","verbose":true}\r\nPING\r\n`);
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
