import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { type Artefact, release } from '../../generate/release.ts';
import packageJson from '../../package.json' with { type: 'json' };
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { kustomize } from '../cluster/registration.ts';
import { chart, HELMS, helm, metacontrollerChart, serveFolder } from '../support/chart.ts';
import { goTool } from '../tools.ts';

const run = promisify(execFile);
const { version } = packageJson;

let folder: string;
let dependency: string;
let alone: Artefact[];
let complete: Artefact[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshery-release-test-'));
  // Without the chart of Metacontroller, the stand-in for it.
  dependency = metacontrollerChart ?? join(await chart(folder), 'charts/metacontroller-helm');
  alone = await release(join(folder, 'alone'));
  complete = await release(join(folder, 'complete'), dependency);
}, 600_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Locked {
  version: string;
  dev?: boolean;
  devOptional?: boolean;
}

const text = (name: string, of = 'complete') => readFile(join(folder, of, name), 'utf8');
const objects = async (name: string, of?: string) =>
  parseAllDocuments(await text(name, of)).map((document) => document.toJS() as KubernetesObject);

const named = (list: KubernetesObject[]) =>
  Object.fromEntries(list.map((object) => [`${object.kind}/${object.metadata.name}`, object]));
const kinds = (list: KubernetesObject[]) => list.map(({ kind }) => kind);
const FIRST = ['Namespace', 'CustomResourceDefinition'];

/** All images that the pods of some objects run. */
const images = (list: KubernetesObject[]) =>
  list.flatMap(({ spec }) => spec?.template?.spec?.containers ?? []).map(({ image }: { image: string }) => image);

const WITHOUT = [
  'crds.yaml',
  'install.yaml',
  'krew.yaml',
  `meshery-meshery-operator-${version}.tgz`,
  'sbom.cdx.json',
  'sha256sums.txt',
];
const WITH = [
  'crds-with-metacontroller.yaml',
  'index.yaml',
  'install-with-metacontroller.yaml',
  `meshery-operator-${version}.tgz`,
];

describe('the files of a release', () => {
  it('are those without Metacontroller, or with its chart all', async () => {
    expect(alone.map(({ name }) => name)).toEqual(WITHOUT);
    expect(complete.map(({ name }) => name)).toEqual([...WITHOUT, ...WITH].sort());
    expect(await readdir(join(folder, 'complete'))).toEqual([...WITHOUT, ...WITH].sort());
  });

  it('have the checksums that sha256sum checks', async () => {
    const { stdout } = await run('sha256sum', ['--check', '--strict', 'sha256sums.txt'], {
      cwd: join(folder, 'complete'),
    });
    expect(stdout.match(/^.+: OK$/gm)).toHaveLength(complete.length - 1);
  });

  it('are the same in two runs, as far as they are manifests', async () => {
    const again = await release(join(folder, 'again'), dependency);
    const manifests = (list: Artefact[]) =>
      list
        .filter(({ name }) => name.endsWith('.yaml') && name !== 'index.yaml')
        .map(({ name, sha256 }) => [name, sha256]);
    expect(manifests(again)).toHaveLength(5);
    expect(manifests(again)).toEqual(manifests(complete));
    for (const name of ['crds.yaml', 'install.yaml']) expect(await text(name)).toBe(await text(name, 'alone'));
  });

  it('include an SBOM of the dependencies in the bundles, and of no others', async () => {
    const { bomFormat, metadata, components } = JSON.parse(await text('sbom.cdx.json'));
    expect([bomFormat, metadata.component.name, metadata.component.version]).toEqual([
      'CycloneDX',
      'meshery-operator',
      version,
    ]);
    const locked = JSON.parse(await readFile('package-lock.json', 'utf8')).packages as Record<string, Locked>;
    const bundled = Object.entries(locked).flatMap(([path, { version, dev, devOptional }]) =>
      path && !dev && !devOptional ? [`${path.replace(/^.*node_modules\//, '')}@${version}`] : [],
    );
    const listed = components.map(({ name, version }: Locked & { name: string }) => `${name}@${version}`);
    expect(listed.sort()).toEqual([...new Set(bundled)].sort());
  });

  it('are not written with another chart than the required one', async () => {
    const other = join(folder, 'other');
    await mkdir(other);
    await writeFile(join(other, 'Chart.yaml'), stringify({ apiVersion: 'v2', name: 'other', version: '1.0.0' }));
    await expect(release(join(folder, 'refused'), other)).rejects.toThrow(
      /^METACONTROLLER_CHART is other 1\.0\.0, but manifests\/chart depends on metacontroller-helm \S+$/,
    );
  });
});

