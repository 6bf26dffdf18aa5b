import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import { brokerDefaults } from '../../src/api/broker.ts';
import { meshSyncDefaults } from '../../src/api/meshsync.ts';
import { goOperatorBinary } from '../cluster/go-operator.ts';
import { metacontrollerBinary } from '../cluster/metacontroller.ts';
import { meshSyncBinary } from '../cluster/processes.ts';
import { GO_OPERATOR_IMAGE } from '../support/go-operator.ts';
import { imageNode } from '../support/node.ts';
import { goTools } from '../tools.ts';
import { IMAGES, imagesOf } from './sandbox.ts';

const run = promisify(execFile);

/** An image in a docker archive, which containerd imports. */
export interface Archive {
  /** As pods name it, with its registry. */
  name: string;
  file: string;
  /** Size of each layer in bytes, uncompressed. */
  layers: number[];
}

/** A made image: programs and files on nothing. */
interface Recipe {
  name: string;
  /** Path in the image by path on this machine. The libraries of a program are copied with it. */
  files: Record<string, string>;
  /** Further lines of its Dockerfile. */
  lines: string[];
}

export const PAUSE = 'docker.io/local/pause:1';
export const METACONTROLLER = 'ghcr.io/metacontroller/metacontroller:v4.17.2';

/** An image with a shell. */
export const NATS_BOX = `docker.io/${brokerDefaults.natsBox.repository}:${brokerDefaults.natsBox.version}`;

/** The image that the manifests of the operator name, and a second name of it, for upgrades. */
export const OPERATOR = packageJson.config.image;
export const NEXT = `${OPERATOR}:next`;

/**
 * The images that the pods of the tests run, built once and kept until what they are made of changes: the operator's from
 * the `Dockerfile`, the others of their programs. Needs root, buildah and a network, which a sandbox does not have.
 * @throws an Error of one line when a build fails
 */
export async function images(log: (line: string) => void): Promise<Archive[]> {
  const tools = await goTools([
    'nats-server',
    'nats-server-config-reloader',
    'prometheus-nats-exporter',
    'pause',
    'nats',
  ]);
  const { reloader, promExporter } = brokerDefaults;
  const metacontroller = metacontrollerBinary();
  const archives = [
    await made(log, { name: PAUSE, files: { [tools.pause]: '/pause' }, lines: ['ENTRYPOINT ["/pause"]'] }),
    await made(log, {
      name: `docker.io/library/nats:${brokerDefaults.version}`,
      files: { [tools['nats-server']]: '/usr/local/bin/nats-server' },
      lines: ['ENTRYPOINT ["/usr/local/bin/nats-server"]', 'CMD ["--config", "/etc/nats/nats-server.conf"]'],
    }),
    await made(log, {
      name: `docker.io/${reloader.repository}:${reloader.version}`,
      files: { [tools['nats-server-config-reloader']]: '/usr/local/bin/nats-server-config-reloader' },
      lines: ['ENTRYPOINT ["/usr/local/bin/nats-server-config-reloader"]'],
    }),
    await made(log, {
      name: `docker.io/${promExporter.repository}:${promExporter.version}`,
      files: { [tools['prometheus-nats-exporter']]: '/prometheus-nats-exporter' },
      lines: ['ENTRYPOINT ["/prometheus-nats-exporter"]'],
    }),
    await made(log, await natsBox(tools.nats)),
    await made(log, await meshSync()),
    await operator(log),
  ];
  if (metacontroller) {
    const files = { [metacontroller]: '/usr/bin/metacontroller' };
    archives.push(await made(log, { name: METACONTROLLER, files, lines: ['ENTRYPOINT ["/usr/bin/metacontroller"]'] }));
  }
  const goOperator = goOperatorBinary();
  if (goOperator) {
    const name = `docker.io/${GO_OPERATOR_IMAGE}`;
    const files = { [goOperator]: '/manager' };
    archives.push(await made(log, { name, files, lines: ['USER 65532', 'ENTRYPOINT ["/manager"]'] }));
  }
  return archives;
}

/** The environment that tells a sandbox of images. */
export const environmentOf = (archives: Archive[]) => ({ ARCHIVES: JSON.stringify(archives) });

/** The images of which this sandbox was told. */
export function imagesHere(): Archive[] {
  return JSON.parse(process.env.ARCHIVES ?? '[]') as Archive[];
}

