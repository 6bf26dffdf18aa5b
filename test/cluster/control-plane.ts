import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { goTools } from '../tools.ts';
import { connect, type Kubernetes } from './kubernetes.ts';
import { freePort, type RunningProcess, startProcess, until } from './processes.ts';

const run = promisify(execFile);

/** A Kubernetes control plane, and the nodes that were started with it. */
export interface ControlPlane {
  /** The directory of its data, its logs and its kubeconfig. */
  directory: string;
  kubeconfig: string;
  kubernetes: Kubernetes;
  /** Kills the API server and starts it again on the same data. */
  restartApiServer: () => Promise<void>;
  /** Stops its processes. The directory is deleted unless `keep` is set. */
  stop: (keep?: boolean) => Promise<void>;
}

/** Addresses of the simulated nodes, from the range reserved for documentation. */
export const NODE_ADDRESSES = ['192.0.2.11', '192.0.2.12', '192.0.2.13'];

/** Where a control plane is reached, and its own arguments. */
export interface Servers {
  /** Where clients reach the API server: an IPv4 address, or an IPv6 address in brackets. */
  address: string;
  /** Port of the API server. Default: a free one. */
  port?: number;
  /** Arguments of kube-apiserver: where it listens, and the addresses of Services. */
  api: string[];
  /** Further arguments of kube-controller-manager, which may name files of the directory. */
  manager: (directory: string) => string[];
}

/** A control plane with simulated nodes. */
interface Simulated extends Omit<Servers, 'manager'> {
  nodes: string[];
  /** Range of the addresses of pods. */
  pods: string;
}

/** Services of both families, IPv4 first. */
const DUAL_STACK: Simulated = {
  address: '127.0.0.1',
  api: ['--bind-address', '127.0.0.1', '--service-cluster-ip-range', '10.96.0.0/16,fd00:10:96::/112'],
  nodes: NODE_ADDRESSES,
  pods: '10.0.0.1/24',
};

/** A cluster without IPv4. */
export const IPV6_ONLY: Simulated = {
  address: '[::1]',
  api: [
    ...['--bind-address', '::1', '--advertise-address', '2001:db8::1'],
    ...['--service-cluster-ip-range', 'fd00:10:96::/108'],
  ],
  nodes: ['2001:db8::11', '2001:db8::12', '2001:db8::13'],
  pods: 'fd00:10:244::1/112',
};

/** The certificate that kube-apiserver makes for itself, in its directory: clients and pods trust it. */
export const CERTIFICATE = 'certificates/apiserver.crt';

/** The default rate limits of the programs of Kubernetes are far below the capacity of this API server. */
const UNTHROTTLED = ['--kube-api-qps=500', '--kube-api-burst=1000'];

/** Starts a control plane with nodes that kwok simulates: every pod becomes ready, and nothing runs in it. */
export async function startControlPlane(
  log: (line: string) => void,
  simulated: Simulated = DUAL_STACK,
): Promise<ControlPlane> {
  const tools = await goTools(['kwok', 'kustomize']);
  // Simulated nodes send no heartbeats.
  const settings = { ...simulated, manager: () => ['--node-monitor-grace-period=24h'] };
  return startServers(log, settings, await mkdtemp(join(tmpdir(), 'meshery-cluster-')), async (servers) => {
    const { directory, kubeconfig, kubernetes, start } = servers;
    log('starting kwok');
    for (const [index, address] of simulated.nodes.entries()) {
      await createNode(kubernetes, `node-${index + 1}`, address);
    }
    await writeFile(join(directory, 'stages.yaml'), await kwokStages(tools.kustomize));
    const node = start('kwok', tools.kwok, [
      ...['--kubeconfig', kubeconfig, '--manage-all-nodes', '--config', join(directory, 'stages.yaml')],
      ...['--server-address', `127.0.0.1:${await freePort()}`, '--cidr', simulated.pods],
    ]);
    await until('the nodes', () => nodesReady(kubernetes, simulated.nodes.length), 60, node);
  });
}

/** A control plane that is being started, for what starts its nodes. */
export interface StartedServers extends Pick<ControlPlane, 'directory' | 'kubeconfig' | 'kubernetes'> {
  /** Starts a program that is stopped with the control plane. */
  start: (name: string, command: string, args: string[]) => RunningProcess;
}

/**
 * Starts etcd, kube-apiserver, kube-controller-manager and kube-scheduler, then the nodes, and waits until pods can be created.
 * @param directory of their data, logs and kubeconfig
 */
