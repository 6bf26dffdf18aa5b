import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';
import { type ConnectOptions, connectTo } from '../../../src/cli/connect/command.ts';
import { ClusterError, UsageError } from '../../../src/cli/errors.ts';
import { liveStatus } from '../../../src/cli/status/live.ts';
import { encode } from '../../../src/kubernetes/secrets.ts';
import { forward } from '../../node/forward.ts';
import type { KubeObject } from '../../stand-in/json.ts';
import { authority, issue, type KeyPair, tlsSecret } from '../../support/certificates.ts';
import { type FakeConnection, fakeConnection } from '../../support/connection.ts';
import { recorded } from '../../support/terminal.ts';
import { eventually } from '../expectations.ts';
import { type Generated, generate, healthy, type NatsServer, startAgain, startBroker } from '../nats-servers.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const OPTIONS: ConnectOptions = {
  ...{ output: 'text', color: false, showToken: false, tail: false, subject: 'meshery.>' },
};

const SERVER_NAME = 'meshery-nats.meshery.svc';

function object(kind: string, name: string, more: object = {}, labels: Record<string, string> = {}): KubeObject {
  return {
    ...{ apiVersion: kind === 'Broker' ? 'meshery.io/v1alpha2' : 'v1', kind },
    metadata: { name, namespace: 'meshery', uid: `uid-of-${name}`, labels },
    ...more,
  };
}

function pod(name: string, ready: boolean): KubeObject {
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
  const labels = { 'meshery.io/broker': 'meshery-broker' };
  return object('Pod', name, { spec: { containers: [{ name: 'nats' }] }, status: { conditions } }, labels);
}

/** A cluster with a Broker whose servers run here, each behind the forward of its pod. */
function clusterOf(servers: NatsServer[], token: string, spec: object = {}, ca?: string): FakeConnection {
  const forwards: string[] = [];
  const data = { token: encode(token), ...(ca && { 'ca.crt': encode(ca) }) };
  const objects = {
    brokers: [object('Broker', 'meshery-broker', { spec })],
    secrets: [object('Secret', 'meshery-nats-auth', { data })],
    pods: servers.map(({ name }) => pod(name, true)),
  };
  const fake = fakeConnection('meshery', objects, {
    forward: async (_namespace, name) => {
      forwards.push(name);
      fake.asked.push(`forward ${name}`);
      const { address, nats } = servers.find((server) => server.name === name)?.ports ?? { address: '', nats: 1 };
      const port = (await forward({ host: '127.0.0.1', port: 0 }, { host: address, port: nats })) ?? 0;
      return { port, failure: () => undefined, close: () => {} };
    },
  });
  return fake;
}

/** Runs the command until it ends or is stopped. */
function run(cluster: FakeConnection, options: Partial<ConnectOptions> = {}, name?: string) {
  const terminal = recorded();
  const controller = new AbortController();
  const finished = connectTo(cluster, name, { ...OPTIONS, ...options }, { terminal, signal: controller.signal });
  const stop = async () => {
    controller.abort();
    return finished.catch(() => undefined);
  };
  undo.push(stop);
  const lineCount = (start: string) => terminal.lines.filter((line) => line.startsWith(start)).length;
  return { terminal, finished, stop, lineCount };
}

async function serversOf(size: number, spec: object = {}, secrets: KubeObject[] = [], files = {}) {
  const generated = generate(size, spec, secrets);
  const servers = await startBroker(generated, size, files);
  undo.push(() => Promise.all(servers.map((server) => server.stop('SIGKILL'))));
  return { generated, servers };
}

async function publisher({ url }: Pick<NatsServer, 'url'>, { token }: Generated): Promise<NatsConnection> {
  const connection = await connect({ servers: url.replace('nats://', ''), token, name: 'meshery-server' });
  undo.push(() => connection.close());
  return connection;
}

const message = (EventType: string, kind: string, name: string, namespace?: string) =>
  JSON.stringify({ EventType, Object: { kind, metadata: { name, namespace }, data: { password: 'c2VjcmV0' } } });

