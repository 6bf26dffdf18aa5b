import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../../stand-in/cluster.ts';
import { at, type JsonObject, type KubeObject } from '../../../stand-in/json.ts';
import { testApp } from '../../../support/app.ts';
import { authority, issue, tlsSecret } from '../../../support/certificates.ts';
import { condition } from '../../../support/invariants.ts';
import { brokerParent, clusterWith, hookOf, STRATEGIES, settle, sync } from '../../../support/scenarios.ts';

const broker = brokerParent();
const hook = hookOf(testApp());
const ca = await authority();
const secret = tlsSecret('nats-tls', await issue(ca, 'meshery-nats.meshery.svc'), ca);

const boxOf = (cluster: Cluster) => cluster.get('Deployment.apps/v1', 'meshery', 'meshery-nats-box');
const container = (cluster: Cluster) =>
  at(boxOf(cluster), 'spec', 'template', 'spec', 'containers', 0) as JsonObject & { env: JsonObject[] };

describe.each(STRATEGIES)('under %s, the command line of a broker', (how) => {
  async function change(cluster: Cluster, spec: JsonObject) {
    cluster.edit(broker, 'kubectl', (object) => {
      object.spec = spec;
    });
    const [outcome] = await settle(cluster, [broker], hook, how);
    return outcome?.status;
  }

  it('comes and goes with the field, and nothing else changes', async () => {
    const cluster = clusterWith({ ...broker, spec: {} });
    await settle(cluster, [broker], hook, how);
    const before = cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats');
    const status = await change(cluster, { natsBox: { enabled: true } });
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True' });
    expect(condition(status, 'NatsBoxAvailable')).toMatchObject({
      status: 'True',
      message: expect.stringContaining('kubectl exec -it deployment/meshery-nats-box -n meshery -- nats'),
    });
    expect(container(cluster).env).toContainEqual({ name: 'NATS_URL', value: 'nats://meshery-nats.meshery.svc:4222' });
    const pods = at(boxOf(cluster), 'spec', 'template', 'metadata', 'labels') as JsonObject;
    const servers = at(before, 'spec', 'selector', 'matchLabels') as JsonObject;
    expect(Object.entries(servers).every(([key, value]) => pods[key] === value)).toBe(false);
    expect(condition(await change(cluster, {}), 'NatsBoxAvailable')).toBeUndefined();
    expect(boxOf(cluster)).toBeUndefined();
    const after = cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats');
    expect(after?.metadata.generation).toBe(before?.metadata.generation);
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
  });

  it('is reported while its pod is not ready, and Ready does not depend on it', async () => {
    const cluster = clusterWith({ ...broker, spec: { natsBox: { enabled: true } } });
    await settle(cluster, [broker], hook, how);
    const seen = async (availableReplicas: number) => {
      cluster.setStatus(boxOf(cluster) as KubeObject, { availableReplicas });
      const { status } = await sync(cluster, broker, hook, how);
      expect(condition(status, 'Ready')).toMatchObject({ status: 'True' });
      return condition(status, 'NatsBoxAvailable');
    };
    expect(await seen(0)).toMatchObject({
      ...{ status: 'False', reason: 'Unavailable' },
      message: expect.stringContaining(
        'kubectl describe pod -l app.kubernetes.io/instance=meshery-nats-box -n meshery',
      ),
    });
    expect(await seen(1)).toMatchObject({ status: 'True', reason: 'Available' });
  });

  it('is scaled to zero while the broker hibernates, and not missed then', async () => {
    const cluster = clusterWith({ ...broker, spec: { natsBox: { enabled: true } } });
    await settle(cluster, [broker], hook, how);
    const hibernate = async (value: string) => {
      cluster.edit(broker, 'kubectl', ({ metadata }) => {
        metadata.annotations = { 'meshery.io/hibernation': value };
      });
      const [outcome] = await settle(cluster, [broker], hook, how);
      return condition(outcome?.status, 'NatsBoxAvailable');
    };
    expect(await hibernate('on')).toBeUndefined();
    expect(at(boxOf(cluster), 'spec', 'replicas')).toBe(0);
    expect(await hibernate('off')).toMatchObject({ status: 'True' });
    expect(at(boxOf(cluster), 'spec', 'replicas')).toBe(1);
  });

  it('is replaced once when the token changes', async () => {
    const cluster = clusterWith({ ...broker, spec: { natsBox: { enabled: true } } });
    await settle(cluster, [broker], hook, how);
    const checksum = () =>
      at(boxOf(cluster), 'spec', 'template', 'metadata', 'annotations', 'meshery.io/credentials-checksum');
    const [before, generation] = [checksum(), Number(boxOf(cluster)?.metadata.generation)];
    const auth = cluster.get('Secret.v1', 'meshery', 'meshery-nats-auth');
    if (auth) cluster.delete(auth);
    await settle(cluster, [broker], hook, how);
    expect(checksum()).not.toBe(before);
    expect(boxOf(cluster)?.metadata.generation).toBe(generation + 1);
  });

  it('trusts the certificate authority, and presents the certificate of a client', async () => {
    const cluster = clusterWith({ ...broker, spec: {} }, secret);
    const tls = { secretName: 'nats-tls', verify: true };
    await change(cluster, { tls, natsBox: { enabled: true, tls: { secretName: 'admin' } } });
    const files = Object.fromEntries(container(cluster).env.map(({ name, value }) => [name, value]));
    expect(files).toMatchObject({
      NATS_URL: 'tls://meshery-nats.meshery.svc:4222',
      NATS_CA: '/etc/nats-ca/ca.crt',
      NATS_CERT: '/etc/nats-client/tls.crt',
      NATS_KEY: '/etc/nats-client/tls.key',
    });
    const mounts = container(cluster).volumeMounts as JsonObject[];
    for (const file of [files.NATS_CA, files.NATS_CERT]) {
      expect(mounts.map(({ mountPath }) => mountPath)).toContain(String(file).replace(/\/[^/]*$/, ''));
    }
    // The servers' own keys are not in it.
    expect(JSON.stringify(at(boxOf(cluster), 'spec', 'template'))).not.toContain('nats-tls');
  });

  it('is the same whatever other listeners there are, and trusts the authority of the clients alone', async () => {
    const own: KubeObject = {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'own', namespace: 'meshery' } },
      data: { password: Buffer.from('a password').toString('base64') },
    };
    const cluster = clusterWith({ ...broker, spec: {} }, secret, own);
    const natsBox = { enabled: true };
    const tls = { secretName: 'nats-tls' };
    await change(cluster, { tls, natsBox });
    const before = at(boxOf(cluster), 'spec');
    const users = [{ user: 'a', passwordSecretRef: { name: 'own' } }];
    const listeners = {
      auth: { users },
      leafNodes: { enabled: true, tls, authorization: { users } },
      websocket: { enabled: true, tls },
    };
    const status = await change(cluster, { ...listeners, natsBox, tls: { ...tls, monitor: true } });
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True' });
    expect(condition(status, 'NatsBoxAvailable')).toMatchObject({ status: 'True' });
    expect(at(boxOf(cluster), 'spec')).toEqual(before);
  });

  it('of somebody else is left as it is, and reported', async () => {
    const theirs: KubeObject = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'meshery-nats-box', namespace: 'meshery' },
      spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: {} } },
    };
    for (const [natsBox, reason] of [
      [{ enabled: true }, 'NameConflict'],
      [{ enabled: false }, 'Ready'],
    ] as const) {
      const cluster = clusterWith({ ...broker, spec: { natsBox } }, theirs);
      const before = at(boxOf(cluster), 'spec');
      const [outcome] = await settle(cluster, [broker], hook, how);
      expect(condition(outcome?.status, 'Ready')).toMatchObject({ reason });
      expect(at(boxOf(cluster), 'spec')).toEqual(before);
    }
  });
});
