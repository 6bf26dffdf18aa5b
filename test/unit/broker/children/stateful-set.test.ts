import type { V1PodSpec } from '@kubernetes/client-node';
import { describe, expect, it } from 'vitest';
import { resolveBroker } from '../../../../src/broker/spec.ts';
import type { Cluster } from '../../../stand-in/cluster.ts';
import { at, type JsonObject } from '../../../stand-in/json.ts';
import { testApp } from '../../../support/app.ts';
import { authority, issue, tlsSecret } from '../../../support/certificates.ts';
import { condition } from '../../../support/invariants.ts';
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

describe.each(STRATEGIES)('under %s, the claims of a broker', (how) => {
  it('have the labels and annotations of the spec, and keep them while they can not be changed', async () => {
    const fileStore = { size: '1Gi', labels: { team: 'streams' }, annotations: { 'backup.velero.io/x': 'y' } };
    const cluster = clusterWith({ ...broker, spec: { jetstream: { fileStore } } });
    const change = async (spec: JsonObject) => {
      cluster.edit(broker, 'kubectl', (object) => {
        object.spec = { jetstream: { fileStore: spec } };
      });
      const [outcome] = await settle(cluster, [broker], hook, how);
      return condition(outcome?.status, 'Ready');
    };
    const metadata = () =>
      at(
        cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats'),
        ...['spec', 'volumeClaimTemplates', 0, 'metadata'],
      );
    const made = { name: 'data', labels: fileStore.labels, annotations: fileStore.annotations };
    expect(await change(fileStore)).toMatchObject({ status: 'True' });
    expect(metadata()).toEqual(made);
    for (const labels of [{ team: 'other' }, { team: 'streams', more: '' }]) {
      expect(await change({ ...fileStore, labels })).toMatchObject({
        reason: 'ImmutableField',
        message: expect.stringContaining('kubectl annotate pvc -n meshery -l app.kubernetes.io/instance=meshery-nats'),
      });
      expect(metadata()).toEqual(made);
    }
    expect(await change({ size: '1Gi' })).toMatchObject({ status: 'True' });
    expect(metadata()).toEqual(made);
    expect(await change({ ...fileStore, annotations: {} })).toMatchObject({ reason: 'ImmutableField' });
  });

  it('can not have those that the operator sets', () => {
    const refused = (more: JsonObject) =>
      resolveBroker(brokerParent({ jetstream: { fileStore: { size: '1Gi', ...more } } }));
    expect(refused({ labels: { 'app.kubernetes.io/name': 'x' } })).toMatchObject({
      path: 'spec.jetstream.fileStore.labels["app.kubernetes.io/name"]',
    });
    expect(refused({ annotations: { 'meshery.io/x': 'x' } })).toMatchObject({
      path: 'spec.jetstream.fileStore.annotations["meshery.io/x"]',
    });
  });
});

