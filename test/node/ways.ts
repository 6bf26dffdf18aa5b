import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { release } from '../../generate/release.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { isReady, meshSync } from '../cluster/expectations.ts';
import { metacontrollerBinary } from '../cluster/metacontroller.ts';
import { metacontrollerCrds } from '../cluster/registration.ts';
import { chart, HELMS, helm, metacontrollerChart, OF_SERVER, serveFolder, set } from '../support/chart.ts';
import { goTools } from '../tools.ts';
import { nothingLeft, nothingOnNodes } from './removal.ts';
import type { Scene } from './scene.ts';

const execute = promisify(execFile);

const OF = 'meshery';
const REFERENCE = /oci:\/\/ghcr.io\/meshery\/charts\/meshery-operator --version \S+/g;

/**
 * The ways of docs/install.md, each from a cluster without the operator to one without it. Metacontroller comes with the chart
 * where both are given; else the one that drives the other scenarios stays.
 */
export function ways({ world, measured }: Scene): void {
  const included = Boolean(metacontrollerChart && metacontrollerBinary());
  const driver = included ? [] : set('metacontroller.enabled=false');

  /** Measures how long a way takes from its command to a Broker and a MeshSync that are ready. */
  async function timed(way: string, install: () => Promise<unknown>): Promise<void> {
    const started = Date.now();
    await install();
    await isReady(world().kubernetes, meshSync(OF, 'meshery-meshsync'), 'Ready', 120);
    measured('times', `${way}: from nothing to both Ready`, (Date.now() - started) / 1_000);
  }

  /** Runs commands of a page with a Helm and a chart of this checkout. */
  async function documented(
    [page, start]: readonly [page: string, start: string],
    program: string,
    path = '',
    more: string[] = [],
  ): Promise<void> {
    const files = `export HELM_CACHE_HOME=${world().directory}/helm\n`;
    await world().documented(page, start, (text) =>
      `${files}${text}`
        .replaceAll(/^helm /gm, `${program} `)
        .replaceAll(REFERENCE, [path, ...more].join(' '))
        .replaceAll(/^kubectl delete crd .*metacontroller.*\n/gm, included ? '$&' : ''),
    );
  }

  const pods = async () => (await world().kubernetes.list('v1', 'Pod', OF)).map(({ metadata }) => metadata.uid).sort();
  const uninstall = (program: string) => documented(['docs/install.md', 'helm uninstall meshery-operator'], program);

  it('kustomize installs from a remote repository', async () => {
    const repository = join(world().directory, 'repository');
    for (const path of ['manifests', 'metacontroller']) await cp(path, join(repository, path), { recursive: true });
    const git = (...args: string[]) =>
      execute('git', ['-C', repository, '-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args]);
    await git('init', '--quiet');
    await git('add', '.');
    await git('commit', '--quiet', '--message', 'manifests');
    await git('tag', `v${packageJson.version}`);
    await timed('kustomize, with Metacontroller running', () =>
      world().documented('docs/install.md', 'repository=', (text) =>
        text.replace(/^repository=.*$/m, `repository=file://${repository}`),
      ),
    );
    await world().documented('docs/install.md', 'kubectl delete -k manifests/samples\n');
    await nothingLeft(world());
  });

  if (included) {
    it('begin without a Metacontroller', async () => {
      await world().kubectl('delete', 'namespace', 'metacontroller', '--timeout=60s');
      await world().kubectl('delete', 'clusterrole,clusterrolebinding', 'metacontroller');
      const crds = metacontrollerCrds() as { metadata: { name: string } }[];
      await world().kubectl('delete', 'crd', ...crds.map(({ metadata }) => metadata.name), '--timeout=60s');
    });
  }

  it.each(HELMS)(
    '%s installs in one command, tests, upgrades without a restart, and removes everything',
    async (name) => {
      const { [name]: program } = await goTools([name]);
      const path = await chart(join(world().directory, name));
      await timed(name === 'helm3' ? 'Helm 3' : 'Helm 4', () =>
        documented(['docs/install.md', 'helm install meshery-operator'], program, path, driver),
      );
      const before = await pods();
      expect(before).toHaveLength(included ? 5 : 4);
      await documented(['docs/install.md', 'helm test meshery-operator'], program);
      await documented(['docs/install.md', 'helm upgrade meshery-operator'], program, path);
      expect(await pods()).toEqual(before);
      await uninstall(program);
      await nothingLeft(world());
    },
  );

  it('kubectl installs the files of a release, upgrades without a restart, and removes everything', async () => {
    const folder = join(world().directory, 'release');
    await release(folder, included ? metacontrollerChart : undefined);
    const files = (text: string) =>
      (included ? text : text.replaceAll('-with-metacontroller', '')).replace(/^release=.*$/m, `release=${folder}`);
    await timed('kubectl', () => world().documented('docs/install.md', 'release=', files));
    const before = await pods();
    await world().documented('docs/release.md', 'release=', files);
    expect(await pods()).toEqual(before);
    await world().documented('docs/install.md', 'kubectl delete --ignore-not-found', (text) =>
      files(`release=\n${text}`),
    );
    await nothingLeft(world());
  });

  it('Meshery Server installs, upgrades and uninstalls from a chart repository', async () => {
    const { kubeconfig, directory } = world();
    const folder = join(directory, 'server');
    const [own, next] = [await chart(folder), await chart(folder, '2.99.0')];
    const repository = join(folder, 'repository');
    const run = await helm('helm3', folder, kubeconfig);
    await run('package', own, '--destination', repository);
    const server = await serveFolder(repository);
    try {
      const { url } = server;
      const index = () => run('repo', 'index', repository, '--url', url);
      const values = [...set(...OF_SERVER), ...driver];
      const release = ['meshery-operator', 'meshery-operator', '--repo', url, '--namespace', OF, ...values];
      await index();
      await timed("Meshery Server's calls", () => run('install', ...release, '--create-namespace'));
      const servers = async () => (await world().kubernetes.get('v1', 'Pod', 'meshery-nats-0', OF))?.metadata.uid;
      const before = await servers();
      // The next version with the same image, which is on the nodes.
      await run('package', next, '--destination', repository, '--app-version', packageJson.version);
      await index();
      await run('upgrade', ...release);
      expect(JSON.parse(await run('list', '--namespace', OF, '--output', 'json'))).toMatchObject([
        { name: 'meshery-operator', chart: 'meshery-operator-2.99.0', status: 'deployed' },
      ]);
      expect(await servers()).toBe(before);
      await uninstall((await goTools(['helm3'])).helm3);
      await nothingLeft(world());
    } finally {
      server.close();
    }
  });

  it('leave nothing on the nodes', () => nothingOnNodes(world()));
}
