import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import {
  connect,
  type NatsConnection,
  type NodeConnectionOptions,
  nkeyAuthenticator,
  nkeys,
} from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';
import { encode } from '../../src/kubernetes/secrets.ts';
import type { KubeObject } from '../stand-in/json.ts';
import { authority, issue, type KeyPair, tlsSecret } from '../support/certificates.ts';
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
  startSystemServer,
  startUsers,
  writeConfiguration,
  writeFiles,
} from './nats-servers.ts';
import { until } from './processes.ts';

let servers: NatsServer[] = [];
let connections: NatsConnection[] = [];

afterEach(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await Promise.all(servers.map((server) => server.stop('SIGKILL')));
  servers = [];
  connections = [];
});

async function broker(generated: Generated, size: number, files: Files = {}): Promise<NatsServer[]> {
  const started = await startBroker(generated, size, files);
  servers.push(...started);
  return started;
}

async function client(to: NatsServer | string, options: NodeConnectionOptions): Promise<NatsConnection> {
  const connection = await connect({
    servers: typeof to === 'string' ? to : to.url,
    reconnectTimeWait: 100,
    timeout: 5_000,
    ...options,
  });
  connections.push(connection);
  return connection;
}

const secret = (name: string, data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'meshery' },
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, encode(value)])),
});

const files = (pair: KeyPair, ca: KeyPair): Files => ({
  'tls.crt': pair.certificate,
  'tls.key': pair.key,
  'ca.crt': ca.certificate,
});

/** Counts the messages of a subject by their text. */
function counted(connection: NatsConnection, subject: string): Map<string, number> {
  const counts = new Map<string, number>();
  connection.subscribe(subject, {
    callback: (_error, message) => {
      counts.set(message.string(), (counts.get(message.string()) ?? 0) + 1);
    },
  });
  return counts;
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('TLS on the routes', () => {
  const spec = { tls: { routes: { secretName: 'routes-tls' } } };

  async function cluster() {
    const ca = await authority();
    const pair = await issue(ca, '*.meshery-nats-headless.meshery.svc');
    const generated = generate(3, spec, [tlsSecret('routes-tls', pair, ca)]);
    await broker(generated, 3, files(pair, ca));
    return { ca, pair, generated };
  }

  const peers = async (server: NatsServer) => {
    const { routes } = (await server.monitor('/routez')) as { routes: { remote_name: string }[] };
    return new Set(routes.map(({ remote_name }) => remote_name));
  };

  it('is used by all servers, which deliver messages to each other', async () => {
    const { generated } = await cluster();
    for (const server of servers) {
      expect(await until('the routes', async () => (await peers(server)).size === 2, 10)).toBe(true);
      expect(server.log()).toMatch(/TLS route handshake complete|Route connection created/);
    }
    const { token } = generated;
    const [publisher, subscriber] = [
      await client(servers[0] as NatsServer, { token }),
      await client(servers[2] as NatsServer, { token }),
    ];
    const counts = counted(subscriber, 'a');
    await subscriber.flush();
    const heard = async () => {
      publisher.publish('a', 'x');
      return counts.has('x');
    };
    expect(await until('the message', heard, 10)).toBe(true);
  });

  it('is used by the temporary server of an administrator too', async () => {
    const { generated } = await cluster();
    const ports = servers.map((each) => each.ports);
    servers.push(await startSystemServer(generated, servers[0] as NatsServer, ports));
    const joined = async () => (await peers(servers[1] as NatsServer)).size === 3;
    expect(await until('the fourth server', joined, 20)).toBe(true);
  });

  it('and JetStream let no server roll alone, and keep streams when all start anew together', async () => {
    const ca = await authority();
    const pair = await issue(ca, '*.meshery-nats-headless.meshery.svc');
    const jetStream = { jetstream: { fileStore: { size: '1Gi' } } };
    const plain = generate(3, jetStream);
    await broker(plain, 3, files(pair, ca));
    const all = servers.map(({ ports }) => ports);
    const to = servers.map(({ url }) => url);
    const connection = await client(to[0] ?? '', { token: plain.token, servers: to, maxReconnectAttempts: -1 });
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const stream = { name: 'events', subjects: ['events'], num_replicas: 3 };
    const eventually = <Result>(what: string, ask: () => Promise<Result>) =>
      until(what, () => ask().catch(() => undefined), 60);
    await eventually('the stream', () => manager.streams.add(stream));
    await eventually('the message', () => jetstream(connection).publish('events', 'hello'));
    const secure = generate(3, { ...jetStream, ...spec }, [tlsSecret('routes-tls', pair, ca)]);
    const conf = secure.credentialsConf
      .replaceAll(secure.routePassword, plain.routePassword)
      .replaceAll(secure.token, plain.token);
    const write = ({ directory, ports }: NatsServer) =>
      writeConfiguration(directory, ports, all, secure.natsConf, conf);
    const last = servers[2] as NatsServer;
    await last.end('SIGTERM');
    await write(last);
    servers[2] = await startAgain(last);
    await expect(healthy(servers[2])).rejects.toThrow('still recovering meta layer');
    for (const server of servers) await server.end('SIGTERM');
    for (const server of servers) await write(server);
    servers = await Promise.all(servers.map((server) => startAgain(server)));
    await Promise.all(servers.map(healthy));
    const stored = async () => (await manager.streams.info('events')).state.messages === 1;
    expect(await eventually('the stream', stored)).toBe(true);
  }, 180_000);

  it('keeps out a server without a certificate, and one of another authority', async () => {
    const { generated } = await cluster();
    const all = servers.map(({ ports }) => ports);
    const plain = generated.credentialsConf.replace(/ {2}tls \{[^}]*\}\n/, '');
    expect(plain).not.toBe(generated.credentialsConf);
    const other = await authority('another authority');
    const theirs = files(await issue(other, '*.meshery-nats-headless.meshery.svc'), other);
    for (const [name, conf, certificates] of [
      ['plain', plain, {}],
      ['other', generated.credentialsConf, theirs],
    ] as const) {
      const stranger = await startServer(name, await freePorts(), all, generated.natsConf, conf, certificates);
      servers.push(stranger);
      await healthy(stranger);
    }
    await pause(2_000);
    for (const server of servers.slice(0, 3)) {
      expect([...(await peers(server))].filter((name) => !name.startsWith('meshery-nats-'))).toEqual([]);
    }
  });

  it('is renewed by a reload, and the servers stay connected', async () => {
    const { ca } = await cluster();
    const renewed = files(await issue(ca, '*.meshery-nats-headless.meshery.svc'), ca);
    for (const server of servers) {
      await until('the routes', async () => (await peers(server)).size === 2, 10);
      for (const [file, content] of Object.entries(renewed)) await writeFile(join(server.directory, file), content);
      await reload(server);
    }
    // A server that starts later gets the new certificate, and accepts it.
    const [first] = servers as [NatsServer];
    await first.end();
    const again = await startAgain(first);
    servers.push(again);
    expect(await until('the routes', async () => (await peers(again)).size === 2, 10)).toBe(true);
  });
});

