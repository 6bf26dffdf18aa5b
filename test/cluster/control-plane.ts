import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { goTools } from '../tools.ts';
import { connect, type Kubernetes } from './kubernetes.ts';
import { freePort, type RunningProcess, startProcess, until } from './processes.ts';

const run = promisify(execFile);

/** A Kubernetes control plane on loopback, with kwok in place of kubelets. */
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

/** The address families of a control plane: where its API server listens, and the addresses of Services, nodes and pods. */
interface Addresses {
  loopback: string;
  /** Arguments of kube-apiserver. */
  api: string[];
  nodes: string[];
  /** Range of the addresses of pods. */
  pods: string;
}

/** Services of both families, IPv4 first. */
const DUAL_STACK: Addresses = {
  loopback: '127.0.0.1',
  api: ['--bind-address', '127.0.0.1', '--service-cluster-ip-range', '10.96.0.0/16,fd00:10:96::/112'],
  nodes: NODE_ADDRESSES,
  pods: '10.0.0.1/24',
};

/** A cluster without IPv4. */
export const IPV6_ONLY: Addresses = {
  loopback: '[::1]',
  api: [
    ...['--bind-address', '::1', '--advertise-address', '2001:db8::1'],
    ...['--service-cluster-ip-range', 'fd00:10:96::/108'],
  ],
  nodes: ['2001:db8::11', '2001:db8::12', '2001:db8::13'],
  pods: 'fd00:10:244::1/112',
};

/** The default rate limits of the programs of Kubernetes are far below the capacity of this API server. */
const UNTHROTTLED = ['--kube-api-qps=500', '--kube-api-burst=1000'];

/** Starts etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok, and waits until pods can be scheduled. */
export async function startControlPlane(
  log: (line: string) => void,
  addresses: Addresses = DUAL_STACK,
): Promise<ControlPlane> {
  const tools = await goTools([
    'etcd',
    'kwok',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kubectl',
    'kustomize',
  ]);
  const directory = await mkdtemp(join(tmpdir(), 'meshery-cluster-'));
  const files = await writeFiles(directory);
  const processes: RunningProcess[] = [];
  const start = (name: string, command: string, args: string[]) => {
    const started = startProcess(name, command, args, directory);
    processes.push(started);
    return started;
  };

  try {
    log('starting etcd');
    const [client, peer, api, manager, scheduler, kwok] = await Promise.all(Array.from({ length: 6 }, freePort));
    const etcd = start('etcd', tools.etcd, [
      ...['--data-dir', join(directory, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error'],
      ...['--listen-client-urls', local('http', client), '--advertise-client-urls', local('http', client)],
      ...['--listen-peer-urls', local('http', peer), '--initial-advertise-peer-urls', local('http', peer)],
      ...['--initial-cluster', `default=${local('http', peer)}`],
    ]);
    await until('etcd', async () => (await fetch(`${local('http', client)}/health`)).ok, 30, etcd);

    log('starting kube-apiserver');
    const apiArguments = [
      ...['--etcd-servers', local('http', client), '--secure-port', `${api}`],
      ...['--cert-dir', join(directory, 'certificates'), ...addresses.api],
      ...[
        '--service-account-key-file',
        files.serviceAccountKey,
        '--service-account-signing-key-file',
        files.serviceAccountKey,
      ],
      ...['--service-account-issuer', 'https://kubernetes.default.svc', '--token-auth-file', files.tokens],
      ...['--authorization-mode', 'RBAC', '--allow-privileged'],
    ];
    let apiServer = start('kube-apiserver', tools['kube-apiserver'], apiArguments);
    await until(
      'the certificate of kube-apiserver',
      () => readFile(join(directory, 'certificates/apiserver.crt'), 'utf8'),
      30,
      apiServer,
    );
    await writeFile(
      files.kubeconfig,
      kubeconfig(`https://${addresses.loopback}:${api}`, files.token, join(directory, 'certificates/apiserver.crt')),
    );
    const kubernetes = connect(files.kubeconfig);
    const serves = () => until('kube-apiserver', () => kubernetes.ready(), 60, apiServer);
    await serves();

    log('starting kube-controller-manager, kube-scheduler and kwok');
    start('kube-controller-manager', tools['kube-controller-manager'], [
      ...[
        '--kubeconfig',
        files.kubeconfig,
        '--bind-address',
        '127.0.0.1',
        '--secure-port',
        `${manager}`,
        '--leader-elect=false',
      ],
      ...['--service-account-private-key-file', files.serviceAccountKey, '--use-service-account-credentials'],
      // Simulated nodes send no heartbeats.
      '--node-monitor-grace-period=24h',
      ...UNTHROTTLED,
    ]);
    start('kube-scheduler', tools['kube-scheduler'], [
      ...[
        '--kubeconfig',
        files.kubeconfig,
        '--bind-address',
        '127.0.0.1',
        '--secure-port',
        `${scheduler}`,
        '--leader-elect=false',
      ],
      ...UNTHROTTLED,
    ]);
    for (const [index, address] of addresses.nodes.entries())
      await createNode(kubernetes, `node-${index + 1}`, address);
    await writeFile(join(directory, 'stages.yaml'), await kwokStages(tools.kustomize));
    const node = start('kwok', tools.kwok, [
      ...['--kubeconfig', files.kubeconfig, '--manage-all-nodes', '--config', join(directory, 'stages.yaml')],
      ...['--server-address', `127.0.0.1:${kwok}`, '--cidr', addresses.pods],
    ]);
    await until('the nodes', () => nodesReady(kubernetes), 60, node);
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

async function nodesReady(kubernetes: Kubernetes): Promise<boolean> {
  const nodes = await kubernetes.list('v1', 'Node');
  return (
    nodes.length === NODE_ADDRESSES.length &&
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