/** The image of `natsBox`: the command line of NATS, and programs of the machine for those that are in Alpine. */
async function natsBox(nats: string): Promise<Recipe> {
  const programs = ['sh', 'sleep', 'cat', 'env'].map(async (name) => [await realpathOf(name), `/bin/${name}`]);
  return {
    name: NATS_BOX,
    files: { [nats]: '/usr/local/bin/nats', ...Object.fromEntries(await Promise.all(programs)) },
    lines: ['ENV PATH=/usr/local/bin:/bin'],
  };
}

/** MeshSync's image: the real program where `MESHSYNC` names one, else one that publishes as it does. */
async function meshSync(): Promise<Recipe> {
  const name = `docker.io/${meshSyncDefaults.repository}:${meshSyncDefaults.version}`;
  const program = meshSyncBinary();
  // MeshSync looks up the home directory of its user, which its base image has.
  const user = { 'test/node/images/passwd': '/etc/passwd' };
  if (program) return { name, files: { ...user, [program]: '/meshery-meshsync' }, lines: ['WORKDIR /'] };
  const bundle = await standIn();
  const node = await imageNode();
  return { name, files: { [node]: '/usr/bin/node', [bundle]: '/meshery-meshsync' }, lines: ['WORKDIR /'] };
}

/** The bundle of the stand-in for MeshSync, as a program that Node runs. */
async function standIn(): Promise<string> {
  const outfile = join(IMAGES, 'meshsync-stand-in');
  const { build } = await import('esbuild');
  await build({
    entryPoints: ['test/node/meshsync-stand-in.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    banner: { js: '#!/usr/bin/node' },
  });
  await run('chmod', ['755', outfile]);
  return outfile;
}

/** The operator's image, from the Dockerfile, on base images that are made of the Node that its base images have. */
async function operator(log: (line: string) => void): Promise<Archive> {
  const node = await imageNode();
  const sources = [
    'Dockerfile',
    'package.json',
    'package-lock.json',
    'build.mjs',
    'tsconfig.json',
    'src',
    'test/stand-in',
  ];
  const name = `${OPERATOR}:${packageJson.version}`;
  return cached(name, [node, ...sources], async (file, buildah) => {
    log(`building ${name} from the Dockerfile`);
    const npm = dirname(await realpathOf('npm'));
    const programs = await Promise.all(
      ['sh', 'env'].map(async (program) => [await realpathOf(program), `/usr/bin/${program}`]),
    );
    await buildMade(buildah, {
      name: 'localhost/node-build',
      files: {
        ...Object.fromEntries(programs),
        [node]: '/usr/bin/node',
        [dirname(npm)]: '/usr/lib/node_modules/npm',
        ...(existsSync(CERTIFICATES) && { [CERTIFICATES]: CERTIFICATES }),
      },
      lines: [
        // The package manager of the machine, on its registry.
        `ENV PATH=/usr/bin npm_config_cache=/tmp/npm HOME=/tmp npm_config_registry=${await registry()} NODE_EXTRA_CA_CERTS=${CERTIFICATES}`,
        `RUN ["/usr/bin/node", "-e", "require('fs').symlinkSync('/usr/lib/node_modules/npm/bin/npm-cli.js', '/usr/bin/npm'); require('fs').symlinkSync('usr/bin', '/bin')"]`,
      ],
    });
    await buildMade(buildah, {
      name: 'localhost/node-runtime',
      files: { [node]: '/nodejs/bin/node' },
      lines: ['USER 65532', 'ENTRYPOINT ["/nodejs/bin/node"]'],
    });
    const bases = ['NODE_IMAGE=localhost/node-build', 'RUNTIME_IMAGE=localhost/node-runtime'];
    await buildah([
      'bud',
      ...bases.flatMap((base) => ['--build-arg', base]),
      '--tag',
      name,
      '--file',
      'Dockerfile',
      '.',
    ]);
    await buildah(['push', name, `docker-archive:${file}:${name}`]);
  });
}

const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/** A made image. */
function made(log: (line: string) => void, recipe: Recipe): Promise<Archive> {
  return cached(recipe.name, [...Object.keys(recipe.files), ...recipe.lines], async (file, buildah) => {
    log(`building ${recipe.name}`);
    await buildMade(buildah, recipe);
    await buildah(['push', recipe.name, `docker-archive:${file}:${recipe.name}`]);
  });
}

type Buildah = (args: string[]) => Promise<void>;

/** Builds a made image into the storage of buildah: one layer, owned by root. */
async function buildMade(buildah: Buildah, { name, files, lines }: Recipe): Promise<void> {
  const context = await mkdtemp(join(imagesOf(process.pid), 'context-'));
  try {
    const root = join(context, 'root');
    for (const [source, target] of Object.entries(files)) {
      const libraries = await librariesOf(source);
      for (const [from, to] of [
        [source, target] as const,
        ...libraries.map((library) => [library, library] as const),
      ]) {
        await mkdir(dirname(join(root, to)), { recursive: true });
        await cp(from, join(root, to), { recursive: true, dereference: true });
      }
    }
    await mkdir(join(root, 'tmp'), { recursive: true });
    await run('chmod', ['1777', join(root, 'tmp')]);
    await writeFile(join(context, 'Dockerfile'), ['FROM scratch', 'COPY root /', ...lines, ''].join('\n'));
    await buildah(['bud', '--tag', name, '--file', join(context, 'Dockerfile'), context]);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** The shared libraries of a program, none of a static one or of what is no program. */
async function librariesOf(file: string): Promise<string[]> {
  if ((await stat(file)).isDirectory()) return [];
  const { stdout } = await run('ldd', [file]).catch(() => ({ stdout: '' }));
  return [...stdout.matchAll(/(\/\S+)(?= \(0x)/g)].map(([path]) => path);
}

/** The archive of an image: of an earlier run, unless anything of its inputs (paths of files and folders, or texts) has changed. */
async function cached(
  name: string,
  inputs: string[],
  build: (file: string, buildah: Buildah) => Promise<void>,
): Promise<Archive> {
  const hash = createHash('sha256').update(await readFile(import.meta.filename));
  for (const input of inputs) {
    hash.update(`${relative('.', input)}\0`);
    for (const file of existsSync(input) ? await filesOf(input) : [])
      hash.update(`${file}\0`).update(await readFile(file));
  }
  const folder = IMAGES;
  const prefix = basename(name).replace(':', '-');
  const file = join(folder, `${prefix}-${hash.digest('hex').slice(0, 16)}.tar`);
  if (!existsSync(file)) {
    await mkdir(imagesOf(process.pid), { recursive: true });
    const storage = await mkdtemp(join(imagesOf(process.pid), 'buildah-'));
    try {
      await build(`${file}.new`, (args) => buildahIn(storage, args));
      for (const old of (await readdir(folder)).filter(
        (each) => each.startsWith(`${prefix}-`) && each.endsWith('.tar'),
      )) {
        await rm(join(folder, old));
      }
      await rename(`${file}.new`, file);
    } finally {
      await rm(storage, { recursive: true, force: true });
      await rm(`${file}.new`, { force: true });
    }
  }
  return { name, file, layers: await layersOf(file) };
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** In a mount namespace of its own, so that no mount is left; ends with this process. */
async function buildahIn(storage: string, [command = '', ...args]: string[]): Promise<void> {
  const options = ['--root', join(storage, 'root'), '--runroot', join(storage, 'run'), '--storage-driver', 'vfs'];
  const isolation = command === 'bud' ? ['--isolation', 'chroot', '--format', 'docker'] : [];
  try {
    const buildah = ['--pdeathsig', 'KILL', 'unshare', '--mount', 'buildah', ...options];
    await run('setpriv', [...buildah, command, ...isolation, ...args], { maxBuffer: 1e8 });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new Error(`buildah ${command} failed: ${stderr.trim().split('\n').slice(-3).join(' ')}`);
  }
}

/** The files of the layers in a docker archive. */
async function layerFiles(file: string): Promise<string[]> {
  const { stdout: manifest } = await run('tar', ['-xOf', file, 'manifest.json']);
  const [{ Layers = [] } = {}] = JSON.parse(manifest) as { Layers?: string[] }[];
  return Layers;
}

/** The size of each layer of a docker archive. */
async function layersOf(file: string): Promise<number[]> {
  const { stdout: list } = await run('tar', ['-tvf', file]);
  const sizes = new Map(
    list
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/))
      .map((cells) => [cells[5], Number(cells[2])]),
  );
  return (await layerFiles(file)).map((layer) => sizes.get(layer) ?? 0);
}

/** The paths in the last layer of an image: what it adds to its base image. */
export async function addedBy({ file }: Archive): Promise<string[]> {
  const last = (await layerFiles(file)).at(-1);
  const { stdout } = await run('sh', ['-c', `tar -xOf ${file} ${last} | tar -t`]);
  return stdout.trim().split('\n');
}

async function realpathOf(program: string): Promise<string> {
  const { stdout } = await run('sh', ['-c', `readlink -f "$(command -v ${program})"`]);
  return stdout.trim();
}

async function registry(): Promise<string> {
  return (await run('npm', ['config', 'get', 'registry'])).stdout.trim();
}
