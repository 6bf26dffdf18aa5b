import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../cluster/processes.ts';
import { type Listening, type Servers, servers } from '../support/listening.ts';
import { brokerParent, brokerWithChildren } from '../support/scenarios.ts';

const BODY = JSON.stringify({ parent: brokerParent(), children: {} });
const HEAD = 'POST /broker/sync HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n';

let all: Servers;
const sockets: Socket[] = [];
beforeAll(async () => {
  all = await servers();
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await all.stop();
});

async function open({ port }: Listening): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  sockets.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Resolves when the other side has closed a connection, in any way. */
function closed(socket: Socket): Promise<unknown> {
  return new Promise((done) => socket.once('end', done).once('close', done));
}

/** The data that arrives until the other side has closed a connection. */
async function received(socket: Socket): Promise<string> {
  let response = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    response += chunk;
  });
  await closed(socket);
  return response;
}

const post = ({ url }: Listening, body = BODY) =>
  fetch(`${url}/broker/sync`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });

async function memory({ monitoring }: Listening): Promise<number> {
  const metrics = await (await fetch(`${monitoring}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(metrics)?.[1]);
}

describe('other clients are served, and memory does not grow, during', () => {
  const attacks: [string, (server: Listening) => Promise<unknown>][] = [
    [
      'connections that send nothing, or their headers without end',
      async (server) => {
        const slow = await Promise.all(Array.from({ length: 50 }, () => open(server)));
        for (const [index, socket] of slow.entries()) if (index % 2) socket.write('POST /broker/sync HTTP/1.1\r\nx-');
        const drip = setInterval(() => {
          for (const [index, socket] of slow.entries()) if (index % 2) socket.write('a');
        }, 100);
        expect((await post(server)).status).toBe(200);
        await Promise.all(slow.map((socket) => socket.resume() && closed(socket)));
        clearInterval(drip);
      },
    ],
    [
      'bodies that never end',
      async (server) => {
        const slow = await Promise.all(Array.from({ length: 50 }, () => open(server)));
        for (const socket of slow) socket.write(`${HEAD}content-length: 1000\r\n\r\n{`);
        expect((await post(server)).status).toBe(200);
        const responses = await Promise.all(slow.map(received));
        expect(new Set(responses.map((response) => response.slice(0, 12)))).toEqual(new Set(['HTTP/1.1 408']));
      },
    ],
    [
      'connections that are half closed in the middle of a request',
      async (server) => {
        for (const sent of [
          'POST',
          `${HEAD}content-length: 10\r\n\r\n{`,
          `${HEAD}transfer-encoding: chunked\r\n\r\n5\r\n{`,
        ]) {
          const socket = await open(server);
          socket.end(sent);
          expect(await received(socket)).not.toMatch(/^HTTP\/1\.1 [25]/);
        }
      },
    ],
    [
      'bodies that are too large',
      async (server) => {
        for (let n = 0; n < 20; n++) {
          const socket = await open(server);
          socket.write(`${HEAD}content-length: ${2 * 1024 * 1024}\r\n\r\n{`);
          expect(await received(socket)).toMatch(/^HTTP\/1\.1 413 /);
        }
        // Without a length, the size is known only once that much has arrived; a client that still sends may miss the response.
        const endless = await open(server);
        const response = received(endless);
        endless.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
        const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
        const send = () => endless.writable && endless.write(chunk, () => setImmediate(send));
        send();
        expect(await response).toMatch(/^(HTTP\/1\.1 413 |$)/);
      },
    ],
    [
      'a hundred requests at once in one connection',
      async (server) => {
        const socket = await open(server);
        let responses = '';
        socket.setEncoding('utf8').on('data', (chunk) => {
          responses += chunk;
        });
        socket.write(`${HEAD}content-length: ${BODY.length}\r\n\r\n${BODY}`.repeat(100));
        await until('100 responses', async () => responses.match(/HTTP\/1\.1 200 OK/g)?.length === 100, 10);
      },
    ],
    [
      'bytes that are no HTTP',
      async (server) => {
        for (const bytes of [
          '\0\x01\x02\r\n\r\n',
          'GET / HTTP/9.9\r\n\r\n',
          `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
        ]) {
          const socket = await open(server);
          socket.end(bytes);
          expect(await received(socket)).toMatch(/^(HTTP\/1\.1 4[0-9][0-9] |$)/);
        }
        const headers = `${HEAD}${Array.from({ length: 3_000 }, (_, n) => `x-${n}: y\r\n`).join('')}\r\n`;
        const socket = await open(server);
        socket.end(headers);
        expect(await received(socket)).toMatch(/^HTTP\/1\.1 431 /);
      },
    ],
  ];

  it.concurrent.each(attacks)('%s', async (_what, attack) => {
    const server = await all.listen({ BODY_LIMIT: String(1024 * 1024) });
    for (let n = 0; n < 20; n++) await post(server);
    const before = await memory(server);
    await attack(server);
    expect((await post(server)).status).toBe(200);
    expect((await fetch(`${server.monitoring}/readyz`)).status).toBe(200);
    // Twice the limit of a body, and the margin of a heap.
    await until('the memory to return', async () => (await memory(server)) < before + 64 * 1024 * 1024, 20);
    server.child.kill('SIGTERM');
    expect(await server.finished).toMatchObject({ code: 0, stderr: '' });
  });

  it.concurrent('a client that does not read its response blocks its place for a limited time only', async () => {
    const server = await all.listen({ MAX_REQUESTS: '1', BODY_LIMIT: String(32 * 1024 * 1024) });
    const body = JSON.stringify(brokerWithChildren(150_000));
    const deaf = await open(server);
    deaf.pause().write(`${HEAD}content-length: ${body.length}\r\n\r\n${body}`);
    await until('the place to be in use', async () => (await post(server)).status === 429, 10);
    await new Promise((done) => setTimeout(done, 2_000));
    expect((await post(server)).status).toBe(429);
    await until('the place', async () => (await post(server)).status === 200, 40);
  }, 60_000);
});

