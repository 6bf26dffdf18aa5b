import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';
import { goTool } from '../tools.ts';
import {
  freePorts,
  type Generated,
  generate,
  healthy,
  type NatsServer,
  pidOf,
  startBroker,
  startServer,
  writeConfiguration,
} from './nats-servers.ts';

const run = promisify(execFile);

let servers: NatsServer[] = [];
let connections: NatsConnection[] = [];

afterEach(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await Promise.all(servers.map((server) => server.stop('SIGKILL')));
  servers = [];
  connections = [];
});

async function broker(size: number): Promise<Generated> {
  const generated = generate(size);
  servers = await startBroker(generated, size);
  return generated;
}

async function client(token: string | undefined, ...to: (NatsServer | undefined)[]): Promise<NatsConnection> {
  const connection = await connect({
    servers: to.map((server) => server?.url ?? ''),
    ...(token !== undefined && { token }),
    noRandomize: true,
    reconnectTimeWait: 100,
    timeout: 5_000,
  });
  connections.push(connection);
  return connection;
}

/** Publishes until the subscriber, whose interest takes a moment to reach the other servers, has got a message. */
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

async function eventually(check: () => Promise<boolean>, seconds: number): Promise<boolean> {
  for (const end = Date.now() + seconds * 1_000; Date.now() < end; ) {
    if (await check()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

describe.each([1, 3])('the generated configuration of %i server(s)', (size) => {
  it('lets the token in, and neither another nor none', async () => {
    const { token } = await broker(size);
    for (const server of servers) {
      expect((await client(token, server)).isClosed()).toBe(false);
      await expect(client(`${token}x`, server)).rejects.toThrow(/authorization/i);
      await expect(client(undefined, server)).rejects.toThrow(/authorization/i);
    }
  });

  it('delivers from the first server to the last', async () => {
    const { token } = await broker(size);
    const publisher = await client(token, servers.at(0));
    const subscriber = await client(token, servers.at(-1));
    expect(await delivers(publisher, subscriber)).toBe(true);
  });

  it('takes a new token by a reload, and drops the old one', async () => {
    const { natsConf, credentialsConf, token } = await broker(size);
    const next = `${token}Rotated`;
    const all = servers.map(({ ports }) => ports);
    for (const server of servers) {
      await writeConfiguration(server.directory, server.ports, all, natsConf, credentialsConf.replace(token, next));
      process.kill(await pidOf(server), 'SIGHUP');
      expect(await eventually(async () => server.log().includes('Reloaded server configuration'), 5)).toBe(true);
      await client(next, server);
      await expect(client(token, server)).rejects.toThrow(/authorization/i);
    }
  });
});

describe('three servers', () => {
  it('are one cluster of three', async () => {
    await broker(3);
    for (const server of servers) {
      const complete = async () => {
        const { routes } = (await server.monitor('/routez')) as { routes: { remote_name: string }[] };
        return new Set(routes.map(({ remote_name }) => remote_name)).size === 2;
      };
      expect(await eventually(complete, 10)).toBe(true);
      expect((await server.monitor('/varz')).server_name).toBe(server.name);
    }
  });

  it('go on when one of them is killed', async () => {
    const { token } = await broker(3);
    const publisher = await client(token, servers[0]);
    const subscriber = await client(token, servers[2]);
    await servers[1]?.stop('SIGKILL');
    expect(await delivers(publisher, subscriber)).toBe(true);
  });

  it('refuse a route without their credentials', async () => {
    const { natsConf, credentialsConf } = await broker(3);
    const all = servers.map(({ ports }) => ports);
    const wrong = credentialsConf.replaceAll(/nats:\/\/route:[^@]+@/g, 'nats://route:wrong@');
    expect(wrong).not.toBe(credentialsConf);
    const stranger = await startServer('stranger', await freePorts(), all, natsConf, wrong);
    servers.push(stranger);
    await healthy(stranger);
    const refused = async () =>
      servers.slice(0, 3).every((server) => /authentication error.*route/i.test(server.log()));
    expect(await eventually(refused, 10)).toBe(true);
    for (const server of servers.slice(0, 3)) {
      const { routes } = (await server.monitor('/routez')) as { routes: { remote_name: string }[] };
      expect(routes.map(({ remote_name }) => remote_name)).not.toContain('stranger');
    }
  });

  it('hand the clients of one over in lame-duck mode', async () => {
    const { token } = await broker(3);
    const moving = await client(token, servers[0], servers[1], servers[2]);
    expect(moving.getServer()).toContain(`:${servers[0]?.ports.nats}`);
    // What the preStop hook of a pod runs.
    await run(await goTool('nats-server'), [`-sl=ldm=${join(servers[0]?.directory ?? '', 'nats.pid')}`]);
    const moved = async () => !moving.getServer().includes(`:${servers[0]?.ports.nats}`) && !moving.isClosed();
    expect(await eventually(moved, 50)).toBe(true);
    expect(await delivers(moving, await client(token, servers[2]))).toBe(true);
  }, 90_000);
});
