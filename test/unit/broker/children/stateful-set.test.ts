import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../../stand-in/cluster.ts';
import { at, type JsonObject } from '../../../stand-in/json.ts';
import { testApp } from '../../../support/app.ts';
import { brokerParent, clusterWith, hookOf, STRATEGIES, settle } from '../../../support/scenarios.ts';

const broker = brokerParent();
const hook = hookOf(testApp());

describe.each(STRATEGIES)('under %s, the ServiceAccount of a broker', (how) => {
  const statefulSet = (cluster: Cluster) => cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats');
  const pod = (cluster: Cluster) => at(statefulSet(cluster), 'spec', 'template', 'spec') as JsonObject;

  async function running(spec: JsonObject): Promise<Cluster> {
    const cluster = clusterWith({ ...broker, spec });
    await settle(cluster, [broker], hook, how);
    return cluster;
  }

  async function change(cluster: Cluster, spec: JsonObject): Promise<void> {
    cluster.edit(broker, 'kubectl', (object) => {
      object.spec = spec;
    });
    await settle(cluster, [broker], hook, how);
  }

  it('is that of the spec, without its token, and default again when the spec has none', async () => {
    const cluster = await running({});
    expect(pod(cluster)).not.toHaveProperty('serviceAccountName');
    for (const [serviceAccountName, expected] of [
      ['nats', 'nats'],
      ['other', 'other'],
      ['', 'default'],
      ['nats', 'nats'],
    ]) {
      await change(cluster, { serviceAccountName: serviceAccountName ?? '' });
      expect(pod(cluster)).toMatchObject({ serviceAccountName: expected, automountServiceAccountToken: false });
    }
    await change(cluster, {});
    expect(pod(cluster)).toMatchObject({ serviceAccountName: 'default' });
    const { generation } = statefulSet(cluster)?.metadata ?? {};
    await settle(cluster, [broker], hook, how);
    expect(statefulSet(cluster)?.metadata.generation).toBe(generation);
  });

  it('is left as somebody has set it by hand while the spec has none', async () => {
    const cluster = await running({});
    const made = statefulSet(cluster);
    if (!made) throw new Error('no StatefulSet');
    cluster.edit(made, 'kubectl', (object) => {
      (at(object, 'spec', 'template', 'spec') as JsonObject).serviceAccountName = 'theirs';
    });
    await change(cluster, { config: { debug: true } });
    expect(pod(cluster)).toMatchObject({ serviceAccountName: 'theirs' });
  });
});
