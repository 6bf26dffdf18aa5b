import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { gather } from '../../../src/cli/migrate/gather.ts';
import { rollbackStepsOf } from '../../../src/cli/migrate/rollback.ts';
import { run } from '../../../src/cli/migrate/run.ts';
import { stepsOf } from '../../../src/cli/migrate/steps.ts';
import { cli } from '../../support/built.ts';
import { chart, HELMS, helm } from '../../support/chart.ts';
import { definitions, installed, NAMESPACE } from '../../support/go-operator.ts';
import { documentedCommands } from '../../support/pages.ts';
import { goTool } from '../../tools.ts';
import { kubeconfigWith } from '../accounts.ts';
import { type ControlPlane, startControlPlane } from '../control-plane.ts';
import { eventually } from '../expectations.ts';
import { resourcesOf } from '../go-operator.ts';
import type { KubernetesObject } from '../kubernetes.ts';
import { until } from '../processes.ts';
import { kustomize, registrations } from '../registration.ts';
import { allObjects, identity, isMigrated, oldCluster, refusals, state, templates } from './old-cluster.ts';

const silent = { timeoutMs: 90_000, progress: () => {} };

class Interruption extends Error {}

/** Ends a run after a step. */
const endAfter = (last: string) => (name: string) => {
  if (name === last) throw new Interruption();
};

it('has nothing to do in a cluster without the Go operator', async () => {
  const controlPlane = await startControlPlane(() => {});
  onTestFinished(() => controlPlane.stop());
  const migrate = (...args: string[]) => cli(['migrate', ...args, '--kubeconfig', controlPlane.kubeconfig]);
  const nothing = "Nothing to do: context test has nothing of Meshery's Go operator.\n";
  expect(await migrate('plan')).toEqual({ code: 0, stdout: nothing, stderr: '' });
  expect(await migrate('apply', '--yes')).toEqual({ code: 0, stdout: nothing, stderr: '' });
  expect(await migrate('rollback', '--yes')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/nothing to undo/),
  });
  // Nor in one with the CRDs of this operator, and a Broker that nobody has synced.
  for (const crd of await kustomize('manifests/crds')) await controlPlane.kubernetes.apply(crd);
  const resource = {
    apiVersion: 'meshery.io/v1alpha2',
    kind: 'Broker',
    metadata: { name: 'one', namespace: 'default' },
  };
  await until('the kind Broker', () => controlPlane.kubernetes.apply(resource), 30);
  expect(await migrate('plan')).toEqual({ code: 0, stdout: nothing, stderr: '' });
});

