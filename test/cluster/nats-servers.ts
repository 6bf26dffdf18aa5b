import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env as environment } from 'node:process';
import { broker } from '../../src/broker/controller.ts';
import { decode } from '../../src/kubernetes/secrets.ts';
import { sync } from '../../src/metacontroller/lifecycle.ts';
import { generateToken } from '../../src/server/generate-token.ts';
import type { KubeObject } from '../stand-in/json.ts';
import { goTool } from '../tools.ts';

/** The configuration of one Broker as the operator generates it, and the token of its clients. */
export interface Generated {
  natsConf: string;
  credentialsConf: string;
  /** Of the temporary server of an administrator; empty with one server. */
  systemConf: string;
  /** The password of the routes and of the system account. */
  routePassword: string;
  token: string;
}

/** The response of the hook for a new Broker of a size, with other fields of its spec. */
export function generate(size: number, spec: object = {}, secrets: KubeObject[] = []): Generated {
  const byName = Object.fromEntries(secrets.map((secret) => [`meshery/${secret.metadata.name}`, secret]));
  const { children } = sync(
    broker,
    {
      parent: {
        apiVersion: 'meshery.io/v1alpha2',
        kind: 'Broker',
        metadata: { name: 'meshery-broker', namespace: 'meshery', uid: 'uid', generation: 1 },
        spec: { size, ...spec },
      },
      children: {},
      related: { 'Secret.v1': byName },
    },
    { now: () => new Date(), generateToken },
  );
  const data = (name: string) =>
    (children as { metadata: { name: string }; data: Record<string, string> }[]).find(
      ({ metadata }) => metadata.name === name,
    )?.data ?? {};
  const server = data('meshery-nats-server');
  return {
    natsConf: data('meshery-nats-config')['nats.conf'] ?? '',
    credentialsConf: decode(server['credentials.conf']),
    systemConf: decode(server['system.conf']),
    routePassword: decode(server['route-password']),
    token: decode(data('meshery-nats-auth').token),
  };
}

/** Further files in the volumes of a pod, by name. */
export type Files = Record<string, string>;

/** The address and the ports of one server on loopback. */
export interface Ports {
  address: string;
  nats: number;
  cluster: number;
  monitor: number;
}