it('the monitoring port is HTTPS where the spec says so, also where clients need certificates', async () => {
  const ca = await authority();
  const pair = await issue(ca, 'meshery-nats.meshery.svc');
  const spec = { tls: { secretName: 'nats-tls', verify: true, monitor: true } };
  const generated = generate(1, spec, [tlsSecret('nats-tls', pair, ca)]);
  const ports = await freePorts();
  const server = await startServer('a', ports, [ports], generated.natsConf, generated.credentialsConf, files(pair, ca));
  servers.push(server);
  const get = async () => {
    const { monitor: port } = ports;
    const ask = request({ host: '127.0.0.1', port, path: '/healthz', ca: ca.certificate });
    ask.end();
    const [response] = await once(ask, 'response');
    return response.statusCode as number;
  };
  const answers = async () => (await get().catch(() => undefined)) === 200;
  expect(await until('the answer', answers, 10)).toBe(true);
  const plain = await fetch(`http://127.0.0.1:${ports.monitor}/healthz`);
  expect(plain.ok).toBe(false);
});

describe('the users of auth.users', () => {
  const keys = nkeys.createUser();
  const publicKey = keys.getPublicKey();
  const PASSWORD = 'pass "word" \\ $HOME %';
  const reading = { permissions: { publish: { allow: ['ask.>'] }, subscribe: { allow: ['meshery.>', '_INBOX.>'] } } };
  const users = [
    { user: 'reader', passwordSecretRef: { name: 'reader' }, ...reading },
    { user: 'machine', nkeySecretRef: { name: 'machine' }, ...reading },
    { user: 'admin', passwordSecretRef: { name: 'reader' } },
  ];
  const secrets = [secret('reader', { password: PASSWORD }), secret('machine', { nkey: publicKey })];
  const reader = { user: 'reader', pass: PASSWORD };

  async function withUsers(size: number, spec: object = {}, more: KeyObjects = {}) {
    const generated = generate(size, { auth: { users }, ...spec }, [...secrets, ...(more.secrets ?? [])]);
    const started = await broker(generated, size, more.files);
    const ofUsers: NatsServer[] = [];
    for (const server of started) ofUsers.push(await startUsers(server));
    servers.push(...ofUsers);
    return { generated, started, ofUsers };
  }
  interface KeyObjects {
    secrets?: KubeObject[];
    files?: Files;
  }

  it.each([
    ['one server', 1, {}],
    ['two servers', 2, {}],
    [
      'two servers that also accept leaf nodes with TLS',
      2,
      {
        leafNodes: {
          enabled: true,
          tls: { secretName: 'nats-tls' },
          authorization: { users: [{ user: 'a', passwordSecretRef: { name: 'reader' } }] },
        },
      },
    ],
  ])('read each message once, of %s', async (_what, size, spec) => {
    const ca = await authority();
    const pair = await issue(ca, 'meshery-nats.meshery.svc');
    const more = { secrets: [tlsSecret('nats-tls', pair, ca)], files: files(pair, ca) };
    const { generated, started, ofUsers } = await withUsers(size, spec, more);
    const byPassword = await client(ofUsers.at(-1) as NatsServer, reader);
    const byKey = await client(ofUsers[0] as NatsServer, {
      authenticator: nkeyAuthenticator(new TextEncoder().encode(new TextDecoder().decode(keys.getSeed()))),
    });
    const counts = [counted(byPassword, 'meshery.>'), counted(byKey, 'meshery.>')];
    await Promise.all([byPassword.flush(), byKey.flush()]);
    const meshSync = await client(started[0] as NatsServer, { token: generated.token });
    const ready = async () => {
      meshSync.publish('meshery.core', 'first');
      return counts.every((count) => count.has('first'));
    };
    expect(await until('the first message', ready, 20)).toBe(true);
    for (let index = 0; index < 500; index += 1) meshSync.publish('meshery.core', `${index}`);
    await meshSync.flush();
    const all = async () => counts.every((count) => count.size === 501);
    expect(await until('all messages', all, 20)).toBe(true);
    await pause(200);
    for (const count of counts) {
      count.delete('first');
      expect(new Set(count.values())).toEqual(new Set([1]));
    }
  });

  it('may do only what their permissions say', async () => {
    const { generated, started, ofUsers } = await withUsers(1);
    const [server, own] = [started[0] as NatsServer, ofUsers[0] as NatsServer];
    const user = await client(own, reader);
    const meshSync = await client(server, { token: generated.token });
    const errors: string[] = [];
    (async () => {
      for await (const status of user.status()) if (status.type === 'error') errors.push(String(status.error));
    })();
    const heard = counted(meshSync, 'meshery.>');
    await meshSync.flush();
    user.publish('meshery.core', 'forged');
    const refused = user.subscribe('secrets');
    await expect((async () => void (await refused[Symbol.asyncIterator]().next()))()).rejects.toThrow(/permission/i);
    await until('the error', async () => errors.some((error) => /publish/i.test(error)), 10);
    expect(errors.join()).toMatch(/Permissions Violation.*meshery\.core/i);
    expect(heard.size).toBe(0);
    // A request that it may make, and its answer.
    meshSync.subscribe('ask.me', { callback: (_error, message) => void message.respond('yes') });
    await meshSync.flush();
    const answer = async () => (await user.request('ask.me', '', { timeout: 500 }).catch(() => undefined))?.string();
    expect(await until('the answer', answer, 20)).toBe('yes');
  });

  it('may do nothing where a list of what they may is empty, and only answer with allowResponses alone', async () => {
    const permissions = [
      { publish: { allow: [] }, subscribe: { allow: [] } },
      { publish: { allow: [] }, allowResponses: true },
      { allowResponses: true },
    ];
    const passwordSecretRef = { name: 'reader' };
    const restricted = permissions.map((each, index) => ({ user: `u${index}`, passwordSecretRef, permissions: each }));
    const { generated, started, ofUsers } = await withUsers(1, { auth: { users: restricted } });
    const meshSync = await client(started[0] as NatsServer, { token: generated.token });
    const heard = counted(meshSync, 'meshery.>');
    await meshSync.flush();
    for (const { user } of restricted) {
      const connection = await client(ofUsers[0] as NatsServer, { user, pass: PASSWORD });
      connection.publish('meshery.core', 'forged');
      const asked = connection.subscribe(`ask.${user}`, {
        callback: (error, message) => void (error ?? message.respond('yes')),
      });
      await connection.flush();
      const answer = async () =>
        (await meshSync.request(`ask.${user}`, '', { timeout: 300 }).catch(() => undefined))?.string();
      if (user === 'u0') expect(await answer()).toBeUndefined();
      else expect(await until('the answer', answer, 10)).toBe('yes');
      asked.unsubscribe();
    }
    expect(heard.size).toBe(0);
  });

  it('may have a bcrypt hash for a password, which is not accepted itself', async () => {
    const hash = '$2b$04$abcdefghijklmnopqrstuuQCzP7jzWZS/E3GL4oF3LWbHm3pfKHH.';
    const { ofUsers } = await withUsers(1, {}, { secrets: [secret('reader', { password: hash })] });
    const [own] = ofUsers as [NatsServer];
    await client(own, { user: 'reader', pass: 'a password' });
    await expect(client(own, { user: 'reader', pass: hash })).rejects.toThrow(/authorization/i);
  });

  it('are no clients of the token, and the other way round', async () => {
    const { generated, started, ofUsers } = await withUsers(1);
    const [server, own] = [started[0] as NatsServer, ofUsers[0] as NatsServer];
    for (const wrong of [{ token: generated.token }, {}, { ...reader, pass: 'x' }, { user: publicKey }]) {
      await expect(client(own, wrong)).rejects.toThrow(/authorization/i);
    }
    await expect(client(server, reader)).rejects.toThrow(/authorization/i);
  });

  it('are added and removed by a reload', async () => {
    const { generated, started, ofUsers } = await withUsers(1);
    const [server, own] = [started[0] as NatsServer, ofUsers[0] as NatsServer];
    const kept = await client(own, { user: 'admin', pass: PASSWORD });
    const changed = generate(1, { auth: { users: [...users.slice(1), { ...users[0], user: 'second' }] } }, secrets);
    // The credentials of the servers stay: only the file of the users is another.
    const usersConf = (changed.files['users.conf'] ?? '').replaceAll(changed.routePassword, generated.routePassword);
    await writeFiles(server.directory, server.ports, [server.ports], { 'users.conf': usersConf });
    const before = own.log().length;
    own.process.kill('SIGHUP');
    await until('the reload', async () => own.log().slice(before).includes('Reloaded server configuration'), 10);
    await client(own, { user: 'second', pass: PASSWORD });
    await expect(client(own, reader)).rejects.toThrow(/authorization/i);
    expect(await kept.rtt()).toBeGreaterThanOrEqual(0);
  });

  it('use JetStream of the Broker by its domain', async () => {
    const domain = { domain: 'hub' };
    const { ofUsers } = await withUsers(1, { jetstream: { fileStore: { size: '1Gi' }, ...domain } });
    const admin = await client(ofUsers[0] as NatsServer, { user: 'admin', pass: PASSWORD });
    const reached = () => jetstreamManager(admin, domain).catch(() => undefined);
    const manager = await until('JetStream', reached, 20);
    await manager?.streams.add({ name: 'events', subjects: ['events'] });
    await jetstream(admin, domain).publish('events', 'hello');
    expect((await manager?.streams.info('events'))?.state.messages).toBe(1);
    await expect(jetstreamManager(admin)).rejects.toThrow(/not enabled/);
  });

  it('are of a server whose probes leave no errors in its log, with TLS', async () => {
    const ca = await authority();
    const pair = await issue(ca, 'meshery-nats.meshery.svc');
    const more = { secrets: [tlsSecret('nats-tls', pair, ca)], files: files(pair, ca) };
    const { ofUsers } = await withUsers(1, { tls: { secretName: 'nats-tls' } }, more);
    const [own] = ofUsers as [NatsServer];
    const response = await fetch(`http://127.0.0.1:${own.ports.usersMonitor}/healthz`);
    expect(response.status).toBe(200);
    await pause(500);
    expect(own.log()).not.toContain('[ERR]');
  });

  it('are not left without messages by a pod that stops', async () => {
    const { generated, started, ofUsers } = await withUsers(2);
    const to = ofUsers.map(({ url }) => url).reverse();
    const others = Array.from({ length: 5 }, () => client(to[0] ?? '', { ...reader, servers: to, noRandomize: true }));
    const [user] = (await Promise.all(others)) as [NatsConnection];
    const meshSync = await client(started[0] as NatsServer, { token: generated.token });
    let [last, gap] = [Date.now(), 0];
    user.subscribe('meshery.>', {
      callback: () => {
        gap = Math.max(gap, Date.now() - last);
        last = Date.now();
      },
    });
    await user.flush();
    const publishing = setInterval(() => meshSync.publish('meshery.core', 'x'), 20);
    try {
      await pause(1_000);
      [last, gap] = [Date.now(), 0];
      // The clients with the token are on the other server, so this one has none to move.
      started[1]?.process.kill(generated.stops.nats);
      ofUsers[1]?.process.kill(generated.stops.users);
      const hasEnded = async () => [started[1], ofUsers[1]].every((each) => each?.process.exitCode !== null);
      expect(await until('the end of the pod', hasEnded, 40)).toBe(true);
      await pause(1_000);
    } finally {
      clearInterval(publishing);
    }
    gap = Math.max(gap, Date.now() - last);
    expect(gap).toBeLessThan(2_000);
  }, 90_000);

  it('go on when the server of their pod restarts', async () => {
    const { generated, started, ofUsers } = await withUsers(1);
    const [server, own] = [started[0] as NatsServer, ofUsers[0] as NatsServer];
    const user = await client(own, reader);
    const counts = counted(user, 'meshery.>');
    await server.end('SIGTERM');
    const again = await startAgain(server);
    servers.push(again);
    await healthy(again);
    const meshSync = await client(again, { token: generated.token });
    const heard = async () => {
      meshSync.publish('meshery.core', 'after');
      return counts.has('after');
    };
    expect(await until('the message', heard, 30)).toBe(true);
  });
});

