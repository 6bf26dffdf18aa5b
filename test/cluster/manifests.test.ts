import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { controllers } from '../../src/controllers.ts';
import { structural } from '../../src/schema/structural.ts';
import { walk } from '../stand-in/json.ts';
import { chart, helm } from '../support/chart.ts';
import { documentedCommands, yamlBlocks } from '../support/pages.ts';
import { goTool } from '../tools.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { eventually, meshSync } from './expectations.ts';
import type { Kubernetes } from './kubernetes.ts';
import { kustomize, metacontrollerCrds, openCrd } from './registration.ts';

const run = promisify(execFile);

/** The folders that are applied, each after those that it needs. */
const folders = [
  ...['manifests', 'manifests/crds', 'manifests/operator', 'manifests/meshsync'],
  ...['manifests/overlays/token', 'manifests/overlays/tls', 'manifests/overlays/mutual-tls'],
  'manifests/overlays/openshift',
  ...['metacontroller', 'metacontroller/overlays/token'],
  ...['metacontroller/overlays/tls', 'metacontroller/overlays/mutual-tls'],
  ...['manifests/samples', 'manifests/monitoring', 'manifests/monitoring/kube-state-metrics'],
];

/** A copy of what a clone has for kubectl, in which commands may write files. */
async function cloned(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kustomize-'));
  for (const copied of ['manifests', 'metacontroller']) await cp(copied, join(folder, copied), { recursive: true });
  return folder;
}

interface Documented {
  /** The folder in which the commands run. */
  cwd?: string;
  edit?: (text: string) => string;
}

