import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';
import { encode } from '../../src/kubernetes/secrets.ts';
import type { KubeObject } from '../stand-in/json.ts';
import { authority, issue, tlsSecret } from '../support/certificates.ts';
import { chromium } from '../support/chromium.ts';
import { open, type Page } from './browser.ts';
import { type Files, freePorts, generate, type NatsServer, startBroker, startUsers } from './nats-servers.ts';
import { until } from './processes.ts';

const browser = await chromium();
if (!browser)
  process.stderr.write('no browser subscribes by WebSocket: install chromium, or set CHROMIUM to its path\n');

let servers: NatsServer[] = [];
let connections: NatsConnection[] = [];
let pages: Page[] = [];

afterEach(async () => {
  await Promise.all(pages.map((page) => page.close()));
  await Promise.all(connections.map((connection) => connection.close()));
  await Promise.all(servers.map((server) => server.stop('SIGKILL')));
  servers = [];
  connections = [];
  pages = [];
});

/** A page that subscribes, reports every message, and tells why it can't. */
async function page(url: string, options: object, port?: number): Promise<Page> {
  const script = `import { wsconnect } from '@nats-io/nats-core';
try {
  const connection = await wsconnect({ servers: ${JSON.stringify(url)}, reconnect: false, timeout: 5000, ...${JSON.stringify(options)} });
  const subscription = connection.subscribe('meshery.>');
  await connection.flush();
  await report('subscribed');
  for await (const message of subscription) await report(message.subject + ': ' + message.string());
} catch (error) {
  await report('error: ' + error);
}`;
  const opened = await open(browser ?? '', script, port);
  pages.push(opened);
  return opened;
}

async function publisher(server: NatsServer, token: string): Promise<NatsConnection> {
  const connection = await connect({ servers: server.url, token });
  connections.push(connection);
  return connection;
}

const first = (page: Page) => until('the page', async () => page.reports[0], 60);

/** Whether a page hears what is published, each message once. */
async function hears(page: Page, connection: NatsConnection): Promise<void> {
  expect(await first(page)).toBe('subscribed');
  const texts = Array.from({ length: 20 }, (_, index) => `message ${index} ${'x'.repeat(1_000)}`);
  const ready = async () => {
    connection.publish('meshery.meshsync.core', 'ready');
    return page.reports.includes('meshery.meshsync.core: ready');
  };
  await until('the first message', ready, 20);
  for (const each of texts) connection.publish('meshery.meshsync.core', each);
  const all = () => page.reports.filter((report) => report.includes('message '));
  await until('all messages', async () => all().length >= texts.length, 20);
  expect(all()).toEqual(texts.map((each) => `meshery.meshsync.core: ${each}`));
}

describe.skipIf(!browser)('a page in Chromium', () => {
  it('subscribes by WebSocket with the token, from an origin that is allowed, and from no other', async () => {
    const [ports, { nats: port }] = [await freePorts(), await freePorts()];
    const allowedOrigins = ['https://meshery.example.com', `http://127.0.0.1:${port}`];
    const generated = generate(1, { websocket: { enabled: true, compression: true, allowedOrigins } });
    servers = await startBroker(generated, 1, {}, [ports]);
    const [server] = servers as [NatsServer];
    const connection = await publisher(server, generated.token);
    const url = `ws://127.0.0.1:${ports.webSocket}`;
    await hears(await page(url, { token: generated.token }, port), connection);
    expect(await first(await page(url, { token: generated.token }))).toMatch(/^error: /);
    expect(server.log()).toContain('origin not allowed');
  }, 120_000);

  it('is refused with another token', async () => {
    const ports = await freePorts();
    servers = await startBroker(generate(1, { websocket: { enabled: true } }), 1, {}, [ports]);
    const refused = await page(`ws://127.0.0.1:${ports.webSocket}`, { token: 'x' });
    expect(await first(refused)).toMatch(/^error: .*authorization/i);
  }, 120_000);

  it('subscribes by wss:// as a user of auth.users, with that one’s permissions', async () => {
    const ca = await authority();
    const pair = await issue(ca, 'meshery-nats.meshery.svc');
    const reader: KubeObject = {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'reader', namespace: 'meshery' } },
      data: { password: encode('of-the-reader') },
    };
    const user = { user: 'reader', passwordSecretRef: { name: 'reader' } };
    const spec = {
      auth: { users: [{ ...user, permissions: { publish: { deny: ['>'] }, subscribe: { allow: ['meshery.>'] } } }] },
      websocket: { enabled: true, tls: { secretName: 'ws-tls' } },
    };
    const files: Files = { 'tls.crt': pair.certificate, 'tls.key': pair.key };
    const generated = generate(1, spec, [reader, tlsSecret('ws-tls', pair, ca)]);
    const ports = await freePorts();
    servers = await startBroker(generated, 1, files, [ports]);
    const [server] = servers as [NatsServer];
    servers.push(await startUsers(server));
    const connection = await publisher(server, generated.token);
    const url = `wss://127.0.0.1:${ports.webSocket}`;
    await hears(await page(url, { user: 'reader', pass: 'of-the-reader' }), connection);
    // The token is for other clients than those of a server with users.
    expect(await first(await page(url, { token: generated.token }))).toMatch(/^error: .*authorization/i);
  }, 120_000);
});