describe('a subscriber', () => {
  it('prints a line for each message, and ends after so many', async () => {
    const { generated, servers } = await serversOf(1);
    const { terminal, finished, lineCount } = run(clusterOf(servers, generated.token), { tail: true, count: '3' });
    await eventually(async () => expect(lineCount('subscribed to meshery.> at pod meshery-nats-0')).toBe(1), 10);
    const [server] = servers;
    const from = await publisher(server as NatsServer, generated);
    from.publish('meshery.meshsync.core', message('ADDED', 'Secret', 'hello', 'default'));
    from.publish('other', 'not subscribed to');
    from.publish('meshery.meshsync.core', message('DELETED', 'Node', 'node-1'));
    from.publish('meshery.broker', 'no \u001b[31mJSON');
    expect(await finished).toBe(0);
    expect(terminal.text.replaceAll(/^\S+Z/gm, 'TIME')).toBe(
      'TIME  ADDED     Secret default/hello\nTIME  DELETED   Node node-1\nTIME  meshery.broker  12 bytes\n',
    );
  });

  it('prints JSON for programs, without what is in the object', async () => {
    const { generated, servers } = await serversOf(1);
    const options = { tail: true, count: '1', output: 'json', subject: 'a.*' } as const;
    const { terminal, finished, lineCount } = run(clusterOf(servers, generated.token), options);
    await eventually(async () => expect(lineCount('subscribed to a.*')).toBe(1), 10);
    const from = await publisher(servers[0] as NatsServer, generated);
    from.publish('a.b', message('MODIFIED', 'Secret', 'hello', 'default'));
    expect(await finished).toBe(0);
    expect(JSON.parse(terminal.text)).toEqual({
      ...{ time: expect.stringMatching(/^\d{4}-.*Z$/), subject: 'a.b', bytes: expect.any(Number) },
      ...{ event: 'MODIFIED', kind: 'Secret', namespace: 'default', name: 'hello' },
    });
  });

  it('goes on at another server when its own is killed, and at its own when that is back', async () => {
    const { generated, servers } = await serversOf(2);
    const [first, second] = servers as [NatsServer, NatsServer];
    const cluster = clusterOf(servers, generated.token);
    const { terminal, finished, lineCount } = run(cluster, { tail: true, count: '2' });
    await eventually(async () => expect(lineCount('subscribed to meshery.> at pod meshery-nats-0')).toBe(1), 10);
    cluster.objects.pods = [pod('meshery-nats-0', false), pod('meshery-nats-1', true)];
    await first.end('SIGKILL');
    await eventually(async () => expect(lineCount('subscribed to meshery.> at pod meshery-nats-1')).toBe(1), 20);
    expect(lineCount('the connection is interrupted')).toBeGreaterThan(0);
    const from = await publisher(second, generated);
    from.publish('meshery.meshsync.core', message('ADDED', 'Pod', 'one', 'default'));
    await from.flush();
    await eventually(async () => expect(terminal.text).toContain('Pod default/one'), 10);
    const again = await startAgain(first);
    undo.push(() => again.stop('SIGKILL'));
    await healthy(again);
    cluster.objects.pods = [pod('meshery-nats-0', true), pod('meshery-nats-1', false)];
    await second.end('SIGKILL');
    await eventually(async () => expect(lineCount('subscribed to meshery.> at pod meshery-nats-0')).toBe(2), 20);
    (await publisher(again, generated)).publish('meshery.meshsync.core', message('ADDED', 'Pod', 'two', 'default'));
    expect(await finished).toBe(0);
    expect(terminal.text.match(/Pod default\/(one|two)/g)).toEqual(['Pod default/one', 'Pod default/two']);
  });

  it('reads the token again when it was rotated', async () => {
    const { generated, servers } = await serversOf(1);
    const cluster = clusterOf(servers, generated.token);
    const { finished, lineCount } = run(cluster, { tail: true, count: '1' });
    await eventually(async () => expect(lineCount('subscribed')).toBe(1), 10);
    const [server] = servers as [NatsServer];
    await server.stop('SIGKILL');
    const rotated = generate(1);
    const [next] = (await startBroker(rotated, 1, {}, [server.ports])) as [NatsServer];
    undo.push(() => next.stop('SIGKILL'));
    cluster.objects.secrets = [object('Secret', 'meshery-nats-auth', { data: { token: encode(rotated.token) } })];
    const from = await publisher(next, rotated);
    // Until it has read the new token, it is cut off.
    const publishing = setInterval(() => from.publish('meshery.x', 'y'), 100);
    undo.push(() => clearInterval(publishing));
    expect(await finished).toBe(0);
  });

  it('uses the token that the Broker names, and says without it which one is refused', async () => {
    const own = object('Secret', 'own', { data: { password: encode('my-own') } });
    const spec = { auth: { tokenSecretRef: { name: 'own', key: 'password' } } };
    const { servers } = await serversOf(1, spec, [own]);
    const cluster = clusterOf(servers, 'not-the-one', spec);
    await expect(run(cluster, { tail: true }).finished).rejects.toThrow(
      'Secret own in namespace meshery has no password',
    );
    cluster.objects.secrets?.push(object('Secret', 'own', { data: { password: encode('wrong') } }));
    const refused = run(cluster, { tail: true });
    await expect(refused.finished).rejects.toThrow(/^the Broker refuses the connection: (?!.*wrong).*authorization/i);
    cluster.objects.secrets = [own];
    const { finished, lineCount } = run(cluster, { tail: true, count: '1' });
    await eventually(async () => expect(lineCount('subscribed')).toBe(1), 10);
    (await publisher(servers[0] as NatsServer, { token: 'my-own' } as Generated)).publish('meshery.x', 'y');
    expect(await finished).toBe(0);
  });

  it('trusts the CA of the Secret alone, for the name of the Service', async () => {
    const ca = await authority();
    const pair = await issue(ca, SERVER_NAME);
    const spec = { tls: { secretName: 'nats-tls' } };
    const files = { 'tls.crt': pair.certificate, 'tls.key': pair.key, 'ca.crt': ca.certificate };
    const { generated, servers } = await serversOf(1, spec, [tlsSecret('nats-tls', pair, ca)], files);
    const other = await authority('another');
    const refused = run(clusterOf(servers, generated.token, spec, other.certificate), { tail: true });
    await expect(refused.finished).rejects.toThrow(/^the Broker refuses the connection: /);
    const accepted = run(clusterOf(servers, generated.token, spec, ca.certificate), { tail: true });
    await eventually(async () => expect(accepted.lineCount('subscribed')).toBe(1), 10);
    await accepted.stop();
    expect(await accepted.finished).toBe(0);
  });

  it('shows the certificate of a person where the Broker asks for one', async () => {
    const [ca, other] = [await authority(), await authority('another')];
    const pair = await issue(ca, SERVER_NAME);
    const spec = { tls: { secretName: 'nats-tls', verify: true } };
    const files = { 'tls.crt': pair.certificate, 'tls.key': pair.key, 'ca.crt': ca.certificate };
    const { generated, servers } = await serversOf(1, spec, [tlsSecret('nats-tls', pair, ca)], files);
    const folder = await mkdtemp(join(tmpdir(), 'meshery-connect-'));
    undo.push(() => rm(folder, { recursive: true }));
    const options = async (name: string, by: KeyPair) => {
      const { certificate, key } = await issue(by, 'a person');
      const paths = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
      await Promise.all([writeFile(paths.cert, certificate), writeFile(paths.key, key)]);
      return { tail: true, ...paths };
    };
    const cluster = clusterOf(servers, generated.token, spec, ca.certificate);
    const question = 'Broker meshery-broker asks clients for a certificate: give --cert and --key';
    await expect(run(cluster, { tail: true }).finished).rejects.toThrow(new UsageError(question));
    const absent = { tail: true, cert: '/nowhere', key: '/nowhere' };
    await expect(run(cluster, absent).finished).rejects.toThrow(new UsageError("/nowhere can't be read"));
    await expect(run(cluster, await options('wrong', other)).finished).rejects.toThrow(
      'the Broker does not answer: has ca.crt of its Secret signed the certificate?',
    );
    const accepted = run(cluster, await options('right', ca));
    await eventually(async () => expect(accepted.lineCount('subscribed')).toBe(1), 10);
    await accepted.stop();
    expect(await accepted.finished).toBe(0);
  });
});

