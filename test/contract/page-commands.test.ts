import { execFile } from 'node:child_process';
import { chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { brokerDefaults } from '../../src/api/broker.ts';
import { meshSyncDefaults } from '../../src/api/meshsync.ts';
import { containerImage } from '../../src/kubernetes/images.ts';
import { LEAST_METACONTROLLER } from '../../src/metacontroller/flags.ts';
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { chart, HELMS, helm, metacontrollerChart } from '../support/chart.ts';
import { blocksWith, blockWith, codesOf, objectsIn, rowsOf } from '../support/page-parts.ts';
import { pages } from '../support/pages.ts';
import { goTool } from '../tools.ts';

const run = promisify(execFile);

const MIRROR = 'registry.example.com/mirror';

/** The images of some objects. */
const imagesOf = (objects: unknown) =>
  [...JSON.stringify(objects).matchAll(/"image":"([^"]+)"/g)].map(([, image]) => image);

let folder: string;
let chartPath: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshery-pages-'));
  for (const copied of ['manifests', 'metacontroller']) await cp(copied, join(folder, copied), { recursive: true });
  chartPath = await chart(folder);
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a block of commands with a stand-in for one of its programs, a shell script. */
async function runWith(program: string, script: string, commands: string): Promise<string> {
  const path = join(folder, program);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  const env = { ...process.env, PATH: [folder, process.env.PATH].join(delimiter) };
  return (await run('sh', ['-ec', commands], { cwd: folder, env })).stdout;
}

describe('the mirror of docs/air-gapped.md', () => {
  const PAGE = 'docs/air-gapped.md';
  const listed = () => rowsOf(PAGE, 'The images').map(([image = '']) => codesOf(image)[0] ?? '');
  const copies = async () => {
    const lines = (await runWith('skopeo', 'echo "$@"', blockWith(PAGE, 'skopeo copy'))).trim().split('\n');
    return lines.map((line) => /^copy --all docker:\/\/(\S+) docker:\/\/(\S+)$/.exec(line)?.slice(1) ?? []);
  };

  it('has the images that are listed, which are all that this version runs', async () => {
    const sources = (await copies()).map(([source]) => source);
    expect(sources).toEqual(listed());
    const known = [`${packageJson.config.image}:${packageJson.version}`, METACONTROLLER];
    const defaults = DEFAULTS.map(
      ({ repository, version }) => `${repository.includes('/') ? '' : 'library/'}${repository}:${version}`,
    );
    expect([...sources].sort()).toEqual([...known, ...defaults.map((image) => `docker.io/${image}`)].sort());
  });

  it('has the images of brokers and MeshSyncs under the names by which the operator pulls them', async () => {
    const targets = (await copies()).map(([, target]) => target);
    const pulled = DEFAULTS.map((each) => containerImage(each, undefined, undefined, { imageRegistry: MIRROR }).image);
    expect(targets).toEqual(expect.arrayContaining(pulled));
  });

  it.each(HELMS)('is where %s pulls all images from', async (name) => {
    const command = blockWith(PAGE, 'helm install').replaceAll('\\\n', ' ').trim().split(/\s+/);
    const values = command
      .filter((_word, index) => command[index - 1] === '--set')
      .flatMap((value) => ['--set', value]);
    expect(values).toHaveLength(6);
    const template = ['template', 'meshery-operator', chartPath, '--namespace', 'meshery', '--kube-version', '1.30.0'];
    const objects = objectsIn(await (await helm(name, folder))(...template, ...values));
    expect(registryIn(objects)).toBe(MIRROR);
    const targets = (await copies()).map(([, target]) => target);
    // The stand-in for the chart of Metacontroller has no such value.
    const images = imagesOf(objects).filter((image) => metacontrollerChart || image !== METACONTROLLER);
    expect(images.length).toBeGreaterThan(0);
    expect(images.filter((image) => !targets.includes(image))).toEqual([]);
  });

  it('is where the overlay pulls all images from', async () => {
    const objects = await overlay(blockWith(PAGE, 'cat > kustomization.yaml'));
    expect(registryIn(objects)).toBe(MIRROR);
    const targets = (await copies()).map(([, target]) => target);
    expect(imagesOf(objects)).toHaveLength(1);
    expect(targets).toEqual(expect.arrayContaining(imagesOf(objects)));
  });
});

const METACONTROLLER = `ghcr.io/metacontroller/metacontroller:v${LEAST_METACONTROLLER}`;

/** The images of brokers and MeshSyncs that are the defaults. */
const DEFAULTS = [brokerDefaults, meshSyncDefaults, ...Object.values(brokerDefaults)].flatMap((each) =>
  typeof each === 'object' && 'repository' in each ? [each] : [],
);

/** The mirror that the operator among some objects is told. */
function registryIn(objects: KubernetesObject[]): string | undefined {
  const operator = objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'meshery-operator');
  const variables: { name: string; value?: string }[] = operator?.spec.template.spec.containers[0].env ?? [];
  return variables.find(({ name }) => name === 'IMAGE_REGISTRY')?.value;
}

/** The objects that commands apply which write a kustomization. */
async function overlay(commands: string): Promise<KubernetesObject[]> {
  const kustomize = await goTool('kustomize');
  return objectsIn(await runWith('kubectl', `[ "$*" = 'apply -k .' ] && exec '${kustomize}' build .`, commands));
}

describe('the overlays that pages write', () => {
  const written = pages.flatMap((page) =>
    blocksWith(page, 'cat > kustomization.yaml').map((text) => [page, text] as const),
  );

  it('are found', () => {
    expect(written.length).toBeGreaterThan(2);
  });

  it.each(written)('of %s can be built', async (_page, text) => {
    expect((await overlay(text)).length).toBeGreaterThan(0);
  });

  it('set a variable of the operator', async () => {
    expect(registryIn(await overlay(blockWith('docs/upgrade.md', 'cat > kustomization.yaml')))).toBe(MIRROR);
  });

  it('put a label on every object and on the pods', async () => {
    for (const { kind, metadata, spec } of await overlay(blockWith('docs/production.md', 'cat > kustomization.yaml'))) {
      expect(metadata.labels, `${kind} ${metadata.name}`).toMatchObject({ team: 'payments' });
      if (kind === 'Deployment') expect(spec.template.metadata.labels).toMatchObject({ team: 'payments' });
    }
  });
});
