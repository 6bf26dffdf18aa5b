// Writes what a release publishes: npm run release:dry
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { printYaml } from '../src/cli/yaml.ts';
import { chart, type Helm, helm, metacontrollerChart } from '../test/support/chart.ts';
import { goTool } from '../test/tools.ts';
import { consistentVersion, notes, publishedBy } from './consistency.ts';
import { krewManifest } from './krew.ts';
import { sbom } from './sbom.ts';

const run = promisify(execFile);

/** Namespace of Metacontroller, which the NetworkPolicy of the operator allows. */
const METACONTROLLER = 'metacontroller';

/** A file of a release. */
export interface Artefact {
  name: string;
  /** In bytes. */
  size: number;
  sha256: string;
}

/**
 * Writes all files of a release that need no registry into a folder, which it empties first.
 * @param dependency the chart of Metacontroller, a folder or an archive; without it, what contains Metacontroller is left out
 * @throws an Error of one line when the checkout is inconsistent, or `dependency` is not what the chart requires
 */
export async function release(folder: string, dependency = ''): Promise<Artefact[]> {
  const version = consistentVersion();
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const work = await realpath(await mkdtemp(join(tmpdir(), 'meshery-release-')));
  try {
    const context = { version, folder: resolve(folder), work };
    await manifests(context);
    if (dependency) await withMetacontroller(context, dependency);
    await commandLine(context);
    await writeFile(join(folder, 'sbom.cdx.json'), await sbom());
  } finally {
    await rm(work, { recursive: true });
  }
  const artefacts = await artefactsIn(folder);
  const sums = artefacts.map(({ name, sha256 }) => `${sha256}  ${name}\n`);
  await writeFile(join(folder, 'sha256sums.txt'), sums.join(''));
  return artefactsIn(folder);
}

interface Context {
  version: string;
  /** Absolute path of the folder that the files are written to. */
  folder: string;
  /** A folder for what is not published. */
  work: string;
}

const CRDS = ['manifests/crds'];
const INSTALL = ['manifests', 'metacontroller', 'manifests/samples'];

/** What kubectl applies where Metacontroller is installed already. */
async function manifests(context: Context): Promise<void> {
  await writeManifest(context, 'crds.yaml', CRDS, [
    `Meshery Operator ${context.version}: its CustomResourceDefinitions. The operator itself is in install.yaml.`,
  ]);
  await writeManifest(context, 'install.yaml', INSTALL, [
    `Meshery Operator ${context.version}: namespace, CustomResourceDefinitions, operator, role of MeshSync, CompositeControllers, and`,
    'a Broker and a MeshSync. Metacontroller must be installed, with the flags and the rights that the documentation lists.',
    ...applied('crds.yaml', 'install.yaml'),
  ]);
}

/** The same with Metacontroller, and the Helm chart, which depends on it. */
async function withMetacontroller(context: Context, dependency: string): Promise<void> {
  const { folder, version, work } = context;
  const helm4 = await helm('helm4', work);
  const metacontroller = await requiredVersion(helm4, dependency);
  const values = ['values.yaml', 'least-privilege/values.yaml'].map((file) => `metacontroller/install/${file}`);
  const named = ['--namespace', METACONTROLLER, ...values.flatMap((file) => ['--values', file])];
  const rendered = await helm4('template', METACONTROLLER, dependency, '--include-crds', ...named);
  const crds = await helm4('show', 'crds', dependency);
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: METACONTROLLER } };
  const both = `Meshery Operator ${version} and Metacontroller ${metacontroller}`;
  await writeManifest(
    context,
    'crds-with-metacontroller.yaml',
    CRDS,
    [`${both}: their CustomResourceDefinitions. The programs are in install-with-metacontroller.yaml.`],
    { 'crds.yaml': crds },
  );
  await writeManifest(
    context,
    'install-with-metacontroller.yaml',
    INSTALL,
    [
      `${both}: namespaces, CustomResourceDefinitions, Metacontroller with`,
      'the rights that this operator needs, operator, role of MeshSync, CompositeControllers, and a Broker and a MeshSync.',
      'Only for a cluster that has no Metacontroller: two would both act.',
      ...applied('crds-with-metacontroller.yaml', 'install-with-metacontroller.yaml'),
    ],
    { 'metacontroller.yaml': rendered, 'namespace.yaml': printYaml(namespace) },
  );
  const repository = join(work, 'repository');
  await helm4('package', await chart(work, undefined, dependency), '--destination', repository);
  // Without an URL, the archive is where the index is.
  await helm4('repo', 'index', repository);
  await cp(repository, folder, { recursive: true });
}

