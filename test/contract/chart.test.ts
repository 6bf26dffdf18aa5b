import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { Resource } from '../../src/cli/resources.ts';
import { findings } from '../../src/cli/validate.ts';
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { kustomize } from '../cluster/registration.ts';
import { chart, HELMS, type HelmName, helm, set } from '../support/chart.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshery-chart-'));
  path = await chart(folder);
});
afterAll(() => rm(folder, { recursive: true }));

/** What a Helm renders, without a cluster. */
async function rendered(name: HelmName, args: string[], release = 'meshery-operator'): Promise<KubernetesObject[]> {
  const run = await helm(name, folder);
  const output = await run('template', release, path, '--namespace', 'meshery', '--kube-version', '1.30.0', ...args);
  // As Kubernetes reads it: 0440 is octal.
  return parseAllDocuments(output, { version: '1.1' })
    .map((document) => document.toJS() as KubernetesObject)
    .filter(Boolean);
}

const without = (...keys: string[]) => set(...keys.map((key) => `${key}=false`));
const operatorOnly = without('metacontroller.enabled', 'meshery-broker.enabled', 'meshery-meshsync.enabled');

/** Labels by which Helm and its users know the objects of a release. */
const ofHelm = [
  'app.kubernetes.io/instance',
  'app.kubernetes.io/managed-by',
  'app.kubernetes.io/version',
  'helm.sh/chart',
];

/**
 * An object without what differs by intention: the labels of Helm, and those by which pods are selected, since a chart can be
 * installed under several names. Lists whose order has no meaning are sorted.
 */
function comparable(object: KubernetesObject): object {
  const selector = { 'app.kubernetes.io/instance': 'meshery-operator', 'app.kubernetes.io/name': 'meshery-operator' };
  const copy: KubernetesObject = JSON.parse(JSON.stringify(object), (_key, value) =>
    isDeepStrictEqual(value, selector) ? { app: 'meshery', component: 'operator' } : value,
  );
  for (const labels of [copy.metadata.labels, copy.spec?.template?.metadata?.labels]) {
    for (const label of ofHelm) delete labels?.[label];
  }
  const pod = copy.spec?.template?.spec;
  for (const list of [pod?.volumes, pod?.containers?.[0].env, pod?.containers?.[0].volumeMounts]) {
    list?.sort((left: { name: string }, right: { name: string }) => left.name.localeCompare(right.name));
  }
  return copy;
}

const key = ({ kind, metadata }: KubernetesObject) => `${kind}/${metadata.name}`;
const byKey = (objects: KubernetesObject[]) =>
  Object.fromEntries(objects.map((object) => [key(object), comparable(object)]));

/** The objects of the chart that belong to the release, without the pod of "helm test" and what lets it connect. */
function released(objects: KubernetesObject[]): KubernetesObject[] {
  const own = objects.filter(({ metadata }) => !metadata.annotations?.['helm.sh/hook']);
  const policy = own.find(({ kind }) => kind === 'NetworkPolicy');
  const rule = policy?.spec.ingress.pop();
  expect(JSON.stringify(rule)).toContain('"app.kubernetes.io/component":"test"');
  return own;
}

