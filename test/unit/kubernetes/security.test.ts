import { describe, expect, it } from 'vitest';
import { podSecurityContext } from '../../../src/kubernetes/security.ts';
import type { Cluster } from '../../stand-in/cluster.ts';
import { at, type JsonObject, type KubeObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import {
  brokerParent,
  clusterWith,
  type Hook,
  hookOf,
  meshSyncParent,
  STRATEGIES,
  settle,
} from '../../support/scenarios.ts';

const context = { now: () => new Date('2026-01-01T00:00:00Z'), generateToken: () => 'token' };
const restricted = hookOf(testApp({ context }));
const platform = hookOf(testApp({ context: { ...context, securityContext: 'platform' } }));

const brokers = [brokerParent({ size: 3, jetstream: { fileStore: { size: '1Gi' } }, promExporter: { enabled: true } })];
const parents = [...brokers, meshSyncParent({ broker: { native: { name: 'meshery-broker' } } })];

const workloads = (cluster: Cluster) => [
  cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats'),
  cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync'),
];
const podOf = (workload: KubeObject | undefined) => at(workload, 'spec', 'template', 'spec') as JsonObject;
const environment = (workload: KubeObject | undefined) => at(podOf(workload), 'containers', 0, 'env') as JsonObject[];

it('the pods satisfy the restricted Pod Security Standard, with the user of the operator or of the platform', () => {
  const common = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
  expect(podSecurityContext()).toEqual({ ...common, fsGroup: 65532, runAsGroup: 65532, runAsUser: 65532 });
  expect(podSecurityContext('platform')).toEqual(common);
});

describe.each(STRATEGIES)('under %s, the security context of running pods', (how) => {
  /** Settles with another setting of the operator; returns how often each workload was written. */
  async function change(cluster: Cluster, hook: Hook): Promise<number[]> {
    const generations = () => workloads(cluster).map((workload) => Number(workload?.metadata.generation));
    const before = generations();
    await settle(cluster, parents, hook, how);
    return generations().map((generation, index) => generation - (before[index] ?? 0));
  }

  it('is left to the platform, and taken back, by one change each of every workload', async () => {
    const cluster = clusterWith(...parents);
    await settle(cluster, parents, restricted, how);
    const before = workloads(cluster).map((workload) => at(workload, 'spec'));

    expect(await change(cluster, platform)).toEqual([1, 1]);
    for (const workload of workloads(cluster)) {
      const text = JSON.stringify(podOf(workload));
      expect(text).not.toMatch(/runAsUser|runAsGroup|fsGroup|65532/);
      expect(podOf(workload)).toMatchObject({ securityContext: podSecurityContext('platform') });
      expect(text.match(/"readOnlyRootFilesystem":true/g)).toHaveLength(text.match(/"image":/g)?.length ?? 0);
    }
    expect(await change(cluster, platform)).toEqual([0, 0]);

    expect(await change(cluster, restricted)).toEqual([1, 1]);
    expect(workloads(cluster).map((workload) => at(workload, 'spec'))).toEqual(before);
  });

  it('of MeshSync comes with a home directory that its user can write to', async () => {
    const cluster = clusterWith(...parents);
    await settle(cluster, parents, restricted, how);
    expect(environment(workloads(cluster)[1]).map(({ name }) => name)).toEqual(['NATS_TOKEN', 'BROKER_URL']);
    await change(cluster, platform);
    const meshSync = workloads(cluster)[1];
    expect(environment(meshSync).map(({ name }) => name)).toEqual(['NATS_TOKEN', 'BROKER_URL', 'HOME', 'USER']);
    const home = environment(meshSync).find(({ name }) => name === 'HOME')?.value;
    expect(at(podOf(meshSync), 'containers', 0, 'volumeMounts')).toEqual([{ mountPath: home, name: 'home' }]);
    expect(podOf(meshSync).volumes).toEqual([{ name: 'home', emptyDir: {} }]);
  });
});
