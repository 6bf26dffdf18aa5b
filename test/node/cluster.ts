import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import {
  CERTIFICATE,
  type ControlPlane,
  nodesReady,
  type StartedServers,
  startServers,
} from '../cluster/control-plane.ts';
import { until } from '../cluster/processes.ts';
import { goTools } from '../tools.ts';
import { type Archive, NEXT, OPERATOR, PAUSE } from './images.ts';
import { hierarchies, sandbox } from './sandbox.ts';

const run = promisify(execFile);

/** Where the nodes are: on a bridge of the sandbox. The control plane is on the first. */
const nodeAddress = (index: number) => `172.30.0.${index + 1}`;
export const API_SERVER = nodeAddress(0);
/** A host outside of the cluster, which reaches the nodes only. */
export const OUTSIDE = 'outside';
const OUTSIDE_ADDRESS = '172.30.0.100';
const DNS = '10.96.0.10';
const podRange = (index: number) => `10.244.${index}.0/24`;
export const nodeName = (index: number) => `node-${index + 1}`;

/** Builds the programs of a cluster, which takes a network: the sandbox has none. */
export async function buildPrograms(): Promise<void> {
  await goTools(['etcd', 'kustomize', 'containerd', 'containerd-shim-runc-v2', 'ctr', 'coredns']);
  await goTools(['helm3', 'helm4']);
  await goTools(['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl', 'kubelet', 'kube-proxy']);
}

/** A cluster of real nodes. */
export interface Cluster extends ControlPlane {
  /** Number of its nodes. */
  nodes: number;
  /** Runs kubectl, and returns what it prints. */
  kubectl: (...args: string[]) => Promise<string>;
  /** Runs ctr with the containerd of a node, and returns what it prints. */
  ctr: (node: string, ...args: string[]) => Promise<string>;
  /** Sends a signal to the processes of a container, which kubelet and containerd don't expect. */
  signal: (pod: { namespace: string; name: string; container: string }, signal: string) => Promise<void>;
}

/** Arguments that run a command in the network of a node, or outside of the cluster. */
export const inNetwork = (name: string, ...command: string[]): string[] =>
  name === nodeName(0) ? command : ['nsenter', `--net=/run/netns/${name}`, ...command];

/**
 * Starts a control plane and nodes, each with containerd, kubelet and kube-proxy, and CoreDNS. Only in a sandbox, where all
 * ends with its process.
 */
export async function startCluster(
  log: (line: string) => void,
  archives: Archive[],
  { nodes = 1 } = {},
): Promise<Cluster> {
  const directory = sandbox();
  await startNetwork(nodes);
  const indexes = Array.from({ length: nodes }, (_, index) => index);
  const controlPlane = await startServers(
    log,
    {
      address: API_SERVER,
      port: 6443,
      api: [
        ...['--bind-address', '0.0.0.0', '--advertise-address', API_SERVER],
        ...['--service-cluster-ip-range', '10.96.0.0/16'],
        ...['--kubelet-preferred-address-types', 'InternalIP'],
      ],
      manager: (folder) => ['--cluster-cidr', '10.244.0.0/16', '--root-ca-file', join(folder, CERTIFICATE)],
    },
    directory,
    async (servers) => {
      log(`starting containerd, kubelet and kube-proxy of ${nodes} ${nodes === 1 ? 'node' : 'nodes'}, and CoreDNS`);
      await Promise.all(indexes.map((index) => startNode(servers, archives, index)));
      await until('the nodes', () => nodesReady(servers.kubernetes, nodes), 60);
      await startDns(servers);
    },
  );
  const { kubectl: program } = await goTools(['kubectl']);
  const ctr = (node: string, ...args: string[]) => runCtr(join(directory, node), ...args);
  const kubectl = async (...args: string[]) => {
    const { stdout } = await run(program, ['--kubeconfig', controlPlane.kubeconfig, ...args], { maxBuffer: 1e8 });
    return stdout;
  };
  return {
    ...controlPlane,
    nodes,
    kubectl,
    ctr,
    signal: async ({ namespace, name, container }, signal) => {
      const { spec, status } = (await controlPlane.kubernetes.get('v1', 'Pod', name, namespace)) ?? {};
      const { containerID = '' } =
        status?.containerStatuses.find((each: { name: string }) => each.name === container) ?? {};
      const id = containerID.replace('containerd://', '');
      await ctr(spec?.nodeName, 'tasks', 'kill', '--signal', signal, id);
    },
  };
}