describe('kubectl', () => {
  let controlPlane: ControlPlane;
  let kubectl: (...args: string[]) => Promise<string>;
  let documented: (page: string, start: string, options?: Documented) => Promise<void>;
  let failed = false;

  beforeAll(async () => {
    controlPlane = await startControlPlane(() => {});
    const { kubernetes, kubeconfig } = controlPlane;
    const monitoring = (kind: string) => openCrd('monitoring.coreos.com', 'v1', kind, `${kind.toLowerCase()}s`);
    for (const crd of [...metacontrollerCrds(), monitoring('ServiceMonitor'), monitoring('PrometheusRule')]) {
      await kubernetes.apply(crd);
    }
    await kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'monitoring' } });
    const program = await goTool('kubectl');
    const flags = ['--kubeconfig', kubeconfig, '--cache-dir', join(controlPlane.directory, 'cache')];
    kubectl = async (...args) => (await run(program, [...flags, ...args])).stdout;
    const env = { ...process.env, KUBECONFIG: kubeconfig, PATH: `${dirname(program)}:${process.env.PATH}` };
    documented = async (page, start, { cwd = '.', edit = (text: string) => text } = {}) => {
      await run('sh', ['-ec', edit(documentedCommands(page, start))], { cwd, env });
    };
  });
  afterAll(() => controlPlane?.stop(failed));

  const generations = async (folder: string) => {
    const objects = (await kustomize(folder)).map(({ apiVersion, kind, metadata: { name, namespace } }) =>
      controlPlane.kubernetes.get(apiVersion, kind, name, namespace),
    );
    return (await Promise.all(objects)).map((object) => [object?.metadata.uid, object?.metadata.generation]);
  };

  async function nothingChanges(folder: string): Promise<void> {
    const before = await generations(folder);
    const applied = (await kubectl('apply', '-k', folder)).trim().split('\n');
    expect(applied).toHaveLength(before.length);
    // kubectl sends the selector of a PodDisruptionBudget each time, since its patch strategy is "replace".
    const isSent = (line: string) => !line.endsWith(' unchanged') && !line.startsWith('poddisruptionbudget.policy/');
    expect(applied.filter(isSent)).toEqual([]);
    expect(await generations(folder)).toEqual(before);
    expect(await kubectl('diff', '-k', folder)).toBe('');
  }

  it('knows every folder that the page lists', async () => {
    const page = await readFile('docs/install.md', 'utf8');
    const listed = [...page.matchAll(/^\| `((?:manifests|metacontroller)\S*)` \|/gm)].map(([, folder]) => folder);
    expect(listed.length).toBeGreaterThan(8);
    expect(folders).toEqual(expect.arrayContaining(listed));
  });

  it('refuses the samples without the CRDs, and applies them once those are established', async () => {
    onTestFailed(() => {
      failed = true;
    });
    await expect(kubectl('apply', '-k', 'manifests/samples')).rejects.toThrow('no matches for kind "Broker"');
    await documented('docs/troubleshooting.md', 'kubectl apply -k manifests\nkubectl wait');
    expect(
      await controlPlane.kubernetes.get('meshery.io/v1alpha2', 'Broker', 'meshery-broker', 'meshery'),
    ).toBeDefined();
  });

  it('can not change a Deployment of other manifests to Recreate by server-side apply alone', async () => {
    onTestFailed(() => {
      failed = true;
    });
    const [deployment] = (await kustomize('manifests/operator')).filter(({ kind }) => kind === 'Deployment');
    const { strategy: _recreate, ...spec } = deployment?.spec ?? {};
    await controlPlane.kubernetes.delete('apps/v1', 'Deployment', 'meshery-operator', 'meshery');
    await controlPlane.kubernetes.create({ ...deployment, spec }, 'other-manifests');
    const apply = () => kubectl('apply', '--server-side', '--force-conflicts', '-k', 'manifests');
    await expect(apply()).rejects.toThrow('may not be specified when strategy');
    await documented(
      'docs/troubleshooting.md',
      'kubectl delete deployment meshery-operator -n meshery\nkubectl apply --server-side',
    );
    await apply();
  });

  it('does not turn the Deployment of the chart into that of the manifests', async () => {
    onTestFailed(() => {
      failed = true;
    });
    const { directory, kubernetes } = controlPlane;
    await kubernetes.delete('apps/v1', 'Deployment', 'meshery-operator', 'meshery');
    const run = await helm('helm3', directory);
    const only = ['--show-only', 'templates/deployment.yaml', '--namespace', 'meshery', '--kube-version', '1.30'];
    const rendered = await run('template', 'meshery-operator', await chart(directory), ...only);
    await kubernetes.create(parse(rendered));
    await expect(kubectl('apply', '-k', 'manifests')).rejects.toThrow(/spec\.selector: .*field is immutable/);
    await documented(
      'docs/troubleshooting.md',
      'kubectl delete deployment meshery-operator -n meshery\nkubectl apply -k manifests\n',
    );
  });

  it.each(folders)('finds nothing to change in %s once that is applied', async (folder) => {
    onTestFailed(() => {
      failed = true;
    });
    await kubectl('apply', '-k', folder);
    await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s');
    await nothingChanges(folder);
  });

  it.each(controllers)('explains every field of a $kind', async ({ kind, apiVersion, spec }) => {
    const explain = (...args: string[]) => kubectl('explain', '--api-version', apiVersion, ...args);
    const names = (text: string) => [...text.matchAll(/^ +([\w-]+)\t/gm)].map(([, name = '']) => name);
    const schema = structural(spec);
    const fields = [...walk(schema)].flatMap(([path, node]) =>
      path.at(-1) === 'properties' && path.at(-2) !== 'properties' ? Object.keys(node as object) : [],
    );
    expect(fields.length).toBeGreaterThan(100);
    expect(names(await explain(`${kind}.spec`, '--recursive')).sort()).toEqual(fields.sort());
    // Each of these prints the descriptions of the fields of an object.
    const properties = Object.entries(schema.properties ?? {});
    const objects = properties.filter(([, field]) => (field.items ?? field).properties).map(([name]) => `.${name}`);
    for (const path of ['', ...objects]) {
      const text = await explain(`${kind}.spec${path}`);
      expect(names(text).length, path).toBeGreaterThan(0);
      expect(text, path).not.toContain('<no description>');
    }
  });

  it('installs everything in another namespace by an overlay that names it', async () => {
    onTestFailed(() => {
      failed = true;
    });
    const folder = await cloned();
    await documented('docs/install.md', 'cat > kustomization.yaml <<EOF\nnamespace: ops', { cwd: folder });
    await nothingChanges(folder);
    await rm(folder, { recursive: true });
    const { kubernetes } = controlPlane;
    expect(await kubernetes.get('apps/v1', 'Deployment', 'meshery-operator', 'ops')).toBeDefined();
    const hooks = await kubernetes.get('metacontroller.k8s.io/v1alpha1', 'CompositeController', 'meshery-broker');
    expect(hooks?.spec.hooks.sync.webhook.service).toEqual({ name: 'meshery-operator', namespace: 'ops' });
  });

  it('labels what Prometheus selects by the overlay of the page on monitoring', async () => {
    const folder = await cloned();
    await documented('docs/monitoring.md', 'cat > kustomization.yaml', { cwd: folder });
    await rm(folder, { recursive: true });
    for (const kind of ['ServiceMonitor', 'PrometheusRule']) {
      const object = await controlPlane.kubernetes.get('monitoring.coreos.com/v1', kind, 'meshery-operator', 'meshery');
      expect(object?.metadata.labels, kind).toMatchObject({ release: 'kube-prometheus-stack' });
    }
  });

  it.each([
    ['docs/install.md', 'kubectl apply -k manifests\n'],
    ['docs/monitoring.md', 'kubectl apply -k manifests/monitoring\n'],
    ['docs/monitoring.md', 'kubectl apply -k manifests/monitoring/kube-state-metrics'],
    ['docs/monitoring.md', 'kubectl create clusterrolebinding'],
    ['docs/monitoring.md', 'kubectl set env deployment/meshery-operator'],
    ['metacontroller/install/README.md', 'kubectl get brokers.meshery.io,meshsyncs.meshery.io'],
  ])('runs the commands of %s: %s', (page, start) => documented(page, start));

  it('requires a token of the hooks by the commands of the page on security, and replaces it by the others', async () => {
    const { kubernetes } = controlPlane;
    const tokens = async () =>
      Object.entries((await kubernetes.get('v1', 'Secret', 'meshery-operator-token', 'meshery'))?.data ?? {});
    await documented('docs/security.md', 'kubectl apply -f manifests/operator/namespace.yaml');
    const [before, ...others] = await tokens();
    expect([before?.[0], others]).toEqual(['token', []]);
    const deployment = await kubernetes.get('apps/v1', 'Deployment', 'meshery-operator', 'meshery');
    expect(deployment?.spec.template.spec.volumes).toMatchObject([
      { secret: { secretName: 'meshery-operator-token' } },
    ]);

    await startStandIn(kubernetes);
    await documented('docs/security.md', 'old=', { edit: (text) => text.replace('sleep 120', 'sleep 0') });
    const after = await tokens();
    expect(after.map(([key]) => key)).toEqual(['token']);
    expect(after).not.toEqual([before]);
  });

  it('keeps a MeshSync to the Brokers of its namespace by the policy of the page on security', async () => {
    const { kubernetes } = controlPlane;
    const [policy] = yamlBlocks.filter(({ text }) => text.includes('kind: ValidatingAdmissionPolicy\n'));
    for (const document of parseAllDocuments(policy?.text ?? '')) await kubernetes.apply(document.toJS());
    const apply = (object: object) => kubernetes.apply({ ...meshSync('meshery', 'tenant'), ...object });
    await eventually(() =>
      expect(apply(meshSync('meshery', 'tenant', 'meshery-broker', 'ops'))).rejects.toThrow(
        /spec\.broker\.native\.namespace must be the namespace of the MeshSync/,
      ),
    );
    await apply(meshSync('meshery', 'tenant'));
    for (const spec of [
      {},
      { broker: { native: { name: 'meshery-broker' } } },
      { broker: { native: { name: 'meshery-broker', namespace: '' } } },
      { broker: { custom: { url: 'nats://192.0.2.1:4222' } } },
    ]) {
      await apply({ spec });
    }
  });

  it('admits only restricted pods by the commands of the page on security', async () => {
    const { kubernetes } = controlPlane;
    await documented('docs/security.md', 'kubectl label --dry-run=server --overwrite namespace meshery');
    const pod = { metadata: { name: 'other' }, spec: { containers: [{ name: 'other', image: 'other' }] } };
    const answer = await kubernetes.request('POST', '/api/v1/namespaces/meshery/pods?dryRun=All', pod);
    expect(answer).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining('PodSecurity "restricted') },
    });
  });
});

/** A StatefulSet in place of Metacontroller, which runs nothing of it, for commands that restart that. */
async function startStandIn(kubernetes: Kubernetes): Promise<void> {
  await kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'metacontroller' } });
  const labels = { app: 'metacontroller' };
  await kubernetes.apply({
    ...{
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'metacontroller', namespace: 'metacontroller' },
    },
    spec: {
      ...{ serviceName: '', selector: { matchLabels: labels } },
      template: { metadata: { labels }, spec: { containers: [{ name: 'metacontroller', image: 'pause' }] } },
    },
  });
}
