import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Go modules that pin the programs of the tests, and the package of each program. */
const modules = {
  'test/cluster/servers': {
    'nats-server': 'github.com/nats-io/nats-server/v2',
    kustomize: 'sigs.k8s.io/kustomize/kustomize/v5',
    etcd: 'go.etcd.io/etcd/server/v3',
    kwok: 'sigs.k8s.io/kwok/cmd/kwok',
  },
  'test/health': {
    health: '.',
  },
  'test/monitoring': {
    promtool: 'github.com/prometheus/prometheus/cmd/promtool',
    prometheus: 'github.com/prometheus/prometheus/cmd/prometheus',
  },
  'test/monitoring/kube-state-metrics': {
    'kube-state-metrics': 'k8s.io/kube-state-metrics/v2',
  },
  'test/cluster/control-plane': {
    'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
    'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
    'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
    kubectl: 'k8s.io/kubernetes/cmd/kubectl',
    kubelet: 'k8s.io/kubernetes/cmd/kubelet',
    'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
  },
  'test/helm/v3': {
    helm3: 'helm.sh/helm/v3/cmd/helm',
  },
  'test/helm/v4': {
    helm4: 'helm.sh/helm/v4/cmd/helm',
  },
  'test/release': {
    actionlint: 'github.com/rhysd/actionlint/cmd/actionlint',
  },
  'test/release/krew': {
    krew: 'sigs.k8s.io/krew/cmd/krew',
  },
  'test/node/programs/containerd': {
    containerd: 'github.com/containerd/containerd/v2/cmd/containerd',
    'containerd-shim-runc-v2': 'github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2',
    ctr: 'github.com/containerd/containerd/v2/cmd/ctr',
  },
  'test/node/programs/coredns': {
    coredns: 'github.com/coredns/coredns',
  },
  'test/node/programs/images': {
    'nats-server-config-reloader': 'github.com/nats-io/nack/cmd/nats-server-config-reloader',
    'prometheus-nats-exporter': 'github.com/nats-io/prometheus-nats-exporter',
    pause: './pause',
  },
  'test/node/programs/nats-box': {
    nats: 'github.com/nats-io/natscli/nats',
  },
} as const;

/** A program that the tests run. */
export type Tool = { [Module in keyof typeof modules]: keyof (typeof modules)[Module] }[keyof typeof modules];

/** The module of Kubernetes, and the one of the oldest release that the README promises, which `KUBERNETES=1.30` chooses. */
const KUBERNETES = 'test/cluster/control-plane';
const releases: Record<string, string> = { '': KUBERNETES, '1.30': `${KUBERNETES}-1.30` };

/** Modules of programs that run in images without libraries. */
const STATIC = ['test/cluster/servers', 'test/node/programs/images', 'test/node/programs/nats-box'];

/** Folder of what the tests build once. */
export const CACHE = resolve('node_modules/.cache/meshery-operator');
const building = new Map<string, Promise<void>>();

let report = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Says who is told that programs are built, instead of the error output. */
export function reportBuilds(to: (line: string) => void): void {
  report = to;
}

/**
 * Path of a program, built from its pinned Go module unless an earlier run has built it or the folder
 * `KUBEBUILDER_ASSETS` contains it. A program that happens to be on the machine is never used.
 * @throws an Error of one line when Go is missing or the build fails
 */
export async function goTool(tool: Tool): Promise<string> {
  return (await goTools([tool]))[tool];
}

/** As `goTool`, for several programs, which are built together. */
export async function goTools<const Name extends Tool>(tools: Name[]): Promise<Record<Name, string>> {
  const paths = {} as Record<Name, string>;
  for (const [name, packages] of Object.entries<Record<string, string>>(modules)) {
    const module = name === KUBERNETES ? release() : name;
    const requested = tools.filter((tool) => tool in packages);
    const folder = join(CACHE, await version(module));
    const missing: string[] = [];
    for (const tool of requested) {
      const ready = process.env.KUBEBUILDER_ASSETS && join(process.env.KUBEBUILDER_ASSETS, tool);
      paths[tool] = ready && existsSync(ready) ? ready : join(folder, tool);
      if (!existsSync(paths[tool])) missing.push(tool);
    }
    if (missing.length > 0) await build(module, folder, missing, packages);
  }
  return paths;
}

function release(): string {
  const module = releases[process.env.KUBERNETES ?? ''];
  if (!module) throw new Error(`KUBERNETES must be one of ${Object.keys(releases).filter(Boolean)}, or not set`);
  return module;
}

/** Changes with the pinned versions and the sources of a module, so that a program is rebuilt then. */
async function version(module: string): Promise<string> {
  const sources = (await readdir(module, { recursive: true })).filter((file) => file.endsWith('.go')).sort();
  const files = await Promise.all(['go.mod', 'go.sum', ...sources].map((file) => readFile(join(module, file))));
  const hash = createHash('sha256').update(Buffer.concat(files)).digest('hex').slice(0, 16);
  return STATIC.includes(module) ? `${hash}-static` : hash;
}

/** Builds into a folder of its own, then renames it: other processes may be building the same. */
async function build(module: string, folder: string, tools: string[], packages: Record<string, string>): Promise<void> {
  const key = `${folder} ${tools.join(' ')}`;
  const before = building.get(key);
  if (before) return before;
  const work = (async () => {
    report(`building ${tools.join(', ')} from ${module} …`);
    await mkdir(folder, { recursive: true });
    const temporary = await mkdtemp(join(folder, 'build-'));
    try {
      for (const tool of tools) {
        const flags = ['-mod=readonly', '-ldflags', `-s -w ${await linkVersion(module)}`, '-o', join(temporary, tool)];
        const env = STATIC.includes(module) ? { ...process.env, CGO_ENABLED: '0' } : process.env;
        await run('go', ['build', ...flags, packages[tool] ?? tool], { cwd: module, env, maxBuffer: 1e8 });
        await rename(join(temporary, tool), join(folder, tool));
      }
    } catch (error) {
      const { code, stderr } = error as { code?: string; stderr?: string };
      if (code === 'ENOENT') throw new Error(`Go is needed to build ${tools.join(', ')}: see https://go.dev/dl`);
      throw new Error(`go build of ${tools.join(', ')} in ${module} failed: ${stderr?.trim().split('\n').at(-1)}`);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  })();
  building.set(key, work);
  return work;
}

/** Programs of Kubernetes get their version from the linker. */
async function linkVersion(module: string): Promise<string> {
  const [, kubernetes] = /k8s\.io\/kubernetes (v\S+)/.exec(await readFile(join(module, 'go.mod'), 'utf8')) ?? [];
  return kubernetes ? `-X k8s.io/component-base/version.gitVersion=${kubernetes}` : '';
}