it('changes nothing for bad input or a missing right, and says in one line what is wrong', async (context) => {
  const { controlPlane, file } = await oldCluster(context, { by: 'chart' });
  const { kubeconfig, directory } = controlPlane;
  const before = await state(controlPlane);
  const apply = (...args: string[]) => cli(['migrate', 'apply', '--yes', '--kubeconfig', kubeconfig, ...args]);
  const write = async (name: string, objects: object[]) => {
    const path = join(directory, name);
    await writeFile(path, objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    return path;
  };
  const install = [...(await kustomize('manifests')), ...(await registrations('http://127.0.0.1:1'))];
  const invalid = install.map((object) =>
    object.kind === 'NetworkPolicy' ? { ...object, spec: { policyTypes: ['Sideways'] } } : object,
  );
  for (const [args, message] of [
    [['--timeout', 'soon'], 'soon is no duration: write 90s, 5m or 1h30m'],
    [['--context', 'other'], 'the kubeconfig has no context other: test'],
    [['--namespace', 'default'], 'the Go operator is Deployment meshery/meshery-operator, not in namespace default'],
    [
      ['--manifests', 'no-such-file.yaml'],
      "no-such-file.yaml: ENOENT: no such file or directory, open 'no-such-file.yaml'",
    ],
    [
      ['--manifests', await write('text.yaml', [{ text: 1 }])],
      `${directory}/text.yaml, document 1: is not a Kubernetes object`,
    ],
    [
      [
        '--manifests',
        await write(
          'crds.json',
          install.filter(({ kind }) => kind === 'CustomResourceDefinition'),
        ),
      ],
      'the given files have not Deployment meshery-operator, the CompositeController of Broker, the CompositeController of MeshSync; nothing was changed',
    ],
    [
      ['--manifests', await write('invalid.json', invalid)],
      /^NetworkPolicy meshery\/meshery-operator can't be applied: .*Sideways.*; nothing was changed$/,
    ],
  ] as const) {
    const { code, stderr } = await apply(...args);
    expect([code, stderr.trim().split('\n')]).toEqual([
      2,
      [
        typeof message === 'string'
          ? `meshery-operator: ${message}`
          : expect.stringMatching(message.source.replace('^', '')),
      ],
    ]);
  }
  expect(await state(controlPlane)).toEqual(before);

  const account = async (name: string, rules: object[]) => {
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules };
    return kubeconfigWith(controlPlane, role as unknown as KubernetesObject, 'default', name);
  };
  const all = (...verbs: string[]) => ({ apiGroups: ['*'], resources: ['*'], verbs });
  const asAccount = (path: string) => cli(['migrate', 'apply', '--yes', '--manifests', file, '--kubeconfig', path]);
  const changing = { apiGroups: ['apps'], resources: ['deployments'], verbs: ['create', 'patch'] };
  const others = await account('no-deletion', [
    all('get', 'list', 'create', 'patch'),
    { ...all('delete'), resources: ['secrets', 'serviceaccounts', 'services', 'leases'] },
    { apiGroups: ['rbac.authorization.k8s.io'], resources: ['*'], verbs: ['*'] },
  ]);
  const withoutDeployments = await asAccount(others);
  expect(withoutDeployments).toMatchObject({
    code: 3,
    stderr:
      'meshery-operator: you may not delete deployments.apps in namespace meshery: ask for a role that allows it; nothing was changed\n',
  });
  const reader = await asAccount(await account('reader', [all('get', 'list'), changing]));
  expect(reader.code).toBe(3);
  expect(reader.stderr).toMatch(/^meshery-operator: .*you may not|cannot/);
  expect(reader.stderr.trim().split('\n')).toHaveLength(1);
  const blind = await asAccount(await account('blind', [{ ...all('get', 'list'), resources: ['deployments'] }]));
  expect(blind).toMatchObject({ code: 3, stdout: '', stderr: expect.stringMatching(/you may not (get|list) /) });
  const after = await state(controlPlane);
  for (const name of Object.keys(after))
    if (/^ClusterRole(Binding)?\/(reader|blind|no-deletion)/.test(name)) delete after[name];
  expect(after).toEqual(before);
});

it('migrates where both operators run, and the CRDs were replaced by hand', async (context) => {
  const { controlPlane, gateway, connection, manifests, log } = await oldCluster(context, { by: 'kustomize' });
  const { kubernetes } = controlPlane;
  const before = await identity(controlPlane);
  // As kubectl would have to, since server-side apply alone keeps the webhook.
  for (const { metadata } of definitions()) {
    await kubernetes.patch({
      ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: metadata.name } },
      spec: { conversion: { strategy: 'None', webhook: null } },
    });
  }
  for (const crd of await kustomize('manifests/crds')) await kubernetes.apply(crd);
  for (const controller of await registrations(gateway.url)) await kubernetes.apply(controller);
  // Metacontroller has found what it can't take.
  await until('a sync', async () => gateway.exchanges.length > 4, 30);
  const facts = await gather(connection, { manifests });
  expect(facts.registrations).toHaveLength(2);
  const { stdout } = await cli(['migrate', 'plan', '--kubeconfig', controlPlane.kubeconfig]);
  expect(stdout).toContain('both operators act until the Go operator is stopped');
  await run(connection, { ...silent, scope: { manifests }, steps: stepsOf });
  await isMigrated(controlPlane);
  expect(await identity(controlPlane)).toEqual(before);
  expect(await templates(controlPlane)).toEqual({ nats: 2, meshSync: 2 });
  expect(await refusals(log)).toEqual([]);
});