describe('leaf nodes', () => {
  /** A central Broker that accepts leaf nodes with TLS, and the specs of Brokers that are its leaf nodes. */
  async function hub() {
    const ca = await authority();
    const pair = await issue(ca, 'hub.example.com');
    const passwords = [secret('east', { password: 'p%ss word:/@' }), secret('west', { password: 'another' })];
    const spec = {
      leafNodes: {
        enabled: true,
        tls: { secretName: 'hub-tls' },
        authorization: {
          users: ['east', 'west'].map((user) => ({ user, passwordSecretRef: { name: user } })),
        },
      },
    };
    const generated = generate(1, spec, [...passwords, tlsSecret('hub-tls', pair, ca)], 'hub');
    const [server] = (await broker(generated, 1, files(pair, ca))) as [NatsServer];
    const remote = (user: string, to: NatsServer = server) => ({
      leafNodes: {
        remotes: [
          {
            ...{ url: `tls://127.0.0.1:${to.ports.leafNodes}`, user, passwordSecretRef: { name: user } },
            tls: { secretName: 'hub-ca' },
          },
        ],
      },
    });
    const secrets = [...passwords, secret('hub-ca', { 'ca.crt': ca.certificate })];
    return { server, generated, remote, secrets };
  }

  /** The names of the clusters of the leaf nodes that a server has. */
  const leafs = async (server: NatsServer) =>
    ((await server.monitor('/leafz')) as { leafs?: { name: string }[] }).leafs?.map(({ name }) => name) ?? [];

  it('bring the messages of two Brokers of the same name to a hub once, also after it has restarted', async () => {
    const { server, generated, remote, secrets } = await hub();
    const east = generate(1, remote('east'), secrets, 'the-uid-of-east');
    const west = generate(3, remote('west'), secrets, 'the-uid-of-west');
    const [ofEast, ofWest] = [await broker(east, 1), await broker(west, 3)];
    expect(await until('the leaf nodes', async () => (await leafs(server)).length === 4, 20)).toBe(true);
    const subscriber = await client(server, { token: generated.token, maxReconnectAttempts: -1 });
    const counts = counted(subscriber, 'meshery.>');
    await subscriber.flush();
    // As MeshSync does, one publishes to each Broker, of whichever server.
    const meshSyncs: [string, NatsConnection][] = [
      ['east', await client(ofEast[0] as NatsServer, { token: east.token, name: 'meshsync' })],
      ['west', await client(ofWest[2] as NatsServer, { token: west.token, name: 'meshsync' })],
    ];
    let sent = 0;
    const publish = async (count: number) => {
      for (let index = 0; index < count; index += 1, sent += 1) {
        for (const [name, meshSync] of meshSyncs) meshSync.publish('meshery.meshsync.core', `${name} ${sent}`);
        await pause(2);
      }
      await Promise.all(meshSyncs.map(([, meshSync]) => meshSync.flush()));
    };
    const arrivesFrom = (name: string) => async () => {
      await publish(1);
      await pause(20);
      return counts.has(`${name} ${sent - 1}`);
    };
    for (const [name] of meshSyncs) await until(`a message of ${name}`, arrivesFrom(name), 20);
    const first = sent;
    await publish(300);
    const all = (from: number, to: number) => async () =>
      meshSyncs.every(([name]) =>
        Array.from({ length: to - from }, (_, index) => `${name} ${from + index}`).every((each) => counts.has(each)),
      );
    expect(await until('all messages', all(first, first + 300), 10)).toBe(true);

    await server.end('SIGTERM');
    await publish(100); // nobody hears them at the hub: NATS without JetStream keeps nothing
    const again = await startAgain(server);
    servers.push(again);
    await healthy(again);
    for (const [name] of meshSyncs) await until(`a message of ${name} again`, arrivesFrom(name), 60);
    const second = sent;
    await publish(300);
    expect(await until('all messages again', all(second, second + 300), 10)).toBe(true);
    await pause(500);
    expect(new Set(counts.values())).toEqual(new Set([1]));
    // What is missing was sent while the hub was away, and in one piece.
    for (const [name] of meshSyncs) {
      const missing = Array.from({ length: sent - first }, (_, index) => first + index).filter(
        (each) => !counts.has(`${name} ${each}`),
      );
      expect(missing.length).toBeGreaterThanOrEqual(100);
      expect(missing[0]).toBe(first + 300);
      expect(missing.at(-1)).toBe(first + 300 + missing.length - 1);
    }
    // Nobody is told the passwords: neither by the logs, nor at the monitoring port, which requires none.
    const passwords = ['p%ss word:/@', encodeURIComponent('p%ss word:/@'), 'another', generated.routePassword];
    for (const each of servers.filter(({ process }) => process.exitCode === null)) {
      const texts = await Promise.all(
        ['/varz', '/leafz?subs=1', '/connz?auth=1', '/jsz'].map(async (path) =>
          JSON.stringify(await each.monitor(path)),
        ),
      );
      for (const text of [...texts, each.log()]) for (const word of passwords) expect(text).not.toContain(word);
    }
  }, 120_000);

  it('get what is published at the hub and at the other Brokers, once', async () => {
    const { server, generated, remote, secrets } = await hub();
    const brokers = [generate(1, remote('east'), secrets, 'a'), generate(2, remote('west'), secrets, 'b')] as const;
    const [[east], west] = [await broker(brokers[0], 1), await broker(brokers[1], 2)] as const;
    const all = await Promise.all([
      client(server, { token: generated.token }),
      client(east as NatsServer, { token: brokers[0].token }),
      ...west.map((each) => client(each, { token: brokers[1].token })),
    ]);
    const counts = all.map((connection) => counted(connection, 'a'));
    await Promise.all(all.map((connection) => connection.flush()));
    const ready = async () => {
      for (const [index, connection] of all.entries()) connection.publish('a', `ready ${index}`);
      return counts.every((count) => count.size >= all.length);
    };
    expect(await until('the leaf nodes', ready, 30)).toBe(true);
    for (const [index, connection] of all.entries()) connection.publish('a', `${index}`);
    const arrived = async () => counts.every((count) => all.every((_, index) => count.has(`${index}`)));
    expect(await until('all messages', arrived, 10)).toBe(true);
    await pause(300);
    for (const count of counts) expect(all.map((_, index) => count.get(`${index}`))).toEqual(all.map(() => 1));
  }, 60_000);

  it('of clusters of the same name drive each other out, which is why the name contains the uid', async () => {
    const { server, remote, secrets } = await hub();
    for (const user of ['east', 'west']) await broker(generate(1, remote(user), secrets, 'the same uid'), 1);
    const refused = async () => servers.some((each) => each.log().includes('Duplicate Remote LeafNode Connection'));
    expect(await until('the error', refused, 20)).toBe(true);
    expect((await leafs(server)).length).toBeLessThan(2);
  });

  it('give the cluster another name, which streams are told before they get more replicas', async () => {
    const jetStream = { jetstream: { fileStore: { size: '1Gi' }, domain: 'east' } };
    const before = generate(3, jetStream);
    await broker(before, 3);
    const all = servers.map(({ ports }) => ports);
    const to = servers.map(({ url }) => url);
    const connection = await client(to[0] ?? '', { token: before.token, servers: to, maxReconnectAttempts: -1 });
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const eventually = <Result>(what: string, ask: () => Promise<Result>) =>
      until(what, () => ask().catch(() => undefined), 60);
    const stream = { name: 'events', subjects: ['events'] };
    await eventually('the stream', () => manager.streams.add({ ...stream, num_replicas: 1 }));
    await eventually('the message', () => jetstream(connection).publish('events', 'hello'));
    const remotes = [{ url: 'nats-leaf://127.0.0.1:1' }];
    const after = generate(3, { ...jetStream, leafNodes: { remotes } });
    const conf = after.credentialsConf
      .replaceAll(after.routePassword, before.routePassword)
      .replaceAll(after.token, before.token);
    for (const server of servers) await server.end('SIGTERM');
    for (const { directory, ports } of servers) await writeConfiguration(directory, ports, all, after.natsConf, conf);
    servers = await Promise.all(servers.map((server) => startAgain(server)));
    await Promise.all(servers.map(healthy));
    await eventually('another message', () => jetstream(connection).publish('events', 'hello again'));
    const { cluster, state } = await manager.streams.info('events');
    expect(state.messages).toBe(2);
    expect(cluster?.name).toMatch(/^meshery-nats-[0-9a-f]{8}$/);
    const scaled = { ...stream, num_replicas: 3 };
    await expect(manager.streams.update('events', scaled)).rejects.toThrow('no suitable peers');
    const placement = { cluster: cluster?.name ?? '', tags: [] };
    await manager.streams.update('events', { ...stream, num_replicas: 1, placement });
    await eventually('more replicas', async () => {
      const { config } = await manager.streams.info('events');
      return manager.streams.update('events', { ...config, num_replicas: 3 });
    });
    const replicated = async () => (await manager.streams.info('events')).cluster?.replicas?.length === 2;
    expect(await eventually('the replicas', replicated)).toBe(true);
  }, 180_000);

  it('need the password of a user and the certificate of an authority that they trust', async () => {
    const { server, remote, secrets } = await hub();
    const other = await authority('another authority');
    const replaced = (name: string, data: Record<string, string>) => [
      ...secrets.filter(({ metadata }) => metadata.name !== name),
      secret(name, data),
    ];
    const wrong = generate(1, remote('east'), replaced('east', { password: 'x' }), 'a');
    const untrusting = generate(1, remote('east'), replaced('hub-ca', { 'ca.crt': other.certificate }), 'b');
    const [first] = (await broker(wrong, 1)) as [NatsServer];
    const [second] = (await broker(untrusting, 1)) as [NatsServer];
    expect(await until('the refusal', async () => /authorization violation/i.test(first.log()), 20)).toBe(true);
    expect(await until('the refusal', async () => /certificate|x509/i.test(second.log()), 20)).toBe(true);
    expect(await leafs(server)).toEqual([]);
  });
});

