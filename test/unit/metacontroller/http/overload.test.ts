import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterEach, expect, it } from 'vitest';
import type { Limits } from '../../../../src/metacontroller/http/overload.ts';
import { testApp } from '../../../support/app.ts';
import { brokerParent } from '../../../support/scenarios.ts';

const body = JSON.stringify({ parent: brokerParent(), children: {} });
const head = (length = body.length) =>
  `POST /broker/sync HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
let running: FastifyInstance | undefined;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await running?.close();
});

async function listen(limits: Partial<Limits>) {
  const service = testApp({ limits: { requests: 100, bytes: 1e9, eventLoopDelay: 0, ...limits } });
  running = service.app;
  const url = await service.app.listen({ host: '127.0.0.1', port: 0 });
  /** Sends the headers of a request without its body, and returns the connection. */
  const begin = async (length = body.length) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8');
    sockets.push(socket);
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(head(length));
    return socket;
  };
  const post = () =>
    fetch(`${url}/broker/sync`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return { ...service, url, begin, post };
}

/** Repeats the request until the response has a status. */
async function responseWith(post: () => Promise<Response>, status: number): Promise<Response> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const response = await post();
    if (response.status === status) return response;
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error(`no response with status ${status}`);
}

it('a request over the limit is rejected at once, and accepted when another one has ended', async () => {
  const { begin, post, monitoring, url } = await listen({ requests: 2 });
  const [first, second] = [await begin(), await begin()];
  const rejected = await responseWith(post, 429);
  expect(rejected.headers.get('retry-after')).toBe('1');
  expect(await rejected.json()).toEqual({
    statusCode: 429,
    error: 'Too Many Requests',
    message: 'the operator is overloaded: see the header Retry-After',
  });
  expect((await monitoring.inject('/metrics')).body).toMatch(/refused_total\{reason="requests"\} [1-9]/);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);

  first.write(body);
  const [response] = await once(first, 'data');
  expect(response).toMatch(/^HTTP\/1\.1 200 OK/);
  expect((await responseWith(post, 200)).status).toBe(200);
  second.destroy(); // a request that the client aborts is not counted any more either
  await begin();
  expect((await responseWith(post, 200)).status).toBe(200);
});

it('a half-closed request is not counted any more, and not subtracted twice', async () => {
  const { begin, post } = await listen({ requests: 1 });
  for (let n = 0; n < 5; n++) {
    const socket = (await begin()).resume();
    socket.end('{');
    await once(socket, 'close');
  }
  expect((await responseWith(post, 200)).status).toBe(200);
  await begin();
  expect((await responseWith(post, 429)).status).toBe(429);
});

it('pipelined requests of a broken connection are not counted any more', async () => {
  const { begin, post } = await listen({ requests: 3, bytes: 1e9 });
  for (let n = 0; n < 5; n++) {
    const socket = await begin();
    socket.write(`${body}${`${head()}${body}`.repeat(60)}`);
    socket.resetAndDestroy();
  }
  await responseWith(post, 200);
  const all = await Promise.all([post(), post(), post()]);
  expect(all.map(({ status }) => status)).toEqual([200, 200, 200]);
});

it('bodies over the total limit are rejected, and a single one is accepted', async () => {
  const { begin, post, monitoring } = await listen({ bytes: 1_000 });
  expect((await post()).status).toBe(200);
  const socket = await begin(900);
  await responseWith(post, 429);
  expect((await monitoring.inject('/metrics')).body).toMatch(/refused_total\{reason="bytes"\} [1-9]/);
  socket.destroy();
  expect((await responseWith(post, 200)).status).toBe(200);
});

it('syncs are rejected while the event loop is delayed', async () => {
  const { post, monitoring, url } = await listen({ eventLoopDelay: 20 });
  expect((await post()).status).toBe(200);
  const block = setInterval(() => {
    for (const end = performance.now() + 200; performance.now() < end; );
  }, 1);
  try {
    expect((await responseWith(post, 429)).headers.get('retry-after')).toBe('1');
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  } finally {
    clearInterval(block);
  }
  expect((await monitoring.inject('/metrics')).body).toMatch(/refused_total\{reason="event-loop"\} [1-9]/);
  expect((await responseWith(post, 200)).status).toBe(200);
});
