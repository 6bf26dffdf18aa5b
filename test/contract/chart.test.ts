import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { kustomize } from '../cluster/registration.ts';
import { chart, HELMS, type HelmName, helm } from '../support/chart.ts';

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

const without = (...keys: string[]) => keys.flatMap((key) => ['--set', `${key}=false`]);
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
      delete metadata.annotations;
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
    const ofChart = released(await rendered(name, [...operatorOnly, ...values.flatMap((value) => ['--set', value])]));
    const folders = [`manifests/overlays/${overlay}`, `metacontroller/overlays/${overlay}`].map(kustomize);
    const skipped = ['Namespace', 'CustomResourceDefinition', 'ClusterRole', 'ClusterRoleBinding'];
    const ofKustomize = (await Promise.all(folders)).flat().filter(({ kind }) => !skipped.includes(kind));
    expect(byKey(ofChart)).toEqual(byKey(ofKustomize));
  });

  it('leaves users to OpenShift as the overlay does', async () => {
    const ofChart = released(await rendered(name, [...operatorOnly, '--set', 'openshift=true']));
    const [deployment] = (await kustomize('manifests/overlays/openshift')).filter(({ kind }) => kind === 'Deployment');
    const { 'Deployment/meshery-operator': ours } = byKey(ofChart);
    expect(ours).toEqual(comparable(deployment as KubernetesObject));
  });

  it('has the monitoring of the kustomization', async () => {
    const objects = await rendered(name, [...operatorOnly, '--set', 'monitoring.enabled=true']);
    const ofKustomize = byKey(await kustomize('manifests/monitoring'));
    const ofChart = byKey(objects.filter((object) => key(object) in ofKustomize));
    expect(ofChart).toEqual(ofKustomize);
  });
});