it('connections over MAX_CONNECTIONS are closed, and a new one is accepted when another has ended', async () => {
  const server = await all.listen({ MAX_CONNECTIONS: '5' });
  const idle = await Promise.all(Array.from({ length: 5 }, () => open(server)));
  await expect(post(server)).rejects.toThrow();
  idle[0]?.destroy();
  await until('a connection', async () => (await post(server)).ok, 5);
});

it('no sync is lost while one process replaces another under load', async () => {
  const old = await all.listen({ DRAIN_TIME: '500' });
  let target = old.port;
  const agent = new Agent({ keepAlive: true });
  const codes: number[] = [];
  const sync = () =>
    new Promise<void>((resolve, reject) => {
      const sent = request(
        {
          ...{ host: '127.0.0.1', port: target, path: '/broker/sync', method: 'POST', agent },
          headers: { 'content-type': 'application/json', 'content-length': BODY.length },
        },
        (response) => {
          codes.push(response.statusCode ?? 0);
          text(response).then(() => resolve(), reject);
        },
      );
      sent.on('error', reject);
      sent.end(BODY);
    });
  let loading = true;
  const load = Array.from({ length: 20 }, async () => {
    while (loading) await sync();
  });
  await until('the load', async () => codes.length > 200, 10);
  const next = await all.listen();
  // As in a cluster: the Service now points to the new process, and connections to the old one are still used for a while.
  target = next.port;
  old.child.kill('SIGTERM');
  expect(await old.finished).toMatchObject({ code: 0, stderr: '' });
  const before = codes.length;
  await until('more load', async () => codes.length > before + 200, 10);
  loading = false;
  await Promise.all(load);
  expect(new Set(codes)).toEqual(new Set([200]));
  agent.destroy();
});