it('migrates the Brokers and MeshSyncs of all namespaces, and rolls them back', async (context) => {
  const namespaces = [NAMESPACE, 'team-a', 'team-b'];
  const { controlPlane, connection, manifests, goOperator } = await oldCluster(context, {
    by: 'kustomize',
    namespaces,
  });
  const { kubernetes } = controlPlane;
  // As Meshery Server does.
  const edited = { args: ['--outputNamespaces=a,b'], env: [{ name: 'DEBUG', value: 'true' }] };
  await kubernetes.apply(
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'meshery-meshsync', namespace: 'team-b' } },
      spec: { template: { spec: { containers: [{ name: 'meshsync', ...edited }] } } },
    },
    'meshery-server',
  );
  const identities = () => Promise.all(namespaces.map((namespace) => identity(controlPlane, namespace)));
  const before = await identities();
  expect(new Set(before.flatMap(({ uids }) => Object.values(uids))).size).toBe(namespaces.length * 8 + 2);
  const afterStep = endAfter('meshsyncs');
  const options = { ...silent, scope: { manifests }, steps: stepsOf };
  await expect(run(connection, { ...options, afterStep })).rejects.toThrow(Interruption);
  await run(connection, { ...silent, scope: {}, steps: rollbackStepsOf });
  await goOperator.works();
  for (const namespace of namespaces) {
    const { ownerReferences, managedFields } =
      (await kubernetes.get('apps/v1', 'StatefulSet', 'meshery-nats', namespace))?.metadata ?? {};
    expect(ownerReferences).toMatchObject([{ kind: 'Broker', controller: true }]);
    expect(managedFields).toContainEqual(expect.objectContaining({ manager: 'meshery-operator-broker' }));
  }
  expect(await identities()).toEqual(before);
  await run(connection, options);
  for (const namespace of namespaces) await isMigrated(controlPlane, namespace);
  expect(await identities()).toEqual(before);
  const { spec } = (await kubernetes.get('apps/v1', 'Deployment', 'meshery-meshsync', 'team-b')) ?? {};
  const [container] = spec.template.spec.containers;
  expect(container.args).toEqual(edited.args);
  expect(container.env).toContainEqual(edited.env[0]);
});

it('does not touch what is being deleted, and lets it go where the migration has begun', async (context) => {
  const { controlPlane, connection, manifests } = await oldCluster(context, { by: 'kustomize' });
  const { kubernetes, kubeconfig } = controlPlane;
  const plan = () => cli(['migrate', 'plan', '--kubeconfig', kubeconfig]);
  const options = { ...silent, scope: { manifests }, steps: stepsOf };
  await expect(run(connection, { ...options, afterStep: endAfter('stop') })).rejects.toThrow(Interruption);
  await kubernetes.delete('meshery.io/v1alpha2', 'MeshSync', 'meshery-meshsync', NAMESPACE);
  // The record makes it a migration that has begun: without it, nothing has.
  const record = (await allObjects(controlPlane)).get('Secret/meshery-operator-migration');
  await kubernetes.delete('v1', 'Secret', 'meshery-operator-migration', NAMESPACE);
  const { code, stdout } = await plan();
  expect(code).toBe(1);
  expect(stdout).toContain(
    `  MeshSync meshery/meshery-meshsync is being deleted, which nothing can stop: let it go, with its children, by: kubectl patch meshsync meshery-meshsync -n meshery --type=merge -p '{"metadata":{"finalizers":null}}'.\n`,
  );
  const { labels, name, namespace } = record?.metadata ?? { name: '' };
  await kubernetes.create({
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'meshery.io/migration', data: record?.data },
    metadata: { name, namespace, labels },
  });
  expect((await plan()).code).toBe(0);
  await run(connection, options);
  expect(await kubernetes.list('meshery.io/v1alpha2', 'MeshSync')).toEqual([]);
  await eventually(async () =>
    expect(await kubernetes.get('apps/v1', 'Deployment', 'meshery-meshsync', NAMESPACE)).toBeUndefined(),
  );
  expect(await kubernetes.get('apps/v1', 'StatefulSet', 'meshery-nats', NAMESPACE)).toBeDefined();
  expect((await plan()).stdout).toContain('Nothing to do');
});

/** A chart with what the Go operator's has: its objects, a Broker and a MeshSync. */
async function oldChart({ directory }: ControlPlane): Promise<string> {
  const folder = join(directory, 'old-chart');
  await mkdir(join(folder, 'templates'), { recursive: true });
  const metadata = { apiVersion: 'v2', name: 'meshery-operator', version: '1.0.5' };
  await writeFile(join(folder, 'Chart.yaml'), stringify(metadata));
  const objects = [...installed('chart'), ...resourcesOf('chart')].filter(({ type }) => type !== 'helm.sh/release.v1');
  await writeFile(join(folder, 'templates/all.yaml'), objects.map((object) => stringify(object)).join('---\n'));
  return folder;
}