describe('a forwarded port', () => {
  it('leads to a server until it is interrupted, and is printed without the token', async () => {
    const { generated, servers } = await serversOf(1);
    const cluster = clusterOf(servers, generated.token);
    const { terminal, finished, stop } = run(cluster);
    await eventually(async () => expect(terminal.text).toContain('nats sub'), 10);
    const port = Number(/is at 127\.0\.0\.1:(\d+), by pod meshery-nats-0/.exec(terminal.text)?.[1]);
    const client = await connect({ servers: `127.0.0.1:${port}`, token: generated.token, ignoreClusterUpdates: true });
    await client.flush();
    await client.close();
    expect(terminal.text).not.toContain(generated.token);
    expect(cluster.asked.filter((each) => each.startsWith('get secrets'))).toEqual([]);
    await stop();
    expect(await finished).toBe(0);
    await expect(connect({ servers: `127.0.0.1:${port}`, reconnect: false })).rejects.toThrow();
  });

  it('is printed with the token where that is asked for', async () => {
    const { generated, servers } = await serversOf(1);
    const { terminal } = run(clusterOf(servers, generated.token), { showToken: true });
    await eventually(async () => expect(terminal.text).toContain(`export NATS_TOKEN=${generated.token}\n`), 10);
  });

  it('is none without a server, without a right, and without a choice', async () => {
    const cluster = clusterOf([], 'token');
    const none = run(cluster);
    expect(await none.finished).toBe(1);
    expect(none.terminal.lines).toEqual([
      'no server of Broker meshery-broker is ready: meshery-operator status broker meshery-broker -n meshery',
    ]);
    // Something that accepts and closes, as a forward does that the API server refuses.
    const closing = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(closing, 'listening');
    undo.push(() => closing.close());
    const address = closing.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    cluster.objects.pods = [pod('meshery-nats-0', true)];
    const failing = (failure: string | undefined) => async () => ({ port, failure: () => failure, close: () => {} });
    cluster.forward = failing('you may not forward ports');
    await expect(run(cluster).finished).rejects.toThrow(new ClusterError('you may not forward ports'));
    cluster.forward = failing(undefined);
    await expect(run(cluster).finished).rejects.toThrow(new ClusterError('NATS in pod meshery-nats-0 does not answer'));
    cluster.objects.brokers?.push(object('Broker', 'other'));
    await expect(run(cluster).finished).rejects.toThrow(
      'namespace meshery has several Brokers, name one: meshery-broker, other',
    );
    await expect(run(cluster, {}, 'meshsync/third').finished).rejects.toThrow('meshsync/third is no Broker');
    await expect(run(cluster, {}, 'broker/third').finished).rejects.toThrow('there is no Broker third in namespace');
    await expect(run(cluster, {}, 'third').finished).rejects.toThrow('there is no Broker third in namespace meshery');
  });

  it.each([
    [{ count: '1' }, '--count is for --tail'],
    [{ tail: true, count: '-1' }, '--count -1: it must be a positive number'],
    [{ cert: 'a' }, '--cert and --key are for --tail'],
    [{ tail: true, subject: 'a b' }, '--subject a b: it must be words with dots'],
    [{ subject: 'a..b' }, '--subject a..b: it must be words with dots'],
  ])('is refused for %j without a request', async (options, message) => {
    const cluster = clusterOf([], 'token');
    await expect(run(cluster, options).finished).rejects.toThrow(new UsageError(message));
    expect(cluster.asked).toEqual([]);
  });
});