describe.each(STRATEGIES)('under %s, the PodDisruptionBudget of a broker', (how) => {
  it('has the settings of the spec, and comes and goes', async () => {
    const cluster = clusterWith({ ...broker, spec: { size: 3 } });
    const budget = async (podDisruptionBudget: JsonObject) => {
      cluster.edit(broker, 'kubectl', (object) => {
        object.spec = { size: 3, podDisruptionBudget };
      });
      await settle(cluster, [broker], hook, how);
      const { selector: _selector, ...spec } = (at(
        cluster.get('PodDisruptionBudget.policy/v1', 'meshery', 'meshery-nats'),
        'spec',
      ) ?? {}) as JsonObject;
      return spec;
    };
    const standard = { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' };
    expect(await budget({})).toEqual(standard);
    expect(await budget({ minAvailable: 2 })).toEqual({ minAvailable: 2, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    expect(await budget({ maxUnavailable: 2, unhealthyPodEvictionPolicy: 'IfHealthyBudget' })).toEqual({
      ...{ maxUnavailable: 2, unhealthyPodEvictionPolicy: 'IfHealthyBudget' },
    });
    expect(await budget({ enabled: false })).toEqual({});
    expect(await budget({ enabled: true })).toEqual(standard);
  });
});

describe.each(STRATEGIES)('under %s, the pods of a broker with further listeners', (how) => {
  async function podWith(spec: JsonObject) {
    const ca = await authority();
    const certificates = tlsSecret('nats-tls', await issue(ca, 'meshery-nats.meshery.svc'), ca);
    const own = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'own', namespace: 'meshery' } };
    const data = { password: Buffer.from('a password').toString('base64') };
    const cluster = clusterWith({ ...broker, spec }, certificates, { ...own, data });
    await settle(cluster, [broker], hook, how);
    return at(
      cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats'),
      ...['spec', 'template', 'spec'],
    ) as unknown as V1PodSpec;
  }
  const users = [{ user: 'a', passwordSecretRef: { name: 'own' } }];
  const containerOf = ({ containers }: V1PodSpec, name: string) => containers.find((each) => each.name === name);

  it('have the fields of the container of NATS there only, and a memory limit of Go in both', async () => {
    const plain = { auth: { users }, resources: { limits: { memory: '100Mi' } } };
    const added = {
      env: [{ name: 'A', value: 'b' }],
      envFrom: [{ secretRef: { name: 'mine' } }],
      extraVolumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
      livenessProbe: { periodSeconds: 60 },
      readinessProbe: { periodSeconds: 7 },
    };
    const before = await podWith(plain);
    const podTemplate = { spec: { extraVolumes: [{ name: 'scratch', emptyDir: {} }] } };
    const after = await podWith({ ...plain, ...added, podTemplate });
    expect(containerOf(after, 'nats')).toMatchObject({ envFrom: added.envFrom, readinessProbe: { periodSeconds: 7 } });
    expect(containerOf(after, 'users')).toEqual(containerOf(before, 'users'));
    for (const name of ['nats', 'users']) {
      expect(containerOf(after, name)?.env).toContainEqual({ name: 'GOMEMLIMIT', value: `${80 * 2 ** 20}B` });
    }
  });

  it('probe the server of the users by HTTP, since NATS logs each connection that ends before TLS, and stop it at once', async () => {
    for (const [tls, scheme] of [
      [undefined, 'HTTP'],
      [{ secretName: 'nats-tls' }, 'HTTP'],
      [{ secretName: 'nats-tls', monitor: true }, 'HTTPS'],
    ] as const) {
      const pod = await podWith({ size: 3, auth: { users }, ...(tls && { tls }) });
      const server = containerOf(pod, 'users');
      for (const probe of [server?.readinessProbe, server?.livenessProbe]) {
        expect(probe?.httpGet).toEqual({ path: '/healthz', port: 'users-monitor', scheme });
      }
      expect(server?.ports).toContainEqual({ containerPort: 8224, name: 'users-monitor', protocol: 'TCP' });
      expect(server?.lifecycle).toBeUndefined();
      expect(containerOf(pod, 'nats')?.lifecycle).toBeDefined();
    }
  });

  it('leave the size of volumes in memory out of the memory limit of Go', async () => {
    const spec = { jetstream: { fileStore: { size: '50Mi', medium: 'Memory' } } };
    const pod = await podWith({ ...spec, resources: { limits: { memory: '100Mi' } } });
    expect(containerOf(pod, 'nats')?.env).toContainEqual({ name: 'GOMEMLIMIT', value: `${40 * 2 ** 20}B` });
  });

  it('are probed by HTTPS with the times of the spec, and resolve the names of the spec and of the exporter', async () => {
    const tls = { secretName: 'nats-tls', monitor: true };
    const spec = { tls, livenessProbe: { failureThreshold: 9 }, startupProbe: { failureThreshold: 1800 } };
    const hostAliases = [
      { ip: '192.0.2.7', hostnames: ['a.example'] },
      { ip: '127.0.0.1', hostnames: ['b.example'] },
    ];
    const podTemplate = { spec: { hostAliases } };
    const pod = await podWith({ ...spec, podTemplate, promExporter: { enabled: true } });
    const nats = containerOf(pod, 'nats');
    for (const probe of [nats?.startupProbe, nats?.readinessProbe, nats?.livenessProbe]) {
      expect(probe?.httpGet).toMatchObject({ port: 'monitor', scheme: 'HTTPS' });
    }
    expect(nats?.livenessProbe).toMatchObject({ failureThreshold: 9, periodSeconds: 30 });
    expect(nats?.startupProbe).toMatchObject({ failureThreshold: 1800, periodSeconds: 1 });
    expect(pod.hostAliases).toEqual([
      { ip: '127.0.0.1', hostnames: ['meshery-nats.meshery.svc', 'b.example'] },
      { ip: '192.0.2.7', hostnames: ['a.example'] },
    ]);
    expect((await podWith({ ...spec, podTemplate })).hostAliases).toEqual(hostAliases);
  });
});