describe.each(HELMS)('the chart, by %s', (name) => {
  it('is accepted by lint', async () => {
    expect(await (await helm(name, folder))('lint', '--strict', path)).toContain('0 chart(s) failed');
  });

  it('has the operator, its registration and the role of MeshSync as the kustomizations have them', async () => {
    const ofChart = released(await rendered(name, without('metacontroller.enabled', 'meshery-broker.enabled')));
    const folders = await Promise.all(['manifests/operator', 'metacontroller', 'manifests/meshsync'].map(kustomize));
    const ofKustomize = folders.flat().filter(({ kind }) => kind !== 'Namespace');
    expect(byKey(ofChart.filter(({ kind }) => kind !== 'MeshSync'))).toEqual(byKey(ofKustomize));
  });

  it('has the CRDs of the kustomization, with the marks of its usual release', async () => {
    const run = await helm(name, folder);
    const crds = parseAllDocuments(await run('show', 'crds', path)).map((each) => each.toJS() as KubernetesObject);
    const ours = crds.filter(({ metadata }) => metadata.name.endsWith('.meshery.io'));
    for (const { metadata } of ours) {
      expect(metadata.annotations).toEqual({
        'meta.helm.sh/release-name': 'meshery-operator',
        'meta.helm.sh/release-namespace': 'meshery',
        'helm.sh/resource-policy': 'keep',
      });
      expect(metadata.labels?.['app.kubernetes.io/managed-by']).toBe('Helm');
      for (const mark of ['release-name', 'release-namespace']) delete metadata.annotations?.[`meta.helm.sh/${mark}`];
      delete metadata.labels?.['app.kubernetes.io/managed-by'];
    }
    const named = (objects: KubernetesObject[]) => Object.fromEntries(objects.map((object) => [key(object), object]));
    expect(named(ours)).toEqual(named(await kustomize('manifests/crds')));
  });

  it.each(['token', 'tls', 'mutual-tls'])('secures the hooks as the overlay %s does', async (overlay) => {
    const values = {
      token: ['hooks.tokenSecretName=meshery-operator-token'],
      tls: ['hooks.tokenSecretName=meshery-operator-token', 'hooks.tls.secretName=meshery-operator-tls'],
      'mutual-tls': [
        'hooks.tls.secretName=meshery-operator-tls',
        'hooks.tls.clientSecretName=meshery-operator-client-tls',
      ],
    }[overlay] as string[];
    const ofChart = released(await rendered(name, [...operatorOnly, ...set(...values)]));
    const folders = [`manifests/overlays/${overlay}`, `metacontroller/overlays/${overlay}`].map(kustomize);
    const skipped = ['Namespace', 'CustomResourceDefinition', 'ClusterRole', 'ClusterRoleBinding'];
    const ofKustomize = (await Promise.all(folders)).flat().filter(({ kind }) => !skipped.includes(kind));
    expect(byKey(ofChart)).toEqual(byKey(ofKustomize));
  });

  it('leaves users to OpenShift as the overlay does', async () => {
    const ofChart = released(await rendered(name, [...operatorOnly, ...set('openshift=true')]));
    const [deployment] = (await kustomize('manifests/overlays/openshift')).filter(({ kind }) => kind === 'Deployment');
    const { 'Deployment/meshery-operator': ours } = byKey(ofChart);
    expect(ours).toEqual(comparable(deployment as KubernetesObject));
    const test = (await rendered(name, [...operatorOnly, ...set('openshift=true')])).find(({ kind }) => kind === 'Pod');
    const { fsGroup: _none, ...context } = (deployment as KubernetesObject).spec.template.spec.securityContext;
    expect(test?.spec.securityContext).toEqual(context);
  });

  it('lets the Metacontroller of the release connect, whatever its name and namespace', async () => {
    const from = async (...values: string[]) => {
      const policy = (await rendered(name, set(...values))).find(({ kind }) => kind === 'NetworkPolicy');
      const [{ namespaceSelector, podSelector }] = policy?.spec.ingress[0].from ?? [];
      const [{ values: names }] = podSelector.matchExpressions;
      return [namespaceSelector.matchLabels['kubernetes.io/metadata.name'], names];
    };
    expect(await from()).toEqual(['meshery', ['metacontroller']]);
    const renamed = ['metacontroller.namespaceOverride=ops', 'metacontroller.nameOverride=other'];
    expect(await from(...renamed)).toEqual(['ops', ['other']]);
  });

  it('has the monitoring of the kustomization', async () => {
    const objects = await rendered(name, [...operatorOnly, ...set('monitoring.enabled=true')]);
    const ofKustomize = byKey(await kustomize('manifests/monitoring'));
    const ofChart = byKey(objects.filter((object) => key(object) in ofKustomize));
    expect(ofChart).toEqual(ofKustomize);
  });

  const resourcesOf = async (args: string[]) =>
    (await rendered(name, args)).filter(({ apiVersion }) => apiVersion.startsWith('meshery.io/'));

  it('leaves to Meshery Server what that sets in the resources', async () => {
    const [broker, meshSync, ...more] = await resourcesOf([]);
    expect(more).toEqual([]);
    expect(broker).toMatchObject({
      kind: 'Broker',
      metadata: { name: 'meshery-broker', namespace: 'meshery' },
      spec: {},
    });
    expect(broker?.spec).toEqual({});
    expect(meshSync).toMatchObject({ kind: 'MeshSync', metadata: { name: 'meshery-meshsync', namespace: 'meshery' } });
    const { 'watch-list': list, ...spec } = meshSync?.spec ?? {};
    expect(spec).toEqual({ broker: { native: { name: 'meshery-broker', namespace: 'meshery' } } });
    const [, sample] = await kustomize('manifests/samples');
    const lists = [list, sample?.spec['watch-list']].map(({ data: { whitelist } }) => JSON.parse(whitelist));
    expect(lists[0]).toEqual(lists[1]);
  });

  it('takes the keys of the chart of Meshery for the resources', async () => {
    const whitelist = [{ Resource: 'pods.v1.', Events: ['ADDED'] }];
    const values = [
      ...['--set-json', `meshery-meshsync.watchConfig.whitelist=${JSON.stringify(whitelist)}`],
      ...set(
        'meshery-meshsync.replica=2',
        'meshery-meshsync.broker.name=other',
        'meshery-meshsync.broker.namespace=ops',
      ),
      ...set(
        'meshery-broker.replica=3',
        'meshery-broker.fullnameOverride=x-broker',
        'meshery-broker.spec.version=2.14.1',
      ),
    ];
    const [broker, meshSync] = await resourcesOf(values);
    expect(broker).toMatchObject({ metadata: { name: 'x-broker' }, spec: { size: 3, version: '2.14.1' } });
    const { 'watch-list': list, ...spec } = meshSync?.spec ?? {};
    expect(spec).toEqual({ size: 2, broker: { native: { name: 'other', namespace: 'ops' } } });
    expect(JSON.parse(list.data.whitelist)).toEqual(whitelist);
    expect(await resourcesOf(without('meshery-broker.enabled', 'meshery-meshsync.enabled'))).toEqual([]);
    // A broker of another kind than the chart's.
    const url = 'meshery-meshsync.spec.broker.custom.url=nats://nats.example.com';
    const [custom] = await resourcesOf([...without('meshery-broker.enabled'), ...set(url)]);
    expect(custom?.spec).toMatchObject({ broker: { custom: { url: 'nats://nats.example.com' } } });
    // MeshSync takes one list only.
    const data = { blacklist: '["secrets.v1."]' };
    const blacklist = ['--set-json', `meshery-meshsync.spec=${JSON.stringify({ 'watch-list': { data } })}`];
    const [, listed] = await resourcesOf(blacklist);
    expect(listed?.spec['watch-list']).toEqual({ data });
  });

  it('gives the resources what the API server accepts', async () => {
    const resources = (await resourcesOf(set('meshery-broker.replica=3'))).map((resource) => ({
      ...(resource as object as Resource),
      place: { file: 'chart', document: 1 },
      source: 'chart',
    }));
    expect(findings({ resources, secrets: [] }, 'meshery', new Date())).toEqual([]);
  });

  const deployment = async (args: string[]) =>
    (await rendered(name, [...operatorOnly, ...args])).find(({ kind }) => kind === 'Deployment') as KubernetesObject;

  it('takes the environment as a map or as a list, and each variable once', async () => {
    const own = { name: 'PORT', value: '8080' };
    const registry = { name: 'IMAGE_REGISTRY', value: 'registry.example.com' };
    const level = { name: 'LOG_LEVEL', value: 'debug' };
    const map = set('env.IMAGE_REGISTRY=registry.example.com', 'env.LOG_LEVEL=debug', 'env.BODY_LIMIT=1048576');
    const list = ['--set-json', `env=${JSON.stringify([registry, level])}`];
    for (const args of [map, list]) {
      const { env } = (await deployment(args)).spec.template.spec.containers[0];
      expect(env).toEqual(expect.arrayContaining([own, registry, level]));
      expect(new Set(env.map((variable: { name: string }) => variable.name)).size).toBe(env.length);
    }
    const { env } = (await deployment(map)).spec.template.spec.containers[0];
    expect(env).toContainEqual({ name: 'BODY_LIMIT', value: '1048576' });
  });

  it('takes a key without a value for none', async () => {
    const file = join(folder, `${name}.yaml`);
    const empty = 'env:\npodSecurityContext:\nmeshery-broker:\n  spec:\nmeshery-meshsync:\n  spec:\n';
    await writeFile(file, empty);
    const objects = await rendered(name, ['--values', file]);
    expect(objects.filter(({ kind }) => kind !== 'Deployment' && kind !== 'Pod')).toEqual(
      (await rendered(name, [])).filter(({ kind }) => kind !== 'Deployment' && kind !== 'Pod'),
    );
    const { spec } = objects.find(({ kind }) => kind === 'Deployment')?.spec.template ?? {};
    expect(spec.securityContext).toEqual({});
  });

  it('takes pull secrets of any name', async () => {
    const { spec } = (await deployment(set('imagePullSecrets[0].name=registry.example.com'))).spec.template;
    expect(spec.imagePullSecrets).toEqual([{ name: 'registry.example.com' }]);
  });

  it('adds labels to the pods, but replaces none by which they are selected', async () => {
    const own = await deployment([]);
    const { labels } = (await deployment(set('podLabels.team=platform', 'podLabels.app=other'))).spec.template.metadata;
    expect(labels).toEqual({ ...own.spec.template.metadata.labels, team: 'platform' });
  });

  it('tells the operator and its hooks under another name, and selects its pods alone', async () => {
    const objects = await rendered(name, [...operatorOnly, ...set('fullnameOverride=other')], 'release');
    const [operator] = objects.filter(({ kind }) => kind === 'Deployment');
    expect(operator?.metadata.name).toBe('other');
    const { env } = operator?.spec.template.spec.containers[0] ?? {};
    expect(env).toContainEqual({ name: 'DEPLOYMENT_NAME', value: 'other' });
    const hooks = objects.filter(({ kind }) => kind === 'CompositeController').map(({ spec }) => spec.hooks);
    for (const { sync, customize } of hooks) {
      expect(sync.webhook.service).toEqual({ name: 'other', namespace: 'meshery' });
      expect(customize.webhook.service).toEqual({ name: 'other', namespace: 'meshery' });
    }
    const test = objects.find(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'test');
    expect(test?.metadata.labels).not.toMatchObject(operator?.spec.selector.matchLabels);
    expect(test?.spec.containers[0].args).toEqual(['other:80']);
  });

  it('takes what Meshery Server sends', async () => {
    const sent = ['meshery', 'meshery-istio', 'meshery-nginx-sm', 'meshery-app-mesh'].map(
      (key) => `${key}.enabled=false`,
    );
    const ofServer = set('fullnameOverride=meshery-operator', 'meshery-operator.enabled=true', ...sent);
    expect(await rendered(name, ofServer)).toEqual(await rendered(name, []));
  });

  it.each([
    ['replicaCount=-1', /replicaCount/],
    ['image.pullPolicy=Sometimes', /pullPolicy/],
    ['meshery-broker.fullnameOverride=Upper_Case', /fullnameOverride/],
    ['meshery-broker.replica=11', /replica/],
    ['metacontroller.enabled=maybe', /enabled/],
    ['networkPolicy=null', /networkPolicy/],
    ['hooks.tls=null', /tls/],
    ['hooks.tls.clientSecretName=client', /hooks.tls.clientSecretName requires hooks.tls.secretName/],
  ])('refuses %s, and names the value', async (value, message) => {
    await expect(rendered(name, set(value))).rejects.toThrow(message);
  });
});