describe('JetStream', () => {
  const spec = (more: object) => ({ jetstream: { fileStore: { size: '1Gi' }, ...more } });

  const withKey = (size: number, value: string) =>
    generate(size, spec({ encryptionKeySecretRef: { name: 'key' } }), [secret('key', { key: value })]);
  /** The configuration of another Broker, with the credentials of the running one. */
  const adapted = (text: string, from: Generated, to: Generated) =>
    text.replaceAll(from.routePassword, to.routePassword).replaceAll(from.token, to.token);
  const FIRST = 'the-first-key-of-it';

  it('encrypts streams that exist already, on three servers that roll', async () => {
    const plain = generate(3, spec({}));
    await broker(plain, 3);
    const all = servers.map(({ ports }) => ports);
    const to = servers.map(({ url }) => url);
    const connection = await client(to[0] ?? '', { token: plain.token, servers: to, maxReconnectAttempts: -1 });
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const eventually = <Result>(what: string, ask: () => Promise<Result>) =>
      until(what, () => ask().catch(() => undefined), 60);
    const stream = { name: 'events', subjects: ['events'], num_replicas: 3 };
    await eventually('the stream', () => manager.streams.add(stream));
    const publish = (id: string) =>
      eventually('the acknowledgement', () =>
        jetstream(connection).publish('events', id, { msgID: id, timeout: 2_000 }),
      );
    await publish('plain');
    const encrypted = withKey(3, FIRST);
    const restarted = async (ordinal: number, conf: string) => {
      const server = servers[ordinal] as NatsServer;
      await server.end('SIGTERM');
      await writeConfiguration(server.directory, server.ports, all, encrypted.natsConf, conf);
      const again = await startAgain(server);
      servers[ordinal] = again;
      return again;
    };
    const conf = adapted(encrypted.credentialsConf, encrypted, plain);
    for (const ordinal of [2, 1, 0]) {
      await healthy(await restarted(ordinal, conf));
      await publish(`encrypted ${ordinal}`);
    }
    const stored = async () => {
      const { state, cluster } = await manager.streams.info('events');
      return state.messages === 4 && cluster?.replicas?.every(({ current }) => current);
    };
    expect(await until('the messages on all replicas', () => stored().catch(() => false), 60)).toBe(true);
    // Another key, although they are told the one before: this is why the operator does not replace it.
    const next = conf.replace(FIRST, 'the-second-key-of-it').replace('KEY: ""', `KEY: "${FIRST}"`);
    const refused = await restarted(2, next);
    await expect(healthy(refused)).rejects.toThrow('message authentication failed');
  }, 240_000);

  it('encrypts streams of a single server anew when the key is replaced', async () => {
    const first = withKey(1, FIRST);
    let [server] = (await broker(first, 1)) as [NatsServer];
    const events = async (generated: Generated) =>
      jetstreamManager(await client(server, { token: generated.token, reconnect: false }));
    await (await events(first)).streams.add({ name: 'events', subjects: ['events'] });
    const second = withKey(1, 'the-second-key-of-it');
    const before = second.credentialsConf.replace('PREVIOUS_ENCRYPTION_KEY: ""', `PREVIOUS_ENCRYPTION_KEY: "${FIRST}"`);
    expect(before).not.toBe(second.credentialsConf);
    for (const conf of [before, second.credentialsConf]) {
      await jetstream(
        await client(server, { token: (conf === before ? first : second).token, reconnect: false }),
      ).publish('events', 'hello');
      await server.end('SIGTERM');
      await writeConfiguration(server.directory, server.ports, [server.ports], second.natsConf, conf);
      server = await startAgain(server);
      servers.push(server);
      await healthy(server);
    }
    expect((await (await events(second)).streams.info('events')).state.messages).toBe(2);
  });

  it('can not read streams of a key that it does not know, which is why the operator keeps the last ones', async () => {
    const first = withKey(1, FIRST);
    const [server] = (await broker(first, 1)) as [NatsServer];
    const connection = await client(server, { token: first.token });
    await (await jetstreamManager(connection)).streams.add({ name: 'events', subjects: ['events'] });
    await server.end('SIGTERM');
    const other = withKey(1, 'another-key-of-its');
    await writeConfiguration(server.directory, server.ports, [server.ports], other.natsConf, other.credentialsConf);
    const again = await startAgain(server);
    servers.push(again);
    const dropped = async () => again.log().includes('Error decrypting our stream metafile');
    expect(await until('the error', dropped, 10)).toBe(true);
    await expect(healthy(again)).rejects.toThrow("stream '$G > events' could not be recovered");
  }, 60_000);

  it('has the domain, the limits and the catch-up of the spec', async () => {
    const more = { domain: 'hub', maxOutstandingCatchup: '32Mi' };
    const generated = generate(1, {
      jetstream: { fileStore: { size: '100Mi', maxSize: '90%', medium: 'Memory' }, ...more },
    });
    const [server] = (await broker(generated, 1)) as [NatsServer];
    const { config } = (await server.monitor('/jsz')) as { config: object };
    expect(config).toMatchObject({ domain: 'hub', max_storage: 90 * 2 ** 20 });
    expect(generated.natsConf).toContain('max_outstanding_catchup: 33554432\n');
  });
});