describe('the live picture', () => {
  it('shows routes, clients by name and JetStream of real servers', async () => {
    const { generated, servers } = await serversOf(3, { jetstream: { memoryStore: { maxSize: '16Mi' } } });
    await publisher(servers[0] as NatsServer, generated);
    await publisher(servers[1] as NatsServer, generated);
    await eventually(async () => {
      const answers = servers.map(async ({ name, monitor }) => {
        const [varz, routez, connz, jsz] = await Promise.all(['/varz', '/routez', '/connz', '/jsz'].map(monitor));
        return [name, { varz, routez, connz, jsz }] satisfies [string, object];
      });
      const { servers: seen, clients, jetStream, problem } = liveStatus(await Promise.all(answers));
      expect(problem).toBeUndefined();
      expect(seen.map(({ pod, connections, routes }) => [pod, connections, routes])).toEqual([
        ['meshery-nats-0', 1, ['meshery-nats-1', 'meshery-nats-2']],
        ['meshery-nats-1', 1, ['meshery-nats-0', 'meshery-nats-2']],
        ['meshery-nats-2', 0, ['meshery-nats-0', 'meshery-nats-1']],
      ]);
      for (const server of seen) expect(server).toMatchObject({ slowConsumers: 0, jetStream: { streams: 0 } });
      expect(clients).toEqual([{ name: 'meshery-server', connections: 2 }]);
      expect(jetStream?.peers).toHaveLength(2);
      expect([jetStream?.leader, ...(jetStream?.peers ?? []).map(({ name }) => name)].sort()).toEqual(
        servers.map(({ name }) => name),
      );
    }, 20);
  });
});

it('ends when it is interrupted while the API server gives no answer', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  undo.push(() => silent.close());
  await once(silent, 'listening');
  const address = silent.address();
  const server = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const folder = await mkdtemp(join(tmpdir(), 'meshery-connect-'));
  undo.push(() => rm(folder, { recursive: true }));
  const kubeconfig = join(folder, 'kubeconfig.json');
  const config = {
    clusters: [{ name: 'silent', cluster: { server } }],
    contexts: [{ name: 'silent', context: { cluster: 'silent' } }],
    'current-context': 'silent',
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  const child = spawn(process.execPath, ['dist/cli.js', 'connect', '--kubeconfig', kubeconfig]);
  const asked = once(silent, 'connection');
  const ended = once(child, 'exit');
  await asked;
  child.kill('SIGINT');
  // Without an end of its own it would wait for half a minute, and then exit with 3.
  expect(await ended).toEqual([130, null]);
});
