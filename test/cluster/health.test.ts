import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { healthOf } from '../support/health.ts';
import { brokerParent, meshSyncParent } from '../support/scenarios.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import type { KubernetesObject } from './kubernetes.ts';
import { kustomize } from './registration.ts';
import { applyPatiently } from './world.ts';

const NAMESPACE = 'meshery';
const VERSIONS = ['meshery.io/v1alpha1', 'meshery.io/v1alpha2'];

describe('without an operator', () => {
  let controlPlane: ControlPlane;
  let kubernetes: ControlPlane['kubernetes'];

  beforeAll(async () => {
    controlPlane = await startControlPlane(() => {});
    kubernetes = controlPlane.kubernetes;
    for (const crd of await kustomize('manifests/crds')) await kubernetes.apply(crd);
    await kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  });
  afterAll(() => controlPlane?.stop());

  const resources = [
    brokerParent({}),
    meshSyncParent({ broker: { custom: { url: 'nats://nats.example.com' } } }),
  ].flatMap(({ kind, spec }) => VERSIONS.map((apiVersion) => ({ apiVersion, kind, spec })));

  it.each(resources)('a $kind that is created as $apiVersion is in progress', async ({ apiVersion, kind, spec }) => {
    const name = apiVersion.replace('meshery.io/', '');
    const written = { apiVersion, kind, metadata: { name, namespace: NAMESPACE }, spec };
    await applyPatiently(kubernetes, written);
    const read = async () => {
      const objects = await Promise.all(VERSIONS.map((version) => kubernetes.get(version, kind, name, NAMESPACE)));
      return objects.filter((object): object is KubernetesObject => object !== undefined);
    };
    const states = async () => {
      const objects = await read();
      expect(objects.map(({ status }) => status)).toEqual([{ observedGeneration: -1 }, { observedGeneration: -1 }]);
      const healths = await healthOf(objects.filter(({ apiVersion }) => apiVersion === VERSIONS.at(-1)));
      return healths.map(({ kstatus, flux, argoCD }) => [kstatus.status, flux.status, argoCD.status]);
    };
    expect(await states()).toEqual([['InProgress', 'InProgress', 'Progressing']]);
    await kubernetes.patch({ ...written, spec: { size: 2 } });
    expect(await states()).toEqual([['InProgress', 'InProgress', 'Progressing']]);
    expect((await read()).map(({ metadata }) => metadata.generation)).toEqual([2, 2]);
  });
});