export async function startServers(
  log: (line: string) => void,
  { address, port, ...servers }: Servers,
  directory: string,
  startNodes: (started: StartedServers) => Promise<void>,
): Promise<ControlPlane> {
  const tools = await goTools(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl']);
  const files = await writeFiles(directory);
  const processes: RunningProcess[] = [];
  const start = (name: string, command: string, args: string[]) => {
    const started = startProcess(name, command, args, directory);
    processes.push(started);
    return started;
  };

  try {
    log('starting etcd');
    const [client, peer, free, manager, scheduler] = await Promise.all(Array.from({ length: 5 }, freePort));
    const api = port ?? free;
    const etcd = start('etcd', tools.etcd, [
      ...['--data-dir', join(directory, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error'],
      ...['--listen-client-urls', local('http', client), '--advertise-client-urls', local('http', client)],
      ...['--listen-peer-urls', local('http', peer), '--initial-advertise-peer-urls', local('http', peer)],
      ...['--initial-cluster', `default=${local('http', peer)}`],
    ]);
    await until('etcd', async () => (await fetch(`${local('http', client)}/health`)).ok, 30, etcd);

    log('starting kube-apiserver');
    const certificate = join(directory, CERTIFICATE);
    const apiArguments = [
      ...['--etcd-servers', local('http', client), '--secure-port', `${api}`],
      ...['--cert-dir', dirname(certificate), ...servers.api],
      ...['--service-account-key-file', files.serviceAccountKey],
      ...['--service-account-signing-key-file', files.serviceAccountKey],
      ...['--service-account-issuer', 'https://kubernetes.default.svc', '--token-auth-file', files.tokens],
      ...['--authorization-mode', 'RBAC', '--allow-privileged'],
    ];
    let apiServer = start('kube-apiserver', tools['kube-apiserver'], apiArguments);
    await until('the certificate of kube-apiserver', () => readFile(certificate, 'utf8'), 30, apiServer);
    await writeFile(files.kubeconfig, kubeconfig(`https://${address}:${api}`, files.token, certificate));
    const kubernetes = connect(files.kubeconfig);
    const serves = () => until('kube-apiserver', () => kubernetes.ready(), 60, apiServer);
    await serves();

    log('starting kube-controller-manager and kube-scheduler');
    const asController = ['--kubeconfig', files.kubeconfig, '--bind-address', '127.0.0.1', '--leader-elect=false'];
    start('kube-controller-manager', tools['kube-controller-manager'], [
      ...[...asController, '--secure-port', `${manager}`, ...UNTHROTTLED],
      ...['--service-account-private-key-file', files.serviceAccountKey, '--use-service-account-credentials'],
      ...servers.manager(directory),
    ]);
    start('kube-scheduler', tools['kube-scheduler'], [
      ...[...asController, '--secure-port', `${scheduler}`, ...UNTHROTTLED],
    ]);
    await startNodes({ directory, kubeconfig: files.kubeconfig, kubernetes, start });
    await until(
      'the ServiceAccount default',
      async () => Boolean(await kubernetes.get('v1', 'ServiceAccount', 'default', 'default')),
      60,
    );

    return {
      directory,
      kubeconfig: files.kubeconfig,
      kubernetes,
      restartApiServer: async () => {
        await apiServer.stop('SIGKILL');
        apiServer = start('kube-apiserver', tools['kube-apiserver'], apiArguments);
        await serves();
      },
      stop: async (keep = false) => {
        await stopAll(processes);
        if (keep) log(`logs are kept in ${directory}`);
        else await rm(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await stopAll(processes);
    throw new Error(`the control plane did not start; logs are kept in ${directory}`, { cause: error });
  }
}

/** In the reverse order of their start, so that none waits for another. */
async function stopAll(processes: RunningProcess[]): Promise<void> {
  for (const running of [...processes].reverse())
    await running.stop(running.name === 'kube-apiserver' ? 'SIGKILL' : 'SIGTERM');
}

async function writeFiles(directory: string) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const serviceAccountKey = join(directory, 'service-account.key');
  await writeFile(serviceAccountKey, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  const token = randomBytes(16).toString('hex');
  const tokens = join(directory, 'tokens.csv');
  await writeFile(tokens, `${token},admin,admin,system:masters\n`, { mode: 0o600 });
  await mkdir(join(directory, 'certificates'));
  return { serviceAccountKey, token, tokens, kubeconfig: join(directory, 'kubeconfig') };
}

function kubeconfig(server: string, token: string, certificate: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': certificate } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  });
}

/** The default stages of kwok, which make nodes and pods ready at once. A cached binary may outlive its module with them. */
async function kwokStages(kustomize: string): Promise<string> {
  const { stdout } = await run('go', ['mod', 'download', '-json', 'sigs.k8s.io/kwok'], { cwd: 'test/cluster/servers' });
  const { Dir: module } = JSON.parse(stdout) as { Dir: string };
  const stages = ['node/fast', 'pod/fast'].map((folder) => join(module, 'kustomize/stage', folder));
  const built = await Promise.all(stages.map((folder) => run(kustomize, ['build', folder])));
  return built.map((result) => result.stdout).join('---\n');
}

async function createNode(kubernetes: Kubernetes, name: string, address: string): Promise<void> {
  const resources = { cpu: '64', memory: '256Gi', pods: '500' };
  await kubernetes.apply({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
      labels: { 'kubernetes.io/hostname': name },
    },
  });
  const addresses = [
    { type: 'InternalIP', address },
    { type: 'Hostname', address: name },
  ];
  const status = { addresses, allocatable: resources, capacity: resources };
  const patch = { 'content-type': 'application/merge-patch+json' };
  await kubernetes.request('PATCH', `/api/v1/nodes/${name}/status`, { status }, patch);
}

/** Whether there are so many nodes, and all are ready for pods. */
export async function nodesReady(kubernetes: Kubernetes, count: number): Promise<boolean> {
  const nodes = await kubernetes.list('v1', 'Node');
  return (
    nodes.length === count &&
    nodes.every(
      ({ spec, status }) =>
        !spec?.taints?.length &&
        status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
    )
  );
}

function local(protocol: string, port: number | undefined): string {
  return `${protocol}://127.0.0.1:${port}`;
}