/** A running nats-server process. */
export interface NatsServer {
  name: string;
  url: string;
  ports: Ports;
  directory: string;
  process: ChildProcess;
  /** Its log so far. */
  log: () => string;
  /** The response of a path of its monitoring port. */
  monitor: (path: string) => Promise<Record<string, unknown>>;
  /** Signals it and waits for its end; its directory remains. */
  end: (signal?: NodeJS.Signals) => Promise<void>;
  /** The same, and removes its directory. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/**
 * Starts a process for each server of a Broker with its generated configuration, adapted to one machine by `onLoopback`,
 * and waits until all are healthy.
 * @param given their addresses, by ordinal; by default free ports
 */
export async function startBroker(
  { natsConf, credentialsConf }: Pick<Generated, 'natsConf' | 'credentialsConf'>,
  size: number,
  files: Files = {},
  given: Ports[] = [],
): Promise<NatsServer[]> {
  const ports = await Promise.all(Array.from({ length: size }, (_, ordinal) => given[ordinal] ?? freePorts()));
  const servers = await Promise.all(
    ports.map((own, ordinal) => startServer(`meshery-nats-${ordinal}`, own, ports, natsConf, credentialsConf, files)),
  );
  await Promise.all(servers.map(healthy));
  return servers;
}

/** Starts one server; `all` are the ports of the servers that its routes name. */
export async function startServer(
  name: string,
  own: Ports,
  all: Ports[],
  natsConf: string,
  credentialsConf: string,
  files: Files = {},
): Promise<NatsServer> {
  const directory = await mkdtemp(join(tmpdir(), `${name}-`));
  await writeConfiguration(directory, own, all, natsConf, credentialsConf);
  for (const [file, content] of Object.entries(files)) await writeFile(join(directory, file), content);
  return run(name, own, directory);
}

/**
 * Starts the temporary server of an administrator in the pod of a server, as `kubectl exec` does.
 */
export async function startSystemServer(
  { systemConf }: Pick<Generated, 'systemConf'>,
  { directory }: NatsServer,
  all: Ports[],
): Promise<NatsServer> {
  const own = await freePorts();
  const configuration = onLoopback(systemConf, own, all, directory)
    .replace('127.0.0.1:4223', `${own.address}:${own.nats}`)
    .replace('127.0.0.1:6223', `${own.address}:${own.cluster}`);
  await writeFile(join(directory, 'system.conf'), configuration);
  const server = await run('', own, directory, { file: 'system.conf' });
  const isReady = () => server.log().includes('Server is ready');
  for (let attempt = 0; attempt < 100 && !isReady(); attempt += 1) await new Promise((done) => setTimeout(done, 50));
  if (!isReady()) throw new Error(server.log());
  return server;
}

/**
 * Starts a server whose streams are on a file system of a given size, as on a small volume, which ends with the server.
 * @throws an error where this process may not mount
 */
export async function startOnVolume(name: string, generated: Generated, volumeBytes: number): Promise<NatsServer> {
  const own = await freePorts();
  const directory = await mkdtemp(join(tmpdir(), `${name}-`));
  await writeConfiguration(directory, own, [own], generated.natsConf, generated.credentialsConf);
  const data = join(directory, 'data');
  await mkdir(data);
  const mount = `mount -t tmpfs -o size=${volumeBytes} tmpfs ${data} && exec "$@"`;
  return run(name, own, directory, { inside: ['unshare', '--mount', 'sh', '-ec', mount, 'sh'] });
}

/** Whether this process may mount file systems, in a mount namespace of its own. */
export async function canMount(): Promise<boolean> {
  const [code] = await once(spawn('unshare', ['--mount', 'true'], { stdio: 'ignore' }), 'exit').catch(() => [1]);
  return code === 0;
}

/**
 * Starts the server of a directory again, with the same ports and data.
 * @param user ID of another user and group to run as, which requires root
 */
export async function startAgain({ name, ports, directory }: NatsServer, user?: number): Promise<NatsServer> {
  return run(name, ports, directory, { user });
}

/** @param inside command that the server is run by */
async function run(
  name: string,
  own: Ports,
  directory: string,
  { inside = [], file = 'nats.conf', user }: { inside?: string[]; file?: string; user?: number | undefined } = {},
): Promise<NatsServer> {
  const [command = '', ...args] = [...inside, await goTool('nats-server'), '--config', join(directory, file)];
  const process = spawn(command, args, {
    env: { POD_NAME: name, ...(inside.length > 0 && { PATH: environment.PATH }) },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(user !== undefined && { uid: user, gid: user }),
  });
  let log = '';
  process.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (process.exitCode !== null || process.signalCode !== null) return;
    const exited = once(process, 'exit');
    process.kill(signal);
    await exited;
  };
  return {
    name,
    url: `nats://${own.address}:${own.nats}`,
    ports: own,
    directory,
    process,
    log: () => log,
    monitor: async (path) =>
      (await (await fetch(`http://${own.address}:${own.monitor}${path}`)).json()) as Record<string, unknown>,
    end,
    stop: async (signal) => {
      await end(signal);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Writes both files of the configuration, as in the projected volume of a pod. */
export async function writeConfiguration(
  directory: string,
  own: Ports,
  all: Ports[],
  natsConf: string,
  credentialsConf: string,
): Promise<void> {
  await writeFile(join(directory, 'nats.conf'), onLoopback(natsConf, own, all, directory));
  await writeFile(join(directory, 'credentials.conf'), onLoopback(credentialsConf, own, all, directory));
}

/** The process id that a server wrote to its pid file. */
export async function pidOf(server: NatsServer): Promise<number> {
  return Number(await readFile(join(server.directory, 'nats.pid'), 'utf8'));
}

/** Makes a server reload its configuration, as the reloader does, and waits until it has. */
export async function reload(server: NatsServer): Promise<void> {
  const before = server.log().length;
  process.kill(await pidOf(server), 'SIGHUP');
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const since = server.log().slice(before);
    if (since.includes('Reloaded server configuration')) return;
    if (/Failed to reload|config reload not supported/.test(since)) throw new Error(since);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${server.name} did not reload: ${server.log()}`);
}

/** The only changes to the generated configuration: addresses, ports and the paths of volumes. */
function onLoopback(configuration: string, own: Ports, all: Ports[], directory: string): string {
  return configuration
    .replace('port: 4222', `listen: "${own.address}:${own.nats}"`)
    .replace('http_port: 8222', `http: "${own.address}:${own.monitor}"`)
    .replace('port: 6222', `listen: "${own.address}:${own.cluster}"`)
    .replace('/var/run/nats/nats.pid', join(directory, 'nats.pid'))
    .replaceAll('/etc/nats-certs/', `${directory}/`)
    .replace('store_dir: "/data"', `store_dir: "${join(directory, 'data')}"`)
    .replaceAll(/@meshery-nats-(\d+)\.\S+?:6222/g, (_, ordinal) => {
      const { address, cluster } = all[Number(ordinal)] ?? own;
      return `@${address}:${cluster}`;
    });
}

/** Waits until a server reports that it is healthy. */
export async function healthy(server: NatsServer): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (server.process.exitCode !== null) throw new Error(`${server.name} ended: ${server.log()}`);
    const { address, monitor } = server.ports;
    const response = await fetch(`http://${address}:${monitor}/healthz`).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${server.name} did not become healthy: ${server.log()}`);
}

/** Three ports that are free now. */
export async function freePorts(): Promise<Ports> {
  const [nats, cluster, monitor] = await Promise.all([freePort(), freePort(), freePort()]);
  return { address: '127.0.0.1', nats, cluster, monitor };
}

/** The default ports, on a loopback address of its own: MeshSync has one of them compiled in. */
export function usualPorts(ordinal: number): Ports {
  return { address: `127.77.${process.pid % 250}.${ordinal + 1}`, nats: 4222, cluster: 6222, monitor: 8222 };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const closed = once(server, 'close');
  server.close();
  await closed;
  return typeof address === 'object' && address ? address.port : 0;
}