/** The bridge of the nodes, a network namespace for each but the first, and one for a host outside of the cluster. */
async function startNetwork(nodes: number): Promise<void> {
  const ip = (command: string) => run('ip', command.split(' '));
  await ip('link add nodes type bridge');
  await ip(`addr add ${API_SERVER}/24 dev nodes`);
  await ip('link set nodes up');
  await ip('route add default dev nodes');
  const attach = async (name: string, address: string) => {
    await ip(`netns add ${name}`);
    await ip(`link add ${name} type veth peer name eth0 netns ${name}`);
    await ip(`link set ${name} master nodes up`);
    await ip(`-n ${name} link set lo up`);
    await ip(`-n ${name} addr add ${address}/24 dev eth0`);
    await ip(`-n ${name} link set eth0 up`);
  };
  for (let index = 1; index < nodes; index += 1) {
    await attach(nodeName(index), nodeAddress(index));
    await ip(`-n ${nodeName(index)} route add default via ${API_SERVER}`);
  }
  await attach(OUTSIDE, OUTSIDE_ADDRESS);
  for (let at = 0; at < nodes; at += 1) {
    const inside = (command: string) => {
      const [file = '', ...args] = inNetwork(nodeName(at), ...command.split(' '));
      return run(file, args);
    };
    await inside('sysctl -qw net.ipv4.ip_forward=1');
    for (let to = 0; to < nodes; to += 1) {
      if (to !== at) await inside(`ip route add ${podRange(to)} via ${nodeAddress(to)}`);
    }
  }
}

/** Runs ctr with the containerd of the node that has a folder. */
async function runCtr(folder: string, ...args: string[]): Promise<string> {
  const { ctr } = await goTools(['ctr']);
  const options = ['--address', join(folder, 'containerd.sock'), '--namespace', 'k8s.io'];
  return (await run(ctr, [...options, ...args], { maxBuffer: 1e8 })).stdout;
}

/** Starts containerd, imports the images, and starts kubelet and kube-proxy. */
async function startNode(
  { directory, kubeconfig, start }: StartedServers,
  archives: Archive[],
  index: number,
): Promise<void> {
  const tools = await goTools(['containerd', 'containerd-shim-runc-v2', 'kubelet', 'kube-proxy']);
  const name = nodeName(index);
  const folder = join(directory, name);
  const cgroup = join('/', directory.split('/').at(-1) ?? '', name);
  for (const hierarchy of hierarchies()) await mkdir(join(hierarchy, cgroup), { recursive: true });
  for (const each of ['cni', 'kubelet', 'logs']) await mkdir(join(folder, each), { recursive: true });
  const write = (file: string, content: string) => writeFile(join(folder, file), content);
  await write('containerd.toml', containerdConfiguration(folder, tools['containerd-shim-runc-v2']));
  await write('cni/10-bridge.conflist', JSON.stringify(cniConfiguration(folder, index)));
  await write('resolv.conf', '');
  await write('kubelet.yaml', stringify(kubeletConfiguration(folder, cgroup)));
  await write('kube-proxy.yaml', stringify(proxyConfiguration(kubeconfig, name)));
  const startHere = (program: string, command: string, args: string[]) => {
    const [file = '', ...rest] = inNetwork(name, command, ...args);
    return start(`${program}-${name}`, file, rest);
  };

  const containerd = startHere('containerd', tools.containerd, ['--config', join(folder, 'containerd.toml')]);
  const ctr = (...args: string[]) => runCtr(folder, ...args);
  await until('containerd', async () => Boolean(await ctr('version')), 30, containerd);
  await Promise.all(archives.map(({ file }) => ctr('images', 'import', '--local', file)));
  const operator = archives.find((archive) => archive.name.startsWith(`${OPERATOR}:`));
  if (operator) await ctr('images', 'tag', operator.name, NEXT);
  startHere('kubelet', tools.kubelet, [
    ...['--config', join(folder, 'kubelet.yaml'), '--kubeconfig', kubeconfig],
    ...['--hostname-override', name, '--node-ip', nodeAddress(index)],
    ...['--root-dir', join(folder, 'kubelet'), '--cert-dir', join(folder, 'kubelet/pki')],
  ]);
  startHere('kube-proxy', tools['kube-proxy'], ['--config', join(folder, 'kube-proxy.yaml')]);
}