/** The version of a chart of Metacontroller, if it is the one that the chart depends on. */
async function requiredVersion(helm4: Helm, dependency: string): Promise<string> {
  const given = parse(await helm4('show', 'chart', dependency));
  const [required] = parse(await readFile('manifests/chart/Chart.yaml', 'utf8')).dependencies;
  if (given.name === required.name && given.version === required.version) return given.version;
  const found = `${given.name} ${given.version}`;
  throw new Error(
    `METACONTROLLER_CHART is ${found}, but manifests/chart depends on ${required.name} ${required.version}`,
  );
}

/** How two files are applied: the kinds of the second must be known before their first objects. */
function applied(crds: string, install: string): string[] {
  return [
    'Apply the CustomResourceDefinitions first, at upgrades too:',
    `  kubectl apply --server-side -f ${crds}`,
    `  kubectl wait --for=condition=Established --timeout=1m -f ${crds}`,
    `  kubectl apply --server-side -f ${install}`,
  ];
}

/** Writes the objects of folders and files as one manifest, sorted by kustomize: namespaces and CRDs first. */
async function writeManifest(
  { folder, work }: Context,
  name: string,
  folders: string[],
  head: string[],
  files: Record<string, string> = {},
): Promise<void> {
  const root = join(work, name.replace('.yaml', ''));
  await mkdir(root);
  for (const [file, content] of Object.entries(files)) await writeFile(join(root, file), content);
  const resources = [...Object.keys(files), ...folders.map((path) => relative(root, resolve(path)))];
  await writeFile(join(root, 'kustomization.yaml'), printYaml({ resources, sortOptions: { order: 'legacy' } }));
  const { stdout } = await run(await goTool('kustomize'), ['build', root], { maxBuffer: 1e8 });
  await writeFile(join(folder, name), `${head.map((line) => `# ${line}\n`).join('')}---\n${stdout}`);
}

/** The command line as a package without dependencies, which its bundle contains in the versions of the lock file, and for krew. */
async function commandLine({ version, folder, work }: Context): Promise<void> {
  const source = join(work, 'package');
  await mkdir(source);
  await symlink(resolve('src'), join(source, 'src'));
  await run(process.execPath, [resolve('build.mjs')], { cwd: source });
  for (const file of ['README.md', 'LICENSE']) await cp(file, join(source, file));
  const manifest = JSON.parse(await readFile('package.json', 'utf8'));
  for (const field of ['scripts', 'dependencies', 'devDependencies', 'overrides']) delete manifest[field];
  await writeFile(join(source, 'package.json'), JSON.stringify(manifest, null, 2));
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: source });
  const name = stdout.trim();
  const archive = { name, sha256: sha256(await readFile(join(folder, name))) };
  await writeFile(join(folder, 'krew.yaml'), printYaml(krewManifest(version, archive)));
}

async function artefactsIn(folder: string): Promise<Artefact[]> {
  const names = (await readdir(folder)).sort();
  return Promise.all(
    names.map(async (name) => {
      const content = await readFile(join(folder, name));
      return { name, size: content.length, sha256: sha256(content) };
    }),
  );
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Runs a command of this file: none writes the files of a release, "check" and "notes" print what the workflow needs. */
async function main(command = 'write'): Promise<string> {
  if (command === 'check') {
    const outputs = Object.entries(publishedBy(process.env));
    return outputs.map(([name, value]) => `${name}=${value}\n`).join('');
  }
  if (command === 'notes') return `${notes(consistentVersion())}\n`;
  if (command !== 'write') throw new Error(`there is no command ${command}: write, check or notes`);
  if (!metacontrollerChart) {
    process.stderr.write(
      'METACONTROLLER_CHART is not set: the manifests with Metacontroller, the Helm chart and its index are left out\n',
    );
  }
  const artefacts = await release('dist-release', metacontrollerChart);
  const width = Math.max(...artefacts.map(({ name }) => name.length));
  return artefacts
    .map(({ name, size, sha256 }) => `${name.padEnd(width)}  ${String(size).padStart(8)}  ${sha256}\n`)
    .join('');
}

if (process.argv[1] === import.meta.filename) {
  try {
    process.stdout.write(await main(process.argv[2]));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
