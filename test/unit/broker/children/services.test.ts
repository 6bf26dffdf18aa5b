import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../../stand-in/cluster.ts';
import { at, type JsonObject } from '../../../stand-in/json.ts';
import { testApp } from '../../../support/app.ts';
import { condition } from '../../../support/invariants.ts';
import { brokerParent, clusterWith, hookOf, STRATEGIES, settle } from '../../../support/scenarios.ts';

const broker = brokerParent();
const hook = hookOf(testApp());

const service = (cluster: Cluster) => cluster.get('Service.v1', 'meshery', 'meshery-nats');

describe.each(STRATEGIES)('under %s, the client Service', (how) => {
  async function running(spec: JsonObject): Promise<Cluster> {
    const cluster = clusterWith({ ...broker, spec: { service: spec } });
    await settle(cluster, [broker], hook, how);
    return cluster;
  }

  async function change(cluster: Cluster, spec: JsonObject) {
    cluster.edit(broker, 'kubectl', (object) => {
      object.spec = { service: spec };
    });
    const [outcome] = await settle(cluster, [broker], hook, how);
    return outcome?.status;
  }

  it('changes its type in place, in both directions, and keeps its address', async () => {
    const cluster = await running({ type: 'ClusterIP' });
    const { uid } = service(cluster)?.metadata ?? {};
    const address = at(service(cluster), 'spec', 'clusterIP');
    for (const type of ['NodePort', 'LoadBalancer', 'ClusterIP', 'LoadBalancer', 'NodePort', 'ClusterIP']) {
      const status = await change(cluster, { type });
      expect(condition(status, 'Ready')).toMatchObject({ status: 'True' });
      expect(at(service(cluster), 'spec', 'type')).toBe(type);
      expect(at(status, 'endpoint', 'external') !== undefined).toBe(type !== 'ClusterIP');
    }
    expect(service(cluster)?.metadata.uid).toBe(uid);
    expect(at(service(cluster), 'spec', 'clusterIP')).toBe(address);
    expect(at(service(cluster), 'spec', 'ports', 0)).not.toHaveProperty('nodePort');
  });

  it('keeps its load balancer class, reports that in a condition, and gets the new class after a change to another type and back', async () => {
    const cluster = await running({ type: 'LoadBalancer', loadBalancerClass: 'example.com/a' });
    const changed = { type: 'LoadBalancer', loadBalancerClass: 'example.com/b' };
    const status = await change(cluster, changed);
    expect(at(service(cluster), 'spec', 'loadBalancerClass')).toBe('example.com/a');
    for (const type of ['Ready', 'SpecApplied']) {
      expect(condition(status, type)).toMatchObject({
        status: 'False',
        reason: 'ImmutableField',
        message: expect.stringMatching(
          /^spec\.service\.loadBalancerClass can't become example\.com\/b while it is example\.com\/a/,
        ),
      });
    }
    await change(cluster, { type: 'ClusterIP' });
    expect(at(service(cluster), 'spec')).not.toHaveProperty('loadBalancerClass');
    expect(condition(await change(cluster, changed), 'Ready')).toMatchObject({ status: 'True' });
    expect(at(service(cluster), 'spec', 'loadBalancerClass')).toBe('example.com/b');
  });

  it('adds annotations and source ranges, removes them again, and keeps those of other managers', async () => {
    const cluster = await running({
      type: 'LoadBalancer',
      annotations: { a: '1' },
      loadBalancerSourceRanges: ['10.0.0.0/8'],
    });
    const made = service(cluster);
    if (made) {
      cluster.edit(made, 'cloud', ({ metadata }) => {
        metadata.annotations = { ...metadata.annotations, theirs: 'x' };
      });
    }
    expect(at(service(cluster), 'spec', 'loadBalancerSourceRanges')).toEqual(['10.0.0.0/8']);
    await change(cluster, { type: 'LoadBalancer', annotations: { b: '2' } });
    expect(service(cluster)?.metadata.annotations).toMatchObject({
      b: '2',
      theirs: 'x',
      'meshery/component-type': 'management-plane',
    });
    expect(service(cluster)?.metadata.annotations).not.toHaveProperty('a');
    expect(at(service(cluster), 'spec')).not.toHaveProperty('loadBalancerSourceRanges');
  });
});
