import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { CACHE } from '../tools.ts';

const run = promisify(execFile);

/** Prefix of the working folders and of the cgroups, followed by the pid of the process that made them. */
const PREFIX = 'meshery-node-';

/** Folder of the images that are built once. */
export const IMAGES = join(CACHE, 'images');

/** What a cluster needs of the machine. */
export const REQUIREMENTS = {
  platform: process.platform as string,
  user: process.getuid?.(),
  /** Debian's packages, by a file of each. */
  packages: {
    '/usr/lib/cni/bridge': 'containernetworking-plugins',
    '/usr/sbin/runc': 'runc',
    '/usr/sbin/iptables': 'iptables',
    '/usr/bin/buildah': 'buildah',
    '/usr/bin/unshare': 'util-linux',
    '/usr/sbin/ip': 'iproute2',
  } as Record<string, string>,
  /** Features of the kernel: each command succeeds in namespaces of its own. */
  kernel: {
    namespaces: 'true',
    'bridges and veth pairs': 'ip link add bridge0 type bridge && ip link add veth0 type veth peer name veth1',
    'iptables with NAT': 'iptables --table nat --list',
    overlayfs:
      'mount -t tmpfs t /mnt && cd /mnt && mkdir l u w m && mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m',
    'the memory cgroup': 'grep -q memory /proc/self/cgroup || grep -q memory /sys/fs/cgroup/cgroup.controllers',
  } as Record<string, string>,
};

/** Why no real node can run on this machine, in one line; `undefined` when it can. */
export async function missing({ platform, user, packages, kernel } = REQUIREMENTS): Promise<string | undefined> {
  if (platform !== 'linux') return `it needs Linux, and this is ${platform}`;
  if (user !== 0) return 'it needs root';
  const absent = Object.entries(packages).flatMap(([file, name]) => (existsSync(file) ? [] : [name]));
  if (absent.length > 0) return `packages are missing: apt-get install ${absent.join(' ')}`;
  for (const [feature, command] of Object.entries(kernel)) {
    try {
      await run('unshare', [...NAMESPACES, 'sh', '-c', command]);
    } catch (error) {
      // Some programs give the reason first, and then advice.
      const [line] = (error as { stderr?: string }).stderr?.trim().split('\n') ?? [];
      return `this kernel does not give ${feature} to this process${line ? `: ${line}` : ''}`;
    }
  }
  return undefined;
}

const NAMESPACES = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];

/**
 * The first process of the sandbox: a shell, since it reaps orphans. At an interrupt it waits until the command has stopped,
 * and ends with its exit code.
 */
const INIT = 'trap : INT; mount -t tmpfs tmpfs /run && ip link set lo up && "$@"; exit $?';

/**
 * Runs a command in network, mount and process namespaces of its own: nothing that is started, mounted or bound there
 * outlives it, even if this process is killed. Its working folder is in the variable `SANDBOX`.
 * @param environment further variables
 * @returns its exit code
 */
export async function inSandbox(command: string[], environment: Record<string, string> = {}): Promise<number> {
  await removeLeftovers();
  const directory = sandboxOf(process.pid);
  const name = basename(directory);
  // Only for this user: it has the credentials of an administrator of the cluster.
  await mkdir(directory, { mode: 0o700 });
  for (const hierarchy of hierarchies()) await mkdir(join(hierarchy, name), { recursive: true });
  const [file = '', ...args] = [
    'setpriv',
    '--pdeathsig',
    'KILL',
    'unshare',
    ...NAMESPACES,
    'sh',
    '-c',
    INIT,
    'sh',
    ...command,
  ];
  const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...environment, SANDBOX: directory } });
  const kill = () => child.kill('SIGKILL');
  // A terminal interrupts the command as well, which has a moment to stop in its own way.
  process.on('SIGINT', () => setTimeout(kill, 10_000).unref());
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, kill);
  const [code] = await once(child, 'exit');
  if (code) await keepLogs(directory);
  await remove(name);
  return code ?? 1;
}

/** Copies the logs of the programs to a folder that stays until the next failure. */
async function keepLogs(directory: string): Promise<void> {
  const logs = join(tmpdir(), 'meshery-logs');
  await rm(logs, { recursive: true, force: true });
  await cp(directory, logs, { recursive: true, filter: (path) => path === directory || path.endsWith('.log') });
  process.stderr.write(`logs are kept in ${logs}\n`);
}

/** The working folder of the sandbox that a process makes. Files in it are seen from both sides. */
export const sandboxOf = (pid: number): string => join(tmpdir(), `${PREFIX}${pid}`);

/** The folder in which a process builds images. */
export const imagesOf = (pid: number): string => join(IMAGES, `${PREFIX}${pid}`);

/** The working folder of the sandbox that this process is in. */
export function sandbox(): string {
  const directory = process.env.SANDBOX;
  if (!directory) throw new Error('not in a sandbox: use npm run test:node or npm run playground');
  return directory;
}

/** Folders of the cgroup hierarchies: one in version 2, one for each controller in version 1. */
export function hierarchies(): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .map(([, path = '']) => path);
}

/** Removes what runs that were killed have left: folders and empty cgroups. */
export async function removeLeftovers(): Promise<void> {
  const folders = [tmpdir(), IMAGES, ...hierarchies()];
  const found = await Promise.all(folders.map((folder) => readdir(folder).catch(() => [])));
  const names = new Set(found.flat().filter((name) => new RegExp(`^${PREFIX}\\d+$`).test(name)));
  for (const name of names) if (!existsSync(`/proc/${name.slice(PREFIX.length)}`)) await remove(name);
}

async function remove(name: string): Promise<void> {
  for (const hierarchy of hierarchies()) await removeCgroup(join(hierarchy, name));
  for (const folder of [tmpdir(), IMAGES]) await rm(join(folder, name), { recursive: true, force: true });
}

/**
 * A cgroup is removed by rmdir, from the innermost on. Processes that were killed may take a moment to be gone, and another
 * start may be removing the same.
 */
async function removeCgroup(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
    if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  }
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await rmdir(path);
    } catch (error) {
      if (!existsSync(path)) return;
      if (attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