describe('install.yaml', () => {
  it('has exactly the objects of the kustomizations, namespace and CRDs first', async () => {
    const installed = await objects('install.yaml');
    const folders = await Promise.all(['manifests', 'metacontroller', 'manifests/samples'].map(kustomize));
    expect(installed).toHaveLength(folders.flat().length);
    expect(named(installed)).toEqual(named(folders.flat()));
    expect(kinds(installed).slice(0, 3)).toEqual([...FIRST, 'CustomResourceDefinition']);
  });

  it('runs the image of this version, and no placeholder', async () => {
    expect(images(await objects('install.yaml'))).toEqual([`${packageJson.config.image}:${version}`]);
  });

  it.each(['install.yaml', 'install-with-metacontroller.yaml'])(
    'says at the head of %s what it is, and that the CRDs are applied first',
    async (name) => {
      const [head = ''] = (await text(name)).split('---\n');
      const crds = name.replace('install', 'crds');
      expect(head).toMatch(/^(# .*\n)+$/);
      expect(head).toMatch(new RegExp(`^# Meshery Operator ${version.replaceAll('.', '\\.')}\\b`));
      const commands = [...head.matchAll(/^# {3}kubectl (\w+) .*-f (\S+)$/gm)].map(([, verb, file]) => [verb, file]);
      expect(commands).toEqual([
        ['apply', crds],
        ['wait', crds],
        ['apply', name],
      ]);
    },
  );
});

it('crds.yaml has the CRDs', async () => {
  expect(named(await objects('crds.yaml'))).toEqual(named(await kustomize('manifests/crds')));
});

describe('the manifests with Metacontroller', () => {
  it('have all of install.yaml and Metacontroller, namespaces and CRDs first', async () => {
    const both = await objects('install-with-metacontroller.yaml');
    const own = await objects('install.yaml');
    expect(named(both)).toMatchObject(named(own));
    const order = kinds(both).map((kind) => FIRST.indexOf(kind));
    expect(order.filter((index) => index >= 0)).toEqual([0, 0, 1, 1, 1, 1, 1]);
    expect(order.findLastIndex((index) => index >= 0)).toBe(6);
    const others = both.filter(({ kind, metadata }) => !(`${kind}/${metadata.name}` in named(own)));
    expect(named(others)).toHaveProperty('Namespace/metacontroller');
    const namespaces = others.flatMap(({ metadata }) => metadata.namespace ?? []);
    expect(new Set(namespaces)).toEqual(new Set(['metacontroller']));
    expect(kinds(others)).toContain('StatefulSet');
  });

  it('have the CRDs of both in crds-with-metacontroller.yaml', async () => {
    const installed = await objects('install-with-metacontroller.yaml');
    const crds = installed.filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(crds).toHaveLength(5);
    expect(named(await objects('crds-with-metacontroller.yaml'))).toEqual(named(crds));
  });

  it.skipIf(!metacontrollerChart)('run it with the documented flags and the least privilege', async () => {
    const installed = await objects('install-with-metacontroller.yaml');
    const [required] = parse(await readFile('manifests/chart/Chart.yaml', 'utf8')).dependencies;
    const set = installed.find(({ kind }) => kind === 'StatefulSet');
    const { commandArgs } = parse(await readFile('metacontroller/install/values.yaml', 'utf8'));
    expect(set?.spec.template.spec.containers).toMatchObject([
      { image: `ghcr.io/metacontroller/metacontroller:v${required.version}`, args: commandArgs },
    ]);
    const { rules } = parse(await readFile('metacontroller/install/least-privilege/cluster-role.yaml', 'utf8'));
    const binding = installed.find(
      ({ kind, metadata }) => kind === 'ClusterRoleBinding' && metadata.name.startsWith('metacontroller'),
    ) as KubernetesObject & { roleRef: { name: string } };
    expect(named(installed)[`ClusterRole/${binding.roleRef.name}`]).toMatchObject({ rules });
  });
});

describe.each(HELMS)('the chart repository, by %s', (name) => {
  it('has the chart with its dependency', async () => {
    const server = await serveFolder(join(folder, 'complete'));
    try {
      const from = ['--repo', server.url, '--version', version, '--namespace', 'meshery', '--kube-version', '1.30.0'];
      const program = await helm(name, folder);
      const rendered = parseAllDocuments(await program('template', 'meshery-operator', 'meshery-operator', ...from));
      const installed = rendered.map((document) => document.toJS() as KubernetesObject).filter(Boolean);
      expect(images(installed)).toContain(`${packageJson.config.image}:${version}`);
      expect(kinds(installed)).toContain('StatefulSet');
    } finally {
      server.close();
    }
  });
});

describe('the package of the command line', () => {
  it('has the bundles, README and license, and nothing else', async () => {
    const { stdout } = await run('tar', ['-tzf', join(folder, 'complete', `meshery-meshery-operator-${version}.tgz`)]);
    const files = ['LICENSE', 'README.md', 'dist/cli.js', 'dist/main.js', 'dist/server.js', 'package.json'];
    const isPart = (path: string) => /^package\/dist\/cli-[A-Z0-9]+\.js$/.test(path);
    const packed = stdout
      .trim()
      .split('\n')
      .filter((path) => !isPart(path));
    expect(packed.sort()).toEqual(files.map((file) => `package/${file}`));
  });

  it('is installed into an empty folder without a registry, and renders the sample Broker', async () => {
    const prefix = join(folder, 'installed');
    await mkdir(prefix);
    const archive = join(folder, 'complete', `meshery-meshery-operator-${version}.tgz`);
    await run('npm', ['install', archive, '--prefix', prefix, '--offline', '--no-audit', '--no-fund']);
    expect(await readdir(join(prefix, 'node_modules'))).toEqual(['.bin', '.package-lock.json', '@meshery']);
    const program = join(prefix, 'node_modules/.bin/meshery-operator');
    const { stdout } = await run(program, ['render', 'manifests/samples/broker.yaml']);
    const rendered = parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject);
    expect(rendered.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)).toEqual([
      'Secret meshery/meshery-nats-auth',
      'Secret meshery/meshery-nats-server',
      'ConfigMap meshery/meshery-nats-config',
      'Service meshery/meshery-nats-headless',
      'Service meshery/meshery-nats',
      'StatefulSet meshery/meshery-nats',
      'Broker meshery/meshery-broker',
    ]);
  }, 600_000);

  it('is installed by krew as a plugin of kubectl', async () => {
    const root = join(folder, 'krew');
    const archive = join(folder, 'complete', `meshery-meshery-operator-${version}.tgz`);
    const manifest = join(folder, 'complete', 'krew.yaml');
    const env = { ...process.env, KREW_ROOT: root, KREW_NO_UPGRADE_CHECK: '1' };
    await run(await goTool('krew'), ['install', '--manifest', manifest, '--archive', archive], { env });
    // As kubectl finds it.
    const { stdout } = await run(join(root, 'bin/kubectl-meshery'), ['render', 'manifests/samples/broker.yaml']);
    expect(stdout.match(/^kind: .*$/gm)).toContain('kind: StatefulSet');
    const help = await run(join(root, 'bin/kubectl-meshery'), ['status', '--help']);
    expect(help.stdout).toMatch(/^Usage: kubectl meshery status /);
  }, 600_000);
});
