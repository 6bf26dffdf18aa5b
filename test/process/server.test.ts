import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { start } from '../support/built.ts';
import { type Servers, servers } from '../support/listening.ts';
import { brokerParent, brokerWithChildren } from '../support/scenarios.ts';

let server: Servers;
const listen: Servers['listen'] = (env) => server.listen(env);

beforeAll(async () => {
  server = await servers();
});
afterAll(() => server.stop());

/** Waits until connections are rejected. */
async function rejectsConnections(url: string): Promise<void> {
  while (await fetch(`${url}/livez`).catch(() => undefined)) await new Promise((done) => setTimeout(done, 20));
}

describe('the server', () => {
  it.each([
    ['PORT', 'abc', 'PORT must be an integer'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent'],
  ])('exits with one line for %s=%s', async (name, value, message) => {
    const { code, stdout, stderr } = await start(server.bundles.server, [], { [name]: value }).finished;
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: `meshery-operator: ${message}\n` });
  });

  it('exits with one line when its port is in use', async () => {
    const holder = createServer();
    await new Promise<void>((done) => holder.listen(0, '127.0.0.1', done));
    const { port } = holder.address() as { port: number };
    const { code, stderr } = await start(server.bundles.server, [], {
      HOST: '127.0.0.1',
      PORT: String(port),
      MONITORING_PORT: '0',
    }).finished;
    holder.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^meshery-operator: listen EADDRINUSE[^\n]*\n$/);
  });

  it('needs only Node and its one file', async () => {
    const { url } = await listen();
    const response = await fetch(`${url}/broker/sync`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ parent: brokerParent({}), children: {} }),
    });
    expect(response.status).toBe(200);
    expect(((await response.json()) as { children: unknown[] }).children).toHaveLength(6);
  });

  it('contains no code of the Kubernetes client', async () => {
    const client = await readFile('node_modules/@kubernetes/client-node/dist/config.js', 'utf8');
    const code = await readFile(server.bundles.server, 'utf8');
    for (const word of ['loadFromCluster', 'KubeConfig']) {
      expect(client).toContain(word);
      expect(code).not.toContain(word);
    }
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('completes requests in flight and exits with 0 on %s', async (signal) => {
    const { child, port, url, monitoring, finished, written } = await listen({ DRAIN_TIME: '300' });
    const body = JSON.stringify({ parent: brokerParent({}), children: {} });
    const socket = connect(port, '127.0.0.1');
    const response = text(socket);
    socket.write(
      `POST /broker/sync HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body.slice(0, 20));
    await new Promise((done) => setTimeout(done, 100));
    child.kill(signal);
    await written(/shutting down/);
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect((await fetch(`${monitoring}/readyz`)).status).toBe(503);
    expect((await fetch(`${url}/livez`)).headers.get('connection')).toBe('close');
    await rejectsConnections(url);
    socket.write(body.slice(20));
    expect(await response).toMatch(/^HTTP\/1\.1 200 OK\r\n.*"children":\[/s);
    expect(await finished).toMatchObject({ code: 0, stderr: '' });
  });

  it('does not wait for idle connections, and responds to a request that arrives before it closes them', async () => {
    const { child, port, monitoring, finished, written } = await listen({ DRAIN_TIME: '500' });
    const open = async (to: number) => {
      const socket = connect(to, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    };
    for (const to of [port, Number(new URL(monitoring).port)]) (await open(to)).on('error', () => {});
    const late = await open(port);
    child.kill('SIGTERM');
    await written(/shutting down/);
    const response = text(late);
    late.write('GET /livez HTTP/1.1\r\nhost: test\r\n\r\n');
    expect(await response).toMatch(/^HTTP\/1\.1 200 OK\r\n.*connection: close/s);
    expect(await finished).toMatchObject({ code: 0 });
  });

  it('completes a response that it is sending', async () => {
    const { child, port, finished, written } = await listen({ DRAIN_TIME: '100', BODY_LIMIT: '33554432' });
    const body = JSON.stringify(brokerWithChildren(150_000));
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `POST /broker/sync HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const [first] = (await once(socket, 'data')) as [Buffer];
    socket.pause();
    const length = Number(/content-length: (\d+)/i.exec(first.toString())?.[1]);
    expect(length).toBeGreaterThan(10_000_000);
    child.kill('SIGTERM');
    await written(/shutting down/);
    await new Promise((done) => setTimeout(done, 500));
    const chunks = [first];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const response = Buffer.concat(chunks);
    expect(response.length - response.indexOf('\r\n\r\n') - 4).toBe(length);
    expect(await finished).toMatchObject({ code: 0 });
  });

  it('logs nothing of a request that is not HTTP', async () => {
    const { child, port, finished, written } = await listen({ DRAIN_TIME: '0', LOG_LEVEL: 'trace' });
    const socket = connect(port, '127.0.0.1');
    socket.end('POST /broker/sync HTTP/1.1\r\nauthorization: Bearer tSECRETofTheTest2\r\ncontent-length: ten\r\n\r\n');
    await text(socket);
    await written(/client error/);
    child.kill('SIGTERM');
    const { stdout } = await finished;
    const bytes = [...Buffer.from('tSECRETofTheTest2')].join(',');
    for (const word of ['tSECRETofTheTest2', bytes, 'rawPacket']) expect(stdout).not.toContain(word);
  });

  it('waits at most SHUTDOWN_TIMEOUT for a request that does not end', async () => {
    const { child, port, finished } = await listen({ DRAIN_TIME: '0', SHUTDOWN_TIMEOUT: '200' });
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      'POST /broker/sync HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n',
    );
    await new Promise((done) => setTimeout(done, 100));
    const before = Date.now();
    child.kill('SIGTERM');
    await finished;
    expect(Date.now() - before).toBeLessThan(3000);
    socket.destroy();
  });

  it('logs an uncaught error, and exits with 1', async () => {
    const fault = 'data:text/javascript,setTimeout(() => { throw new Error("unforeseen") }, 800)';
    const { finished } = await listen({
      NODE_OPTIONS: `--import=${fault.replaceAll(' ', '%20').replaceAll('"', '%22')}`,
    });
    const { code, stdout } = await finished;
    expect(code).toBe(1);
    expect(stdout).toMatch(/"level":60.*unforeseen.*"msg":"shutting down after an error"/);
  });

  it('logs JSON lines, and nothing of a request at level info', async () => {
    const { child, url, finished } = await listen({ DRAIN_TIME: '0' });
    await fetch(`${url}/livez`);
    child.kill('SIGTERM');
    const lines = (await finished).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string });
    expect(lines.map(({ msg }) => msg)).toEqual([
      expect.stringContaining('health and metrics at'),
      expect.stringContaining('listening on'),
      'shutting down',
    ]);
  });
});
