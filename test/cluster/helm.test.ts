import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { read } from '../../src/cli/cluster/answer.ts';
import { ClusterObject } from '../../src/cli/cluster/connection.ts';
import { revisionOf } from '../../src/cli/migrate/helm.ts';
import { chart, HELMS, type Helm, helm, metacontrollerChart, OF_SERVER, set } from '../support/chart.ts';
import { documentedCommands } from '../support/pages.ts';
import { shell } from '../support/shell.ts';
import { goTool } from '../tools.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { eventually } from './expectations.ts';
import type { KubernetesObject } from './kubernetes.ts';
import { kustomize, metacontrollerCrds, openCrd } from './registration.ts';

const OF = 'meshery';
const CRD = 'apiextensions.k8s.io/v1';
const BROKERS = 'brokers.meshery.io';
const NEXT = '9.9.9';

describe.each(HELMS)('%s', (name) => {
  let controlPlane: ControlPlane;
  let run: Helm;
  let own: string;
  let next: string;
  let failed = false;

  beforeEach(async () => {
    failed = false;
    controlPlane = await startControlPlane(() => {});
    const { directory, kubeconfig } = controlPlane;
    run = await helm(name, directory, kubeconfig);
    own = await chart(directory);
    next = await chart(directory, NEXT);
    // The next version has another field in its CRDs.
    const file = join(next, 'crds', 'meshery.io_brokers.yaml');
    const label = /app.kubernetes.io\/version: .+/;
    const crd = (await readFile(file, 'utf8')).replace(label, `app.kubernetes.io/version: ${NEXT}`);
    await writeFile(file, crd.replaceAll(/^( +)size:$/gm, '$1added: {type: string}\n$1size:'));
    onTestFailed(() => {
      failed = true;
    });
  });
  afterEach(() => controlPlane?.stop(failed));

  const to = (release = 'meshery-operator') => [release, '--namespace', OF];
  const install = (path = own, ...values: string[]) =>
    run('install', ...to(), path, '--create-namespace', ...set(...values));
  const upgrade = (path: string, ...values: string[]) => run('upgrade', ...to(), path, ...set(...values));
  const get = (apiVersion: string, kind: string, of: string, namespace?: string) =>
    controlPlane.kubernetes.get(apiVersion, kind, of, namespace);
  const brokers = async () => {
    const crd = (await get(CRD, 'CustomResourceDefinition', BROKERS)) as KubernetesObject;
    const [version] = crd.spec.versions;
    return { uid: crd.metadata.uid, added: 'added' in version.schema.openAPIV3Schema.properties.spec.properties };
  };
  const operator = async () => (await get('apps/v1', 'Deployment', 'meshery-operator', OF))?.spec;

  /**
   * Runs the commands of a page that begin with a text, with the charts that are here in place of those in registries.
   * @param cwd the folder in which they run; default: this checkout
   */
  const documented = async (page: string, start: string, cwd = '.') => {
    const { directory, kubeconfig } = controlPlane;
    const programs = join(directory, 'programs');
    await mkdir(programs, { recursive: true });
    await symlink(await goTool(name), join(programs, 'helm')).catch(() => undefined); // it is there
    const text = documentedCommands(page, start)
      .replaceAll('oci://ghcr.io/meshery/charts/meshery-operator', own)
      .replaceAll('oci://ghcr.io/metacontroller/metacontroller-helm', metacontrollerChart ?? '');
    const environment = { HOME: directory, HELM_CACHE_HOME: join(directory, 'cache') };
    return shell(kubeconfig, text, { cwd, programs: [programs], environment });
  };

  /** What the chart says: updates the CRDs, and marks them as those of the release. */
  const updateCrds = async () => {
    const crds = join(controlPlane.directory, 'crds.yaml');
    await writeFile(crds, await run('show', 'crds', next));
    const cluster = ['--kubeconfig', controlPlane.kubeconfig];
    const apply = ['apply', '--server-side', '--force-conflicts', '--field-manager=helm', '--filename', crds];
    await promisify(execFile)(await goTool('kubectl'), [...cluster, ...apply]);
  };

  const nothingInstalled = async () => {
    expect(await controlPlane.kubernetes.list('apps/v1', 'Deployment', OF)).toEqual([]);
    expect(JSON.parse(await run('list', '--all-namespaces', '--output', 'json'))).toEqual([]);
  };

  it('installs all in one release, upgrades its CRDs, rolls back, and keeps nothing but CRDs', async () => {
    const notes = await install();
    expect(notes).toContain('kubectl wait --for=condition=Ready');
    expect(notes).not.toContain('WARNING');
    expect(await get('meshery.io/v1alpha2', 'Broker', 'meshery-broker', OF)).toBeDefined();
    expect(await get('meshery.io/v1alpha2', 'MeshSync', 'meshery-meshsync', OF)).toBeDefined();
    const registered = await controlPlane.kubernetes.list('metacontroller.k8s.io/v1alpha1', 'CompositeController');
    expect(registered.map(({ metadata }) => metadata.name)).toEqual(['meshery-broker', 'meshery-meshsync']);
    const before = await brokers();
    expect(before.added).toBe(false);

    expect(await upgrade(next)).not.toContain('WARNING');
    expect(await brokers()).toEqual({ uid: before.uid, added: true });
    expect((await operator()).template.spec.containers[0].image).toContain(`:${NEXT}`);
    await documented('docs/upgrade.md', 'helm rollback meshery-operator');
    expect(await brokers()).toEqual(before);
    expect((await operator()).template.spec.containers[0].image).not.toContain(`:${NEXT}`);

    await run('uninstall', ...to());
    expect(await brokers()).toEqual(before);
    for (const [apiVersion, kind] of [
      ['meshery.io/v1alpha2', 'Broker'],
      ['meshery.io/v1alpha2', 'MeshSync'],
      ['metacontroller.k8s.io/v1alpha1', 'CompositeController'],
      ['apps/v1', 'Deployment'],
      ['apps/v1', 'StatefulSet'],
      ['networking.k8s.io/v1', 'NetworkPolicy'],
      ['policy/v1', 'PodDisruptionBudget'],
    ] as const) {
      await eventually(async () => expect(await controlPlane.kubernetes.list(apiVersion, kind), kind).toEqual([]), 30);
    }
    expect(await get('rbac.authorization.k8s.io/v1', 'ClusterRole', 'meshery-meshsync')).toBeUndefined();

    // A new installation finds its CRDs.
    await install(next);
    expect(await brokers()).toEqual({ uid: before.uid, added: true });
  });

  it('uninstalls after its CRDs are gone', async () => {
    await install();
    for (const crd of [BROKERS, 'meshsyncs.meshery.io']) {
      await controlPlane.kubernetes.delete(CRD, 'CustomResourceDefinition', crd);
      await eventually(async () => expect(await get(CRD, 'CustomResourceDefinition', crd)).toBeUndefined(), 90);
    }
    await run('uninstall', ...to());
    await nothingInstalled();
  });

  it('upgrades what Meshery Server has changed, and leaves its changes', async () => {
    const { kubernetes } = controlPlane;
    await install(own, ...OF_SERVER);
    const ofServer = (object: object) => kubernetes.apply(object, 'meshery-server');
    const metadata = { name: 'meshery-broker', namespace: OF };
    const broker = { size: 3, version: '2.14.1-alpine', service: { type: 'NodePort' } };
    await ofServer({ apiVersion: 'meshery.io/v1alpha1', kind: 'Broker', metadata, spec: broker });
    const meshSync = { size: 1, 'watch-list': { data: { whitelist: '[]', blacklist: '' } } };
    const named = { name: 'meshery-meshsync', namespace: OF };
    await ofServer({ apiVersion: 'meshery.io/v1alpha1', kind: 'MeshSync', metadata: named, spec: meshSync });

    await upgrade(next, ...OF_SERVER);
    expect((await get('meshery.io/v1alpha1', 'Broker', 'meshery-broker', OF))?.spec).toMatchObject(broker);
    const { spec } = (await get('meshery.io/v1alpha1', 'MeshSync', 'meshery-meshsync', OF)) ?? {};
    expect(spec).toMatchObject({ ...meshSync, broker: { native: { name: 'meshery-broker', namespace: OF } } });

    // MeshSync takes one list only, before and after a rollback.
    const blacklist = { whitelist: '', blacklist: '["secrets.v1."]' };
    const listed = { ...meshSync, 'watch-list': { data: blacklist } };
    await ofServer({ apiVersion: 'meshery.io/v1alpha1', kind: 'MeshSync', metadata: named, spec: listed });
    if (name === 'helm4')
      await expect(run('rollback', ...to(), '1')).rejects.toThrow(/conflicts? with "meshery-server"/);
    await run('rollback', ...to(), '1', ...(name === 'helm4' ? ['--force-conflicts'] : []));
    const rolledBack = (await get('meshery.io/v1alpha1', 'MeshSync', 'meshery-meshsync', OF))?.spec['watch-list'].data;
    expect(Object.values(rolledBack).filter(Boolean)).toHaveLength(1);
  });

  it('does not delete CRDs that kubectl has replaced by those of the manifests', async () => {
    await install();
    for (const crd of await kustomize('manifests/crds')) {
      const { metadata } = (await get(CRD, 'CustomResourceDefinition', crd.metadata.name)) as KubernetesObject;
      const { resourceVersion } = metadata;
      await controlPlane.kubernetes.update({
        ...crd,
        metadata: { ...crd.metadata, ...(resourceVersion && { resourceVersion }) },
      });
    }
    const before = await brokers();
    expect(await upgrade(next)).toContain('WARNING');
    expect(await brokers()).toEqual(before);
  });

  it('does not delete CRDs that have lost all marks', async () => {
    await install();
    for (const crd of [BROKERS, 'meshsyncs.meshery.io']) {
      const object = (await get(CRD, 'CustomResourceDefinition', crd)) as KubernetesObject;
      await controlPlane.kubernetes.update({ ...object, metadata: { ...object.metadata, annotations: {} } });
    }
    const before = await brokers();
    await expect(upgrade(next)).rejects.toThrow(`${BROKERS} lacks the marks of this release`);
    expect(await brokers()).toEqual(before);
    await updateCrds();
    await upgrade(next);
    expect(await brokers()).toEqual({ uid: before.uid, added: true });
    await upgrade(own);
    expect(await brokers()).toEqual(before);
  });

  it('upgrades with Metacontroller in a namespace of its own', async () => {
    const metadata = { name: 'ops' };
    await controlPlane.kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata });
    const other = 'metacontroller.namespaceOverride=ops';
    await install(own, other);
    await upgrade(next, other);
    expect((await operator()).template.spec.containers[0].image).toContain(`:${NEXT}`);
  });

  it('changes no CRD under another name, and says how', async () => {
    await run('install', ...to('other'), own, '--create-namespace', ...set('nameOverride=meshery-operator'));
    const before = await brokers();
    const notes = await run('upgrade', ...to('other'), next, ...set('nameOverride=meshery-operator'));
    expect(notes).toContain(`WARNING: ${BROKERS} and meshsyncs.meshery.io: not of this version`);
    expect(await brokers()).toEqual(before);
    await updateCrds();
    expect((await brokers()).added).toBe(true);
    // The registrations are there once in a cluster.
    await expect(run('install', ...to(), next, '--skip-crds')).rejects.toThrow(/meshery-(broker|meshsync|operator)/);
  });

  it('refuses to replace the CRDs of another operator, before it changes anything', async () => {
    await controlPlane.kubernetes.apply(openCrd('meshery.io', 'v1alpha1', 'Broker', 'brokers'));
    // Helm 4 applies crds/ itself, without force.
    const refusal = { helm3: 'is of another operator', helm4: 'conflict occurred while applying object' }[name];
    await expect(install()).rejects.toThrow(new RegExp(`${BROKERS}.*${refusal}|${refusal}.*${BROKERS}`));
    await nothingInstalled();
  });

  it('refuses to run beside another Metacontroller, before it changes anything', async () => {
    const containers = [{ name: 'metacontroller', image: 'ghcr.io/metacontroller/metacontroller:v4.17.2' }];
    const matchLabels = { app: 'other' };
    const template = { metadata: { labels: matchLabels }, spec: { containers } };
    const metadata = { name: 'other', namespace: 'default' };
    const spec = { serviceName: '', replicas: 0, selector: { matchLabels }, template };
    await controlPlane.kubernetes.apply({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec });
    await expect(install()).rejects.toThrow('the cluster has a Metacontroller: StatefulSet default/other. Two would');
    await nothingInstalled();
    const notes = await install(own, 'metacontroller.enabled=false');
    expect(notes).not.toContain('no Metacontroller was found');
    expect(notes).toContain('Set networkPolicy.metacontrollerNamespace to its namespace');
    const allowed = ['metacontroller.enabled=false', 'networkPolicy.metacontrollerNamespace=default'];
    expect(await upgrade(own, ...allowed)).not.toContain('WARNING');
  });

  const workloads = async () => [
    ...(await controlPlane.kubernetes.list('apps/v1', 'Deployment', OF)),
    ...(await controlPlane.kubernetes.list('apps/v1', 'StatefulSet', OF)),
  ];

  it('names no user by the command of the page on OpenShift', async () => {
    await documented('docs/openshift.md', 'helm install meshery-operator');
    const installed = await workloads();
    expect(installed).toHaveLength(2);
    for (const { spec } of installed) expect(spec.template.spec.securityContext?.runAsUser).toBeUndefined();
    expect(JSON.stringify(await operator())).not.toContain('runAsUser');
  });

  it('installs from a file and a mirror by the command of the page on clusters without internet', async () => {
    const folder = join(controlPlane.directory, 'copied');
    await run('package', own, '--destination', folder);
    await documented('docs/air-gapped.md', 'helm install meshery-operator meshery-operator-', folder);
    const mirror = 'registry.example.com/mirror';
    const [container] = (await operator()).template.spec.containers;
    expect(container.image).toContain(`${mirror}/meshery-operator-metacontroller:`);
    expect(container.env).toContainEqual({ name: 'IMAGE_REGISTRY', value: mirror });
    // The stand-in for the chart of Metacontroller has no such value.
    const others = (await workloads()).filter(({ metadata }) => metadata.name !== 'meshery-operator');
    expect(others).toHaveLength(1);
    if (!metacontrollerChart) return;
    for (const { spec } of others) {
      expect(spec.template.spec.containers[0].image).toContain(`${mirror}/metacontroller/metacontroller:`);
    }
  });

  it.skipIf(!metacontrollerChart)(
    'installs, stops, switches and upgrades Metacontroller by the commands of its page',
    async () => {
      for (const crd of await kustomize('manifests/crds')) await controlPlane.kubernetes.apply(crd);
      await documented('metacontroller/install/README.md', 'helm install metacontroller');
      const metacontroller = async () =>
        (await controlPlane.kubernetes.list('apps/v1', 'StatefulSet', 'metacontroller')).map(({ spec }) => ({
          replicas: spec.replicas,
          flags: spec.template.spec.containers[0].args,
        }));
      const pods = async () => controlPlane.kubernetes.list('v1', 'Pod', 'metacontroller');
      const flags = expect.arrayContaining(['--apply-strategy=server-side-apply', '--workers=20']);
      expect(await metacontroller()).toEqual([{ replicas: 1, flags }]);
      await eventually(async () => expect(await pods()).toHaveLength(1));
      await documented('metacontroller/install/README.md', 'kubectl scale statefulset --all');
      expect(await pods()).toEqual([]);
      await documented('metacontroller/install/README.md', 'sh metacontroller/install/to-server-side-apply.sh');
      expect(await metacontroller()).toEqual([{ replicas: 1, flags }]);
      await documented('docs/upgrade.md', 'helm upgrade metacontroller');
      expect(await metacontroller()).toEqual([{ replicas: 1, flags }]);
    },
  );

  it('warns where there is no Metacontroller', async () => {
    // Its CRDs remain of an earlier one.
    for (const crd of metacontrollerCrds()) await controlPlane.kubernetes.apply(crd);
    expect(await install(own, 'metacontroller.enabled=false')).toContain('WARNING: no Metacontroller was found');
    // Helm stores no dependency that is off, and doctor must not take the release for that of the Go operator.
    const secrets = await controlPlane.kubernetes.list('v1', 'Secret', OF);
    const stored = secrets.filter(({ metadata }) => metadata.labels?.owner === 'helm');
    expect(stored.map((secret) => revisionOf(read(ClusterObject, secret)).chart?.isOurs)).toEqual([true]);
  });
});