it.for(HELMS)(
  'takes the resources out of the release of %s, which can take this operator instead',
  async (name, context) => {
    const to = ['meshery-operator', '--namespace', NAMESPACE];
    const of = async (controlPlane: ControlPlane) => helm(name, controlPlane.directory, controlPlane.kubeconfig);
    const { controlPlane, gateway, connection } = await oldCluster(context, {
      by: 'chart',
      install: async (controlPlane) => (await of(controlPlane))('install', ...to, await oldChart(controlPlane)),
    });
    const { kubernetes, directory } = controlPlane;
    const helmOf = await of(controlPlane);
    const before = await identity(controlPlane);
    const { stdout } = await cli(['migrate', 'plan', '--kubeconfig', controlPlane.kubeconfig]);
    expect(stdout).toContain(
      'delete Secret meshery/sh.helm.release.v1.meshery-operator.v1: Helm forgets the old release',
    );
    const steps = { ...silent, scope: {}, steps: stepsOf };
    await expect(run(connection, { ...steps, afterStep: endAfter('room') })).rejects.toThrow(Interruption);
    expect(JSON.parse(await helmOf('list', '--all-namespaces', '--output', 'json'))).toEqual([]);
    await expect(helmOf('uninstall', ...to)).rejects.toThrow('release: not found');
    await expect(helmOf('upgrade', ...to, await oldChart(controlPlane))).rejects.toThrow('has no deployed releases');

    const force = name === 'helm4' ? ['--force-conflicts'] : [];
    await helmOf('install', ...to, await chart(directory), '--set', 'metacontroller.enabled=false', ...force);
    for (const controller of await registrations(gateway.url)) await kubernetes.apply(controller);
    await run(connection, steps);
    await isMigrated(controlPlane, NAMESPACE, true);
    expect(await identity(controlPlane)).toEqual(before);
    expect(await templates(controlPlane)).toEqual({ nats: 2, meshSync: 2 });
    const releases = JSON.parse(await helmOf('list', '--all-namespaces', '--output', 'json'));
    expect(releases).toMatchObject([{ name: 'meshery-operator', status: 'deployed' }]);
    const { annotations } =
      (await kubernetes.get('meshery.io/v1alpha2', 'Broker', 'meshery-broker', NAMESPACE))?.metadata ?? {};
    expect(annotations).toMatchObject({ 'meta.helm.sh/release-name': 'meshery-operator' });
  },
);

it('is possible by the commands of the documentation alone', async (context) => {
  const { controlPlane, connection, gateway, log } = await oldCluster(context, { by: 'chart' });
  const before = await identity(controlPlane);
  const registered = join(controlPlane.directory, 'registrations');
  await mkdir(registered);
  await writeFile(
    join(registered, 'all.yaml'),
    (await registrations(gateway.url)).map((each) => stringify(each)).join('---\n'),
  );
  await writeFile(join(registered, 'kustomization.yaml'), 'resources: [all.yaml]\n');
  const blocks = [
    documentedCommands('docs/migrate.md', 'kubectl delete deployment meshery-operator --namespace meshery'),
    documentedCommands(
      'docs/migrate.md',
      'repository=https://github.com/meshery/meshery-operator-metacontroller\nkubectl replace -k',
    ),
    documentedCommands('docs/migrate.md', 'hand_over() {'),
    documentedCommands(
      'docs/migrate.md',
      'repository=https://github.com/meshery/meshery-operator-metacontroller\nkubectl apply --server-side',
    ),
    documentedCommands('docs/migrate.md', 'kubectl delete --ignore-not-found --namespace meshery serviceaccount/'),
  ];
  const [, byHand = ''] = readFileSync('docs/migrate.md', 'utf8').split('## Without the command line');
  expect([...byHand.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block]) => block)).toEqual(blocks);
  const kubectl = dirname(await goTool('kubectl'));
  const env = { ...process.env, KUBECONFIG: controlPlane.kubeconfig, PATH: `${kubectl}:${process.env.PATH}` };
  for (const block of blocks) {
    // From this checkout, and to the address of the service on this machine.
    const local = block
      .replaceAll(/"\$repository\/\/metacontroller[^"]*"/g, registered)
      .replaceAll(/"\$repository\/\/([^?"]*)[^"]*"/g, '$1');
    for (let time = 0; time < 2; time += 1) await promisify(execFile)('sh', ['-ec', local], { env });
  }
  expect(await identity(controlPlane)).toEqual(before);
  expect(await templates(controlPlane)).toEqual({ nats: 2, meshSync: 2 });
  expect(await refusals(log)).toEqual([]);
  const facts = await gather(connection, {});
  expect(facts.belongings).toEqual([]);
  expect(facts.resources.flatMap(({ metadata }) => metadata.finalizers ?? [])).toEqual([]);
});
