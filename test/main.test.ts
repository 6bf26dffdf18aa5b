import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bundles, buildBundles, type Running, start } from './support/built.ts';
import { brokerParent } from './support/scenarios.ts';

let bundles: Bundles;
const running: Running[] = [];

beforeAll(async () => {
  bundles = await buildBundles();
});

afterAll(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await bundles.remove();
});

async function listen(env: Record<string, string> = {}) {
  const server = start(bundles.server, [], { HOST: '127.0.0.1', PORT: '0', ...env });
  running.push(server);
  const [, port] = await server.written(/listening on http:\/\/127\.0\.0\.1:(\d+)/);
  return { ...server, port: Number(port), url: `http://127.0.0.1:${port}` };
}

describe('the server', () => {
  it.each([
    ['PORT', 'abc', 'PORT must be integer'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent'],
  ])('stops at %s=%s with one line', async (name, value, message) => {
    const { code, stdout, stderr } = await start(bundles.server, [], { [name]: value }).finished;
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: `meshery-operator: ${message}\n` });
  });

  it('stops with one line when its port is taken', async () => {
    const holder = createServer();
    await new Promise<void>((done) => holder.listen(0, '127.0.0.1', done));
    const { port } = holder.address() as { port: number };
    const { code, stderr } = await start(bundles.server, [], { HOST: '127.0.0.1', PORT: String(port) }).finished;
    holder.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^meshery-operator: listen EADDRINUSE[^\n]*\n$/);
  });

  it('needs nothing but Node and its one file', async () => {
    const { url } = await listen();
    const response = await fetch(`${url}/broker/sync`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ parent: brokerParent({}), children: {} }),
    });
    expect(response.status).toBe(200);
    expect(((await response.json()) as { children: unknown[] }).children).toHaveLength(5);
  });

  it('holds no code of the Kubernetes client', async () => {
    const client = await readFile('node_modules/@kubernetes/client-node/dist/config.js', 'utf8');
    const server = await readFile(bundles.server, 'utf8');
    for (const word of ['loadFromCluster', 'KubeConfig']) {
      expect(client).toContain(word);
      expect(server).not.toContain(word);
    }
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('answers what is at work and exits with 0 on %s', async (signal) => {
    const { child, port, url, finished, written } = await listen();
    const body = JSON.stringify({ parent: brokerParent({}), children: {} });
    const socket = connect(port, '127.0.0.1');
    const answer = text(socket);
    socket.write(
      `POST /broker/sync HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body.slice(0, 20));
    await new Promise((done) => setTimeout(done, 100));
    child.kill(signal);
    await written(/stopping/);
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
    socket.write(body.slice(20));
    expect(await answer).toMatch(/^HTTP\/1\.1 200 OK\r\n.*"children":\[/s);
    expect(await finished).toMatchObject({ code: 0, stderr: '' });
  });

  it('waits no longer than SHUTDOWN_TIMEOUT for a request that does not end', async () => {
    const { child, port, finished } = await listen({ SHUTDOWN_TIMEOUT: '200' });
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

  it('logs JSON lines, and nothing of a request at level info', async () => {
    const { child, url, finished } = await listen();
    await fetch(`${url}/livez`);
    child.kill('SIGTERM');
    const lines = (await finished).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string });
    expect(lines.map(({ msg }) => msg)).toEqual([expect.stringContaining('listening on'), 'stopping']);
  });
});
