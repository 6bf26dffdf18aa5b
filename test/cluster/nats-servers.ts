import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env as environment } from 'node:process';
import type { V1Deployment, V1StatefulSet } from '@kubernetes/client-node';
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
  /** Variables of the container with a plain value. */
  env: Record<string, string>;
  /** The Deployment of the command line; only where the spec asks for it. */
  natsBox?: V1Deployment;
  /** All files of the Secret of the servers, by name. */
  files: Files;
  /** The signal that ends the server of a container, by its name: that of its preStop hook, or the one of Kubernetes. */
  stops: Record<string, NodeJS.Signals>;
}

/** The response of the hook for a new Broker of a size, with other fields of its spec. */
export function generate(size: number, spec: object = {}, secrets: KubeObject[] = [], uid = 'uid'): Generated {
  const byName = Object.fromEntries(secrets.map((secret) => [`meshery/${secret.metadata.name}`, secret]));
  const { children } = sync(
    broker,
    {
      parent: {
        apiVersion: 'meshery.io/v1alpha2',
        kind: 'Broker',
        metadata: { name: 'meshery-broker', namespace: 'meshery', uid, generation: 1 },
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
  const [statefulSet] = children.filter(({ kind }) => kind === 'StatefulSet') as V1StatefulSet[];
  const [natsBox] = children.filter(({ kind }) => kind === 'Deployment') as V1Deployment[];
  const variables = statefulSet?.spec?.template.spec?.containers[0]?.env ?? [];
  return {
    natsConf: data('meshery-nats-config')['nats.conf'] ?? '',
    credentialsConf: decode(server['credentials.conf']),
    systemConf: decode(server['system.conf']),
    routePassword: decode(server['route-password']),
    token: decode(data('meshery-nats-auth').token),
    env: Object.fromEntries(variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
    ...(natsBox && { natsBox }),
    files: Object.fromEntries(Object.entries(server).map(([file, content]) => [file, decode(content)])),
    stops: Object.fromEntries(
      (statefulSet?.spec?.template.spec?.containers ?? []).map(({ name, lifecycle }) => [
        name,
        JSON.stringify(lifecycle?.preStop ?? {}).includes('-sl=ldm=') ? 'SIGUSR2' : 'SIGTERM',
      ]),
    ),
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
  /** Of the listeners that only some brokers have. */
  users?: number;
  usersMonitor?: number;
  link?: number;
  leafNodes?: number;
  webSocket?: number;
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
  { natsConf, credentialsConf, files: own = {} }: Pick<Generated, 'natsConf' | 'credentialsConf'> & { files?: Files },
  size: number,
  files: Files = {},
  given: Ports[] = [],
): Promise<NatsServer[]> {
  const ports = await Promise.all(Array.from({ length: size }, (_, ordinal) => given[ordinal] ?? freePorts()));
  const servers = await Promise.all(
    ports.map((at, ordinal) =>
      startServer(`meshery-nats-${ordinal}`, at, ports, natsConf, credentialsConf, { ...own, ...files }),
    ),
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
  env: Record<string, string> = {},
): Promise<NatsServer> {
  const directory = await mkdtemp(join(tmpdir(), `${name}-`));
  await writeConfiguration(directory, own, all, natsConf, credentialsConf);
  await writeFiles(directory, own, all, files);
  return run(name, own, directory, { env });
}

/** Writes further files of a pod, but not those that `writeConfiguration` writes. */
export async function writeFiles(directory: string, own: Ports, all: Ports[], files: Files): Promise<void> {
  for (const [file, content] of Object.entries(files)) {
    if (file === 'credentials.conf') continue;
    await writeFile(join(directory, file), file.endsWith('.conf') ? onLoopback(content, own, all, directory) : content);
  }
}

/** Starts the server of `auth.users` in the pod of a server, and waits until it is a leaf node of that one. */
export async function startUsers(server: NatsServer): Promise<NatsServer> {
  const { name, ports, directory } = server;
  const users = await run(`${name}-users`, { ...ports, nats: ports.users ?? 0 }, directory, { file: 'users.conf' });
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (/Leafnode connection created for account/.test(users.log())) return users;
    if (users.process.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(users.log());
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
  {
    inside = [],
    file = 'nats.conf',
    user,
    env = {},
  }: { inside?: string[]; file?: string; user?: number | undefined; env?: Record<string, string> } = {},
): Promise<NatsServer> {
  const [command = '', ...args] = [...inside, await goTool('nats-server'), '--config', join(directory, file)];
  const process = spawn(command, args, {
    env: { ...env, POD_NAME: name, USERS_SERVER_NAME: name, ...(inside.length > 0 && { PATH: environment.PATH }) },
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
    .replace(/http(s?)_port: 8222/, `http$1: "${own.address}:${own.monitor}"`)
    .replace('port: 6222', `listen: "${own.address}:${own.cluster}"`)
    .replace(/http(s?)_port: 8224/, `http$1: "${own.address}:${own.usersMonitor}"`)
    .replace('port: 4224', `listen: "${own.address}:${own.users}"`)
    .replace('port: 7422', `listen: "${own.address}:${own.leafNodes}"`)
    .replace('port: 8080', `listen: "${own.address}:${own.webSocket}"`)
    .replace('127.0.0.1:7422', `${own.address}:${own.leafNodes}`)
    .replace('127.0.0.1:7423', `${own.address}:${own.link}`)
    .replaceAll('/var/run/nats/', `${directory}/`)
    .replace(/\/etc\/nats-(certs(-[a-z]+)?|config)\//g, `${directory}/`)
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

/** Ports that are free now. */
export async function freePorts(): Promise<Ports> {
  const names = ['nats', 'cluster', 'monitor', 'users', 'usersMonitor', 'link', 'leafNodes', 'webSocket'] as const;
  const [nats = 0, cluster = 0, monitor = 0, ...others] = await Promise.all(names.map(freePort));
  const [users = 0, usersMonitor = 0, link = 0, leafNodes = 0, webSocket = 0] = others;
  return { address: '127.0.0.1', nats, cluster, monitor, users, usersMonitor, link, leafNodes, webSocket };
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