function containerdConfiguration(folder: string, shim: string): string {
  return `version = 3
root = "${folder}/containerd/root"
state = "${folder}/containerd/state"
[grpc]
address = "${folder}/containerd.sock"
# Its socket would be the same for all nodes.
[plugins.'io.containerd.nri.v1.nri']
disable = true
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "${PAUSE}"
[plugins.'io.containerd.cri.v1.runtime']
# Without the capability SYS_RESOURCE, a process can't protect itself from the kernel's choice when memory is short.
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "${folder}/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
runtime_path = "${shim}"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = "/usr/sbin/runc"
SystemdCgroup = false
`;
}

function cniConfiguration(folder: string, index: number): object {
  const ipam = {
    type: 'host-local',
    dataDir: join(folder, 'addresses'),
    ranges: [[{ subnet: podRange(index) }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      { type: 'bridge', bridge: 'pods', isGateway: true, hairpinMode: true, ipam },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

function kubeletConfiguration(folder: string, cgroup: string): object {
  const socket = `unix://${folder}/containerd.sock`;
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    ...{ failCgroupV1: false, cgroupDriver: 'cgroupfs', cgroupRoot: cgroup, enforceNodeAllocatable: [] },
    ...{ containerRuntimeEndpoint: socket, imageServiceEndpoint: socket },
    ...{ clusterDNS: [DNS], clusterDomain: 'cluster.local', resolvConf: join(folder, 'resolv.conf') },
    ...{ podLogsDir: join(folder, 'logs'), failSwapOn: false },
    // The network of the sandbox has no other users.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    // How full the machine's disk is has nothing to do with the tests.
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    // How soon a changed Secret is in the volumes of pods.
    syncFrequency: '10s',
  };
}

function proxyConfiguration(kubeconfig: string, name: string): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clusterCIDR: '10.244.0.0/16',
    hostnameOverride: name,
    clientConnection: { kubeconfig },
    conntrack: { maxPerCore: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  };
}

/** CoreDNS on the first node, behind the Service that pods ask. */
async function startDns({ directory, kubeconfig, kubernetes, start }: StartedServers): Promise<void> {
  const { coredns } = await goTools(['coredns']);
  const file = join(directory, 'Corefile');
  await writeFile(
    file,
    `.:53 {\n bind ${API_SERVER}\n kubernetes cluster.local {\n kubeconfig ${kubeconfig} test\n }\n errors\n}\n`,
  );
  start('coredns', coredns, ['-conf', file]);
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53, protocol: 'TCP' },
  ];
  await kubernetes.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: 'kube-system' },
    spec: { clusterIP: DNS, ports },
  });
  await kubernetes.apply({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kube-dns', namespace: 'kube-system', labels: { 'kubernetes.io/service-name': 'kube-dns' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [API_SERVER], conditions: { ready: true } }],
    ports,
  });
}
