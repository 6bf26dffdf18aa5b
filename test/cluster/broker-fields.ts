import { expect, it, onTestFailed } from 'vitest';
import { resolveBroker } from '../../src/broker/spec.ts';
import { decode } from '../../src/kubernetes/secrets.ts';
import { authority, issue, tlsSecret } from '../support/certificates.ts';
import { countChanges } from './changes.ts';
import { broker, childrenOf, conditionOf, eventually, isReady, meshSync, namespace, rests } from './expectations.ts';
import type { KubernetesObject } from './kubernetes.ts';
import type { Scene } from './scenarios.ts';

const MESHERY = 'meshery.io/v1alpha2';

/** The fields of a Broker in a cluster, each with its effect, and with the condition for values that can not work. */
export function brokerFields({ world, kubernetes: cluster, keepLogs, pair, get, token, patchSpec }: Scene): void {
  const workload = (of: string) => get('apps/v1', 'StatefulSet', 'meshery-nats', of);
  const service = (of: string) => get('v1', 'Service', 'meshery-nats', of);

  it('a Broker passes the fields of its pods to the pods, and removes them again', async () => {
    onTestFailed(keepLogs);
    const of = 'pods';
    await cluster().apply({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: 'streaming' },
      value: 1_000,
    });
    const { broker: applied } = await pair(of, { size: 2 });
    const changes = await countChanges(cluster(), of);
    const plain = (await workload(of)).spec;
    const spec = {
      image: { repository: 'registry.example.com/nats', pullPolicy: 'Always' },
      resources: { requests: { cpu: '0.25', memory: '100Mi' }, limits: { cpu: 2, memory: '1024Mi' } },
      podTemplate: {
        metadata: { labels: { team: 'platform' }, annotations: { 'example.com/note': 'ours' } },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': 'node-2' },
          tolerations: [{ key: '', operator: 'Exists', value: '' }],
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: {} }],
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'Exists' }] }],
              },
            },
            podAntiAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                {
                  weight: 5,
                  podAffinityTerm: { topologyKey: 'kubernetes.io/hostname', labelSelector: {}, namespaces: [] },
                },
              ],
            },
          },
          topologySpreadConstraints: [
            { maxSkew: 3, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', nodeTaintsPolicy: 'Honor' },
          ],
          priorityClassName: 'streaming',
          imagePullSecrets: [{ name: 'registry' }],
        },
      },
      config: { maxPayload: '8Mi', debug: true },
      reloader: { version: '0.22.0', resources: { limits: { memory: '32Mi' } } },
      promExporter: { enabled: true },
      networkPolicy: {
        enabled: true,
        clients: [{ ipBlock: { cidr: '192.0.2.0/24' } }, { namespaceSelector: {} }],
      },
    };
    await patchSpec(of, spec);
    await isReady(cluster(), applied);
    const { template } = (await workload(of)).spec;
    const [nats, reloader, exporter] = template.spec.containers;
    expect(nats).toMatchObject({
      image: 'registry.example.com/nats:2.14.2-alpine',
      imagePullPolicy: 'Always',
      resources: { requests: { cpu: '250m', memory: '100Mi' }, limits: { cpu: '2', memory: '1Gi' } },
    });
    expect(reloader).toMatchObject({
      image: 'natsio/nats-server-config-reloader:0.22.0',
      resources: { limits: { memory: '32Mi' } },
    });
    expect(exporter.ports).toEqual([{ containerPort: 7777, name: 'prom-metrics', protocol: 'TCP' }]);
    expect(template.metadata).toMatchObject(spec.podTemplate.metadata);
    expect(template.spec).toMatchObject({
      nodeSelector: { 'kubernetes.io/hostname': 'node-2' },
      tolerations: [{ operator: 'Exists' }],
      priorityClassName: 'streaming',
      imagePullSecrets: [{ name: 'registry' }],
    });
    expect(template.spec.topologySpreadConstraints).toEqual([
      {
        ...spec.podTemplate.spec.topologySpreadConstraints[0],
        labelSelector: { matchLabels: plain.selector.matchLabels },
      },
    ]);
    const pods = (await cluster().list('v1', 'Pod', of)).filter(({ metadata }) => metadata.labels?.team);
    expect(pods.map(({ spec }) => spec.nodeName)).toEqual(['node-2', 'node-2']);
    const policy = await get('networking.k8s.io/v1', 'NetworkPolicy', 'meshery-nats', of);
    expect(policy.spec.ingress.map(({ ports }: { ports: { port: number }[] }) => ports[0]?.port)).toEqual([
      4222, 8222, 6222, 7777,
    ]);
    await rests(cluster(), of);

    await patchSpec(of, Object.fromEntries(Object.keys(spec).map((field) => [field, null])));
    await isReady(cluster(), applied);
    expect((await workload(of)).spec).toEqual(plain);
    await eventually(async () => {
      expect(await cluster().get('networking.k8s.io/v1', 'NetworkPolicy', 'meshery-nats', of)).toBeUndefined();
    });
    await rests(cluster(), of);
    expect(await changes()).toEqual({
      'ConfigMap/meshery-nats-config': 2,
      'StatefulSet/meshery-nats': 2,
      'Pod/meshery-nats': 2,
      'NetworkPolicy/meshery-nats': 2,
    });
  });

  it('the pods of a Broker run as the ServiceAccount of the spec, and as default when it is removed', async () => {
    onTestFailed(keepLogs);
    const of = 'account';
    const { broker: applied } = await pair(of);
    await cluster().apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'nats', namespace: of } });
    const account = async () => (await workload(of)).spec.template.spec.serviceAccountName;
    const becomes = async (name: string | null, expected: string) => {
      await patchSpec(of, { serviceAccountName: name });
      await eventually(async () => expect(await account()).toBe(expected));
      await isReady(cluster(), applied);
      await rests(cluster(), of);
    };
    expect(await account()).toBeUndefined();
    await becomes('nats', 'nats');
    const [pod] = (await cluster().list('v1', 'Pod', of)).filter(({ metadata }) => metadata.name === 'meshery-nats-0');
    expect(pod?.spec).toMatchObject({ serviceAccountName: 'nats', automountServiceAccountToken: false });
    await becomes(null, 'default');
    expect((await workload(of)).metadata.generation).toBe(3);
  });

  it('a Broker rolls its pods only for changes that a reload can not apply', async () => {
    onTestFailed(keepLogs);
    const of = 'reloads';
    const { broker: applied } = await pair(of);
    const changes = await countChanges(cluster(), of);
    const template = async () => (await workload(of)).spec.template;
    const before = await template();
    await patchSpec(of, { config: { maxPayload: '2Mi', pingInterval: '1m', trace: true } });
    await eventually(async () => {
      const { data } = await get('v1', 'ConfigMap', 'meshery-nats-config', of);
      expect(data?.['nats.conf']).toContain('max_payload: 2097152\n');
    });
    await isReady(cluster(), applied);
    expect(await template()).toEqual(before);

    const memory = (maxSize: string | null) => patchSpec(of, { jetstream: maxSize && { memoryStore: { maxSize } } });
    await memory('64Mi');
    await isReady(cluster(), applied);
    const started = await template();
    expect(started).not.toEqual(before);
    const limit = (bytes: number) =>
      eventually(async () => {
        const { data } = await get('v1', 'ConfigMap', 'meshery-nats-config', of);
        expect(data?.['nats.conf']).toContain(`max_memory_store: ${bytes}\n`);
      });
    await memory('128Mi');
    await limit(128 * 2 ** 20);
    await isReady(cluster(), applied);
    expect(await template()).toEqual(started);
    await memory('64Mi');
    await limit(64 * 2 ** 20);
    await eventually(async () => expect(await template()).not.toEqual(started));
    await isReady(cluster(), applied);
    await memory(null);
    await eventually(async () => expect(await template()).toEqual(before));
    await isReady(cluster(), applied);
    expect(await changes()).toEqual({
      'ConfigMap/meshery-nats-config': 5,
      'StatefulSet/meshery-nats': 4,
      'Pod/meshery-nats': 3,
    });
  });

  it('a Broker keeps streams on volumes, and reports changes that the volumes do not allow', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(cluster(), 'jetstream');
    await storageClass();
    for (const ordinal of [0, 1, 2]) await volume(of, `data-meshery-nats-${ordinal}`);
    const store = (size: string, more: object = {}) => ({ fileStore: { size, storageClassName: 'by-hand', ...more } });
    const applied = broker(of, 'meshery-broker', { size: 3, jetstream: store('1Gi') });
    await cluster().apply(applied);
    const ready = await isReady(cluster(), applied);
    const changes = await countChanges(cluster(), of);
    expect(conditionOf(ready, 'JetStreamResilient')).toMatchObject({ status: 'True', reason: 'Quorum' });
    const claims = await cluster().list('v1', 'PersistentVolumeClaim', of);
    expect(claims.map(({ metadata, status }) => [metadata.name, status?.phase])).toEqual(
      [0, 1, 2].map((ordinal) => [`data-meshery-nats-${ordinal}`, 'Bound']),
    );
    await rests(cluster(), of);

    const before = await workload(of);
    await patchSpec(of, { jetstream: store('2Gi') });
    const grown = await isReady(cluster(), applied, 'ImmutableField');
    expect(grown.status?.conditions?.[0]?.message).toContain('spec.jetstream.fileStore.size');
    await patchSpec(of, { jetstream: store('1Gi'), size: 1 });
    const shrunk = await isReady(cluster(), applied, 'StreamsWouldBeLost');
    expect(shrunk.status?.conditions?.[0]?.message).toContain('spec.size');
    await rests(cluster(), of);
    expect((await workload(of)).spec).toEqual(before.spec);

    // As the first message says: the claims first. The pods keep running while their StatefulSet is re-created.
    await patchSpec(of, { jetstream: store('2Gi'), size: 3 });
    await isReady(cluster(), applied, 'ImmutableField');
    expect(grown.status?.conditions?.[0]?.message).toContain('PersistentVolumeClaims data-meshery-nats-*');
    expect(grown.status?.conditions?.[0]?.message).toContain(
      `kubectl delete statefulset meshery-nats -n ${of} --cascade=orphan`,
    );
    const running = await pods(of);
    await grow(of, 3, '2Gi');
    await cluster().delete('apps/v1', 'StatefulSet', 'meshery-nats', of, 'Orphan');
    await isReady(cluster(), applied);
    const after = await workload(of);
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    expect(after.metadata.generation).toBe(1);
    expect(after.spec.volumeClaimTemplates[0].spec.resources.requests.storage).toBe('2Gi');
    expect(after.spec.template).toEqual(before.spec.template);
    const { data } = await get('v1', 'ConfigMap', 'meshery-nats-config', of);
    expect(data?.['nats.conf']).toContain(`max_file_store: ${1.5 * 2 ** 30}\n`);
    await rests(cluster(), of);
    expect(await pods(of)).toEqual(running);
    // Marked as orphaning, deleted, created; the ConfigMap has the new limit of streams.
    expect(await changes()).toEqual({ 'StatefulSet/meshery-nats': 3, 'ConfigMap/meshery-nats-config': 1 });

    await patchSpec(of, { jetstream: store('1Gi') });
    const { status: smaller } = await isReady(cluster(), applied, 'ImmutableField');
    const [, back = ''] = /Set it back to (\w+)/.exec(smaller?.conditions?.[0]?.message ?? '') ?? [];
    await patchSpec(of, { jetstream: store(back) });
    await isReady(cluster(), applied);
    expect((await workload(of)).metadata.generation).toBe(1);
  });

  it('a Broker whose volumes grow and that becomes a cluster in one edit keeps its streams until their loss is accepted', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(cluster(), 'grow-and-scale');
    await storageClass();
    for (const ordinal of [0, 1, 2]) await volume(of, `data-meshery-nats-${ordinal}`);
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete' };
    const store = (size: string) => ({
      fileStore: { size, storageClassName: 'by-hand', persistentVolumeClaimRetentionPolicy },
    });
    const applied = broker(of, 'meshery-broker', { jetstream: store('1Gi') });
    await cluster().apply(applied);
    await isReady(cluster(), applied);
    const [single, template] = [await pods(of), (await workload(of)).spec.template];
    const claims = async () =>
      (await cluster().list('v1', 'PersistentVolumeClaim', of)).map(({ metadata }) => [
        metadata.uid,
        metadata.deletionTimestamp,
      ]);
    const claimed = await claims();
    expect(single).toHaveLength(1);

    await patchSpec(of, { size: 3, jetstream: store('2Gi') });
    const held = await isReady(cluster(), applied, 'StreamsWouldBeLost');
    expect(conditionOf(held, 'JetStreamResilient')).toMatchObject({ status: 'False', reason: 'SingleServer' });
    const { message = '' } = held.status?.conditions?.[0] ?? {};
    expect(message).not.toContain('kubectl delete');
    expect(message).toContain('Set spec.size back to 1.');
    // Somebody knows the other procedure all the same.
    await grow(of, 1, '2Gi');
    await cluster().delete('apps/v1', 'StatefulSet', 'meshery-nats', of, 'Orphan');
    await eventually(async () => {
      const { spec, status } = await workload(of);
      expect(spec.volumeClaimTemplates[0].spec.resources.requests.storage).toBe('2Gi');
      expect(status?.readyReplicas).toBe(1);
    });
    await isReady(cluster(), applied, 'StreamsWouldBeLost');
    await rests(cluster(), of);
    expect((await workload(of)).spec).toMatchObject({ replicas: 1, template });
    expect((await workload(of)).metadata.generation).toBe(1);
    expect(await pods(of)).toEqual(single);
    expect(await claims()).toEqual(claimed);
    const secret = await get('v1', 'Secret', 'meshery-nats-auth', of);
    expect(decode(secret.data?.['credentials.conf'])).not.toContain('cluster');
    // As the message says.
    await patchSpec(of, { size: 1 });
    await isReady(cluster(), applied);
    expect(await pods(of)).toEqual(single);

    // The other way that the message offers, for another size and then for this one.
    const [, annotation = ''] = / --overwrite ([^)= ]+)=3\)/.exec(message) ?? [];
    const accept = (size: string) => {
      const metadata = { name: 'meshery-broker', namespace: of, annotations: { [annotation]: size } };
      return cluster().patch({ apiVersion: MESHERY, kind: 'Broker', metadata });
    };
    await accept('5');
    await patchSpec(of, { size: 3 });
    await isReady(cluster(), applied, 'StreamsWouldBeLost');
    expect(await pods(of)).toEqual(single);
    await accept('3');
    await isReady(cluster(), applied);
    expect(await pods(of)).toHaveLength(3);
    await patchSpec(of, { size: 1 });
    await isReady(cluster(), applied, 'StreamsWouldBeLost');
    expect((await workload(of)).spec.replicas).toBe(3);
  });

  it('a Broker binds volumes without a class by the empty string', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(cluster(), 'static-volumes');
    await volume(of, 'data-meshery-nats-0', '');
    const applied = broker(of, 'meshery-broker', { jetstream: { fileStore: { size: '5Gi', storageClassName: '' } } });
    await cluster().apply(applied);
    await isReady(cluster(), applied);
    const [claim] = await cluster().list('v1', 'PersistentVolumeClaim', of);
    expect(claim).toMatchObject({
      spec: { storageClassName: '', volumeName: `${of}-data-meshery-nats-0` },
      status: { phase: 'Bound' },
    });
    await rests(cluster(), of);
    await patchSpec(of, { jetstream: { fileStore: { storageClassName: 'by-hand' } } });
    const { status } = await isReady(cluster(), applied, 'ImmutableField');
    expect(status?.conditions?.[0]?.message).toContain('claims no class (the empty string)');
    // Existing volumes keep theirs, as the message says, and so do the pods.
    const running = await pods(of);
    await cluster().delete('apps/v1', 'StatefulSet', 'meshery-nats', of, 'Orphan');
    await isReady(cluster(), applied);
    expect((await workload(of)).spec.volumeClaimTemplates[0].spec.storageClassName).toBe('by-hand');
    expect(await pods(of)).toEqual(running);
  });

  it('a Broker gets volumes after its StatefulSet is re-created', async () => {
    onTestFailed(keepLogs);
    const of = 'storage-later';
    const { broker: applied } = await pair(of);
    const changes = await countChanges(cluster(), of);
    await storageClass();
    await volume(of, 'data-meshery-nats-0');
    const fileStore = {
      size: '1Gi',
      storageClassName: 'by-hand',
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' },
    };
    await patchSpec(of, { jetstream: { fileStore } });
    await isReady(cluster(), applied, 'ImmutableField');
    const before = await workload(of);
    await rests(cluster(), of);
    expect(before.spec.volumeClaimTemplates).toBeUndefined();
    await cluster().delete('apps/v1', 'StatefulSet', 'meshery-nats', of);
    const ready = await isReady(cluster(), applied, 'Ready', 60);
    expect(conditionOf(ready, 'JetStreamResilient')).toMatchObject({ status: 'False', reason: 'SingleServer' });
    expect(await changes()).toMatchObject({ 'ConfigMap/meshery-nats-config': 1, 'StatefulSet/meshery-nats': 2 });
    await cluster().delete(MESHERY, 'MeshSync', 'meshery-meshsync', of);
    await cluster().delete(MESHERY, 'Broker', 'meshery-broker', of);
    await eventually(async () => expect(await childrenOf(cluster(), applied)).toEqual([]));
    await eventually(async () => expect(await cluster().list('v1', 'PersistentVolumeClaim', of)).toEqual([]), 60);
  });

  it('a Broker that hibernates keeps its volumes, also where they are deleted when it is scaled down', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(cluster(), 'asleep-with-volumes');
    await storageClass();
    for (const ordinal of [0, 1, 2]) await volume(of, `data-meshery-nats-${ordinal}`);
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Delete' };
    const fileStore = { size: '1Gi', storageClassName: 'by-hand', persistentVolumeClaimRetentionPolicy };
    const applied = broker(of, 'meshery-broker', { size: 3, jetstream: { fileStore } });
    await cluster().apply(applied);
    await isReady(cluster(), applied);
    const claims = async () =>
      (await cluster().list('v1', 'PersistentVolumeClaim', of)).map(({ metadata }) => [
        metadata.uid,
        metadata.deletionTimestamp,
      ]);
    const before = await claims();
    expect(before).toHaveLength(3);
    const hibernate = (value: string | null) =>
      cluster().patch({
        ...applied,
        metadata: { ...applied.metadata, annotations: { 'meshery.io/hibernation': value } },
      });
    await hibernate('on');
    await isReady(cluster(), applied, 'Hibernated');
    await eventually(async () => expect(await pods(of)).toEqual([]));
    await rests(cluster(), of);
    expect(await claims()).toEqual(before);
    await hibernate(null);
    await isReady(cluster(), applied);
    expect(await claims()).toEqual(before);
    expect((await workload(of)).spec.persistentVolumeClaimRetentionPolicy).toEqual(
      persistentVolumeClaimRetentionPolicy,
    );
  });

  it('a Broker waits for the Secrets that it refers to, and passes the certificate authority to MeshSync', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(cluster(), 'secrets');
    const elsewhere = await namespace(cluster(), 'secrets-elsewhere');
    const applied = broker(of, 'meshery-broker', {
      tls: { secretName: 'nats-tls' },
      auth: { tokenSecretRef: { name: 'own', key: 'password' } },
    });
    const near = meshSync(of, 'near');
    const far = meshSync(elsewhere, 'far', 'meshery-broker', of);
    for (const object of [applied, near, far]) await cluster().apply(object);
    const message = async () => (await isReady(cluster(), applied, 'SecretNotFound')).status?.conditions?.[0]?.message;
    expect(await message()).toContain('spec.auth.tokenSecretRef: Secret own does not exist');
    const own = (data: Record<string, string>) =>
      cluster().apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'own', namespace: of }, stringData: data });
    await own({ other: 'x' });
    await isReady(cluster(), applied, 'SecretKeyMissing');
    await own({ password: 'my own token' });
    await isReady(cluster(), applied, 'SecretInvalid');
    await own({ password: 'my-own-token' });
    await eventually(async () =>
      expect(await message()).toContain('spec.tls.secretName: Secret nats-tls does not exist'),
    );
    expect(await childrenOf(cluster(), await get(MESHERY, 'Broker', 'meshery-broker', of))).toEqual([]);

    const ca = await authority();
    await cluster().apply(tlsSecret('nats-tls', await issue(ca, `meshery-nats.${of}.svc`), ca, of));
    const ready = await isReady(cluster(), applied);
    expect(conditionOf(ready, 'CertificateCoversService')).toMatchObject({ status: 'True' });
    expect(await token(of)).toBe('my-own-token');
    for (const [object, secret] of [
      [near, 'meshery-nats-auth'],
      [far, 'far-broker-auth'],
    ] as const) {
      const { status } = await isReady(cluster(), object);
      expect(status?.['publishing-to']).toBe(`tls://meshery-nats.${of}.svc:4222`);
      const { name, namespace: its = '' } = object.metadata;
      const { spec } = (await get('apps/v1', 'Deployment', name, its)).spec.template;
      expect(spec.containers[0].env.at(-1)).toEqual({ name: 'SSL_CERT_DIR', value: '/etc/meshery/broker-ca' });
      expect(spec.volumes.at(-1)).toMatchObject({ secret: { secretName: secret, items: [{ key: 'ca.crt' }] } });
      expect(decode((await get('v1', 'Secret', secret, its)).data?.['ca.crt'])).toBe(ca.certificate);
    }

    const changes = await countChanges(cluster(), of);
    // A renewed certificate of the same authority concerns only the servers, which reload it without a restart.
    const templates = async () => [
      (await workload(of)).spec.template,
      (await get('apps/v1', 'Deployment', 'near', of)).spec.template,
    ];
    const [server, client] = await templates();
    await cluster().apply(tlsSecret('nats-tls', await issue(ca, 'other.example.com'), ca, of));
    await eventually(async () => {
      const now = await get(MESHERY, 'Broker', 'meshery-broker', of);
      expect(conditionOf(now, 'CertificateCoversService')).toMatchObject({ status: 'False', reason: 'NameMissing' });
    });
    expect(await templates()).toEqual([server, client]);
    const next = await authority();
    await cluster().apply(tlsSecret('nats-tls', await issue(next, `meshery-nats.${of}.svc`), next, of));
    await eventually(async () => {
      const [sameServer, otherClient] = await templates();
      expect(sameServer).toEqual(server);
      expect(otherClient).not.toEqual(client);
    });

    await cluster().delete('v1', 'Secret', 'nats-tls', of);
    await isReady(cluster(), applied, 'SecretNotFound');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect((await workload(of)).spec.template).toEqual(server);
    await patchSpec(of, { tls: { secretName: null, verify: null }, auth: null });
    await isReady(cluster(), applied);
    await eventually(async () => {
      const { status } = await isReady(cluster(), near);
      expect(status?.['publishing-to']).toBe(`nats://meshery-nats.${of}.svc:4222`);
    });
    expect(await token(of)).toBe('my-own-token');
    expect(await changes()).toEqual({
      'Secret/nats-tls': 3,
      'Secret/meshery-nats-auth': 2,
      'ConfigMap/meshery-nats-config': 1,
      'StatefulSet/meshery-nats': 1,
      'Pod/meshery-nats': 1,
      'Deployment/near': 2,
      'Pod/near': 2,
    });
  });

  it('a Broker publishes the desired addresses', async () => {
    onTestFailed(keepLogs);
    const of = 'addresses';
    const { broker: applied, meshSync: synced } = await pair(of);
    const changes = await countChanges(cluster(), of);
    await patchSpec(of, {
      service: {
        type: 'NodePort',
        port: 14_222,
        nodePorts: { nats: 30_042, monitor: 30_082 },
        externalTrafficPolicy: 'Local',
        ipFamilyPolicy: 'RequireDualStack',
      },
    });
    const { status } = await isReady(cluster(), applied);
    const { spec } = await service(of);
    expect(spec).toMatchObject({ externalTrafficPolicy: 'Local', ipFamilies: ['IPv4', 'IPv6'] });
    const [v4, v6] = spec.clusterIPs;
    expect(status?.endpoint.internal).toBe(`${v4}:14222`);
    expect(status?.endpoint.internalAddresses).toEqual([`${v4}:14222`, `[${v6}]:14222`]);
    expect(status?.endpoint.external).toMatch(/^192\.0\.2\.\d+:30042$/);
    await eventually(async () => {
      const now = await isReady(cluster(), synced);
      expect(now.status?.['publishing-to']).toBe(`nats://meshery-nats.${of}.svc:14222`);
    });
    await rests(cluster(), of);

    const second = broker(of, 'second-broker', { service: { type: 'NodePort', nodePorts: { nats: 30_042 } } });
    await cluster().apply(second);
    const pending = await isReady(cluster(), second, 'ServicePending');
    expect(pending.status?.conditions?.[0]?.message).toContain('node port 30042');
    await patchSpec(of, { service: { nodePorts: { nats: 30_043 } } }, 'Broker', 'second-broker');
    await isReady(cluster(), second);
    await patchSpec(of, { service: { nodePorts: { nats: 30_042 } } }, 'Broker', 'second-broker');
    const conflicting = await isReady(cluster(), second, 'ServicePending');
    expect(conflicting.status?.conditions?.[0]?.message).toContain('node port 30042');

    await patchSpec(of, { service: { ipFamilies: ['IPv6', 'IPv4'] } });
    const fixed = await isReady(cluster(), applied, 'ImmutableField');
    expect(fixed.status?.conditions?.[0]?.message).toContain('spec.service.ipFamilies');
    await patchSpec(of, { service: null });
    const { status: back } = await isReady(cluster(), applied);
    const now = await service(of);
    expect(back?.endpoint).toEqual({ internal: `${v4}:4222` });
    expect(now.spec).toMatchObject({ type: 'ClusterIP', ipFamilyPolicy: 'SingleStack', clusterIPs: [v4] });
    await rests(cluster(), of);
    expect(await changes()).toMatchObject({
      'Secret/meshery-nats-auth': 2,
      'Deployment/meshery-meshsync': 2,
      'Pod/meshery-meshsync': 2,
    });

    // As the message says: both Services are deleted. The pods keep running.
    const running = await pods(of);
    await patchSpec(of, { service: { ipFamilies: ['IPv6'] } });
    const { status: told } = await isReady(cluster(), applied, 'ImmutableField');
    const [, services = ''] = /kubectl delete service (.*) -n /.exec(told?.conditions?.[0]?.message ?? '') ?? [];
    expect(services).toBe('meshery-nats meshery-nats-headless');
    for (const name of services.split(' ')) await cluster().delete('v1', 'Service', name, of);
    const { status: moved } = await isReady(cluster(), applied);
    expect(moved?.endpoint.internal).toMatch(/^\[.*:.*\]:4222$/);
    expect((await get('v1', 'Service', 'meshery-nats-headless', of)).spec.ipFamilies).toEqual(['IPv6']);
    await rests(cluster(), of);
    expect(await pods(of)).toEqual(running);
  });

  it('a Broker exposes the monitoring port outside the cluster only when it is told to', async () => {
    onTestFailed(keepLogs);
    const of = 'monitor';
    const { broker: applied, meshSync: synced } = await pair(of);
    const exposed = async () => {
      const services = await cluster().list('v1', 'Service', of);
      return services
        .flatMap(({ metadata, spec }) => spec.ports.map((port: object) => ({ service: metadata.name, ...port })))
        .filter(({ nodePort }) => nodePort)
        .map(({ service, name }) => `${service} ${name}`)
        .sort();
    };
    const becomes = async (service: object | null, expected: string[]) => {
      await patchSpec(of, { service });
      await eventually(async () => expect(await exposed()).toEqual(expected));
      await isReady(cluster(), applied);
      await isReady(cluster(), synced);
      await rests(cluster(), of);
    };
    const before = (await service(of)).spec;
    const template = (await workload(of)).spec.template;
    await becomes({ type: 'NodePort', nodePorts: { nats: 30_052 } }, ['meshery-nats-external nats']);
    expect((await service(of)).spec).toEqual(before);
    // As operators before this field had it.
    const both = ['meshery-nats monitor', 'meshery-nats nats'];
    await becomes({ exposeMonitor: true }, both);
    const published = (await service(of)).spec;
    await becomes({ exposeMonitor: null }, both);
    expect((await service(of)).spec).toEqual(published);
    await becomes({ exposeMonitor: false }, ['meshery-nats-external nats']);
    await becomes({ exposeMonitor: null }, ['meshery-nats-external nats']);
    await becomes(null, []);
    expect((await service(of)).spec.clusterIP).toBe(before.clusterIP);
    expect((await workload(of)).spec.template).toEqual(template);
  });

  it('a Broker removes servers one by one', async () => {
    onTestFailed(keepLogs);
    const of = 'scale-down';
    const { broker: applied } = await pair(of, { size: 4 });
    const changes = await countChanges(cluster(), of);
    await get('policy/v1', 'PodDisruptionBudget', 'meshery-nats', of);
    await patchSpec(of, { size: 1 });
    const ready = await isReady(cluster(), applied);
    expect(ready.status).toMatchObject({ replicas: 1, desiredReplicas: 1, clustered: false });
    await eventually(async () => {
      expect(await cluster().get('policy/v1', 'PodDisruptionBudget', 'meshery-nats', of)).toBeUndefined();
    });
    const seen = world()
      .gateway.exchanges.filter(({ path }) => path === '/broker/sync')
      .map(({ request }) => JSON.parse(request) as { parent: KubernetesObject; children: Groups })
      .filter(({ parent }) => parent.metadata.namespace === of)
      .flatMap(({ children }) => children['StatefulSet.apps/v1']?.[`${of}/meshery-nats`]?.spec.replicas ?? []);
    expect([...new Set(seen)]).toEqual([4, 3, 2, 1]);
    expect(await changes()).toEqual({
      'StatefulSet/meshery-nats': 3,
      'Pod/meshery-nats': 1,
      'Secret/meshery-nats-server': 3,
      'PodDisruptionBudget/meshery-nats': 1,
      'Service/meshery-nats-headless': 1,
    });
  });

  it('a Broker with JetStream counts servers after scaling down until the annotation is removed', async () => {
    onTestFailed(keepLogs);
    const of = 'peers';
    const { broker: applied } = await pair(of, { size: 5, jetstream: { memoryStore: { maxSize: '16Mi' } } });
    const { template } = (await workload(of)).spec;
    await patchSpec(of, { size: 3 });
    expect(conditionOf(await isReady(cluster(), applied), 'JetStreamResilient')).toMatchObject({
      status: 'False',
      reason: 'RemovedServersCount',
    });
    // As the message says.
    const annotations = { 'meshery.io/jetstream-peers': null };
    await cluster().patch({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'meshery-nats', namespace: of, annotations },
    } as unknown as KubernetesObject);
    await eventually(async () => {
      const now = await get(MESHERY, 'Broker', 'meshery-broker', of);
      expect(conditionOf(now, 'JetStreamResilient')).toMatchObject({ status: 'True', reason: 'Quorum' });
    });
    const statefulSet = await workload(of);
    expect(statefulSet.metadata.annotations).not.toHaveProperty(['meshery.io/jetstream-peers']);
    expect(statefulSet.spec.template).toEqual(template);
  });

  it('the API server rejects a Broker with fields that can not work together, and the hooks report the same', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(cluster(), 'refused');
    const outside = 'is only valid when service type is NodePort or LoadBalancer';
    const selector = (operator: string, values?: string[]) => ({
      podTemplate: {
        spec: {
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator, ...(values && { values }) }] }],
              },
            },
          },
        },
      },
    });
    const leafListener = {
      enabled: true,
      authorization: { users: [{ user: 'a', passwordSecretRef: { name: 'a' } }] },
    };
    const toleration = (toleration: object) => ({ podTemplate: { spec: { tolerations: [toleration] } } });
    const rejected: [spec: object, path: string, message: string][] = [
      [{ service: { nodePorts: { nats: 30_000 } } }, 'spec.service.nodePorts', outside],
      [
        { service: { type: 'NodePort', nodePorts: { nats: 30_000, monitor: 30_000 } } },
        'spec.service.nodePorts.monitor',
        'must differ from nodePorts.nats',
      ],
      [
        { service: { type: 'NodePort', nodePorts: { monitor: 30_000 }, exposeMonitor: false } },
        'spec.service.nodePorts.monitor',
        'must be absent when exposeMonitor is false',
      ],
      [{ service: { externalTrafficPolicy: 'Local' } }, 'spec.service.externalTrafficPolicy', outside],
      [{ service: { port: 8222 } }, 'spec.service.port', 'must not be 8222'],
      [{ service: { ipFamilies: ['IPv4', 'IPv6'] } }, 'spec.service.ipFamilies', 'must not list'],
      [
        { service: { ipFamilies: ['IPv4', 'IPv4'], ipFamilyPolicy: 'PreferDualStack' } },
        'spec.service.ipFamilies',
        'must not list',
      ],
      [{ tls: { verify: true } }, 'spec.tls.secretName', 'is required by verify'],
      [
        { jetstream: { fileStore: { size: '1Gi', maxSize: '1.1Gi' } } },
        'spec.jetstream.fileStore.maxSize',
        'must not be more than size',
      ],
      [
        { jetstream: { memoryStore: { maxSize: '256Mi' } } },
        'spec.jetstream.memoryStore.maxSize',
        'must be less than resources.limits.memory',
      ],
      [
        { jetstream: { memoryStore: { maxSize: '1G' } }, resources: { limits: { memory: 1_000_000_000 } } },
        'spec.jetstream.memoryStore.maxSize',
        'must be less than resources.limits.memory',
      ],
      [{ config: { maxPayload: '65Mi' } }, 'spec.config.maxPayload', 'must not be more than 64Mi'],
      [
        { resources: { requests: { cpu: '1001m' }, limits: { cpu: 1 } } },
        'spec.resources.requests.cpu',
        'must not be more than the limit',
      ],
      [
        {
          promExporter: {
            resources: { requests: { 'ephemeral-storage': '1Gi' }, limits: { 'ephemeral-storage': '1G' } },
          },
        },
        'spec.promExporter.resources.requests.ephemeral-storage',
        'must not be more than the limit',
      ],
      [selector('In'), `${requirement}.values`, 'must have values'],
      [selector('Exists', ['a']), `${requirement}.values`, 'must have values'],
      [selector('Gt', ['a']), `${requirement}.values`, 'must have values'],
      [toleration({ value: 'a' }), 'spec.podTemplate.spec.tolerations[0].operator', 'must be Exists'],
      [
        toleration({ key: 'a', operator: 'Exists', value: 'a' }),
        'spec.podTemplate.spec.tolerations[0].value',
        'must be empty',
      ],
      [
        toleration({ key: 'a', tolerationSeconds: 1 }),
        'spec.podTemplate.spec.tolerations[0].tolerationSeconds',
        'is only valid with effect NoExecute',
      ],
      [
        {
          podTemplate: {
            spec: {
              topologySpreadConstraints: [
                { maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'ScheduleAnyway', minDomains: 1 },
              ],
            },
          },
        },
        'spec.podTemplate.spec.topologySpreadConstraints[0].minDomains',
        'is only valid with whenUnsatisfiable DoNotSchedule',
      ],
      [
        { podTemplate: { spec: { terminationGracePeriodSeconds: 44 } } },
        'spec.podTemplate.spec.terminationGracePeriodSeconds',
        'must be at least 45',
      ],
      [{ podTemplate: { spec: { dnsPolicy: 'None' } } }, 'spec.podTemplate.spec.dnsConfig', 'must have nameservers'],
      [{ service: { healthCheckNodePort: 30_000 } }, 'spec.service.healthCheckNodePort', 'is only valid when'],
      ...[{ nodePorts: { nats: 30_000 } }, { extraPorts: [{ name: 'a', port: 1, nodePort: 30_000 }] }].map(
        (taken): [object, string, string] => [
          { service: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_000, ...taken } },
          'spec.service.healthCheckNodePort',
          'must differ from the node ports',
        ],
      ),
      [
        { service: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } } },
        'spec.service.sessionAffinityConfig',
        'is only valid when sessionAffinity is ClientIP',
      ],
      ...[
        [{ name: 'nats', port: 1 }],
        [{ name: 'websocket', port: 1 }],
        [{ name: 'a', port: 4222 }],
        [{ name: 'a', port: 8222 }],
        [
          { name: 'a', port: 1 },
          { name: 'b', port: 1 },
        ],
      ].map((extraPorts): [object, string, string] => [
        { service: { extraPorts } },
        'spec.service.extraPorts',
        'must have names and ports that differ',
      ]),
      [
        { service: { extraPorts: [{ name: 'a', port: 1, nodePort: 30_000 }] } },
        'spec.service.extraPorts',
        'must have no nodePort',
      ],
      [{ service: { nodePorts: { websocket: 30_000 } } }, 'spec.service.nodePorts', outside],
      [
        { service: { type: 'NodePort', nodePorts: { users: 30_000, leafnodes: 30_000 } } },
        'spec.service.nodePorts',
        'must differ from each other',
      ],
      ...[{ nodePorts: { leafnodes: 30_000 } }, { nodePorts: { nats: 30_000 }, port: 4000 }].map(
        (service): [object, string, string] => [
          { service: { ...service, type: 'NodePort', extraPorts: [{ name: 'a', port: 1, nodePort: 30_000 }] } },
          'spec.service.extraPorts',
          'must have node ports that differ from each other, and from those of nodePorts',
        ],
      ),
      [
        {
          service: {
            type: 'NodePort',
            extraPorts: [
              { name: 'a', port: 1, nodePort: 30_000 },
              { name: 'b', port: 2, nodePort: 30_000 },
            ],
          },
        },
        'spec.service.extraPorts',
        'must have node ports that differ',
      ],
      ...[
        { port: 4224, auth: { users: [{ user: 'a', passwordSecretRef: { name: 'a' } }] } },
        { port: 7422, leafNodes: leafListener },
        { port: 7500, leafNodes: { ...leafListener, port: 7500 } },
        { port: 8080, websocket: { enabled: true } },
        { port: 8081, websocket: { enabled: true, port: 8081 } },
      ].map(({ port, ...listener }): [object, string, string] => [
        { ...listener, service: { extraPorts: [{ name: 'a', port }] } },
        'spec.service.extraPorts',
        'must have ports that differ from those of auth.users, leafNodes and websocket',
      ]),
      [
        { podDisruptionBudget: { minAvailable: 1, maxUnavailable: 1 } },
        'spec.podDisruptionBudget.minAvailable',
        'must be absent when there is a maxUnavailable',
      ],
      [
        { natsBox: { enabled: true }, tls: { secretName: 'a', verify: true } },
        'spec.natsBox.tls.secretName',
        'is required when tls.verify is true',
      ],
      [{ networkPolicy: { clients: [{}] } }, 'spec.networkPolicy.clients[0]', 'must have either ipBlock'],
      [
        { networkPolicy: { monitor: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] } },
        'spec.networkPolicy.monitor[0]',
        'must have either ipBlock',
      ],
      [{ tls: { monitor: true } }, 'spec.tls.secretName', 'is required by monitor'],
      [
        { jetstream: { fileStore: { size: '10Mi', medium: 'Memory', storageClassName: '' } } },
        'spec.jetstream.fileStore.storageClassName',
        'must be absent when medium is Memory',
      ],
      [
        { jetstream: { fileStore: { size: '1Gi', medium: 'Memory' } } },
        'spec.jetstream.fileStore.size',
        'must be less than resources.limits.memory',
      ],
      [
        { jetstream: { memoryStore: { maxSize: '1Mi' } }, leafNodes: leafListener },
        'spec.jetstream.domain',
        'is required by leafNodes',
      ],
      [
        { jetstream: { fileStore: { size: '1Gi' } }, leafNodes: { remotes: [{ url: 'tls://hub' }] } },
        'spec.jetstream.domain',
        'is required by leafNodes',
      ],
      [
        { jetstream: { memoryStore: { maxSize: '1Mi' }, encryptionKeySecretRef: { name: 'a' } } },
        'spec.jetstream.fileStore',
        'is required by encryptionKeySecretRef',
      ],
      [
        { jetstream: { maxOutstandingCatchup: '1.1Ti' } },
        'spec.jetstream.maxOutstandingCatchup',
        'must not be more than 1Ti',
      ],
      [{ leafNodes: { enabled: true } }, 'spec.leafNodes.authorization.users', 'is required by enabled'],
      [{ leafNodes: { ...leafListener, port: 4224 } }, 'spec.leafNodes.port', 'must not be a port'],
      [
        { leafNodes: { ...leafListener, port: 5000 }, service: { port: 5000 } },
        'spec.leafNodes.port',
        'must differ from service.port',
      ],
      [
        { leafNodes: { remotes: [{ url: 'tls://hub', user: 'a' }] } },
        'spec.leafNodes.remotes[0].passwordSecretRef',
        'is required by user',
      ],
      [
        { leafNodes: { remotes: [{ url: 'tls://hub', passwordSecretRef: { name: 'a' } }] } },
        'spec.leafNodes.remotes[0].passwordSecretRef',
        'is required by user',
      ],
      [
        {
          leafNodes: {
            remotes: [
              { url: 'tls://a', user: 'a', passwordSecretRef: { name: 'a' }, credentialsSecretRef: { name: 'a' } },
            ],
          },
        },
        'spec.leafNodes.remotes[0].credentialsSecretRef',
        'must be absent when there is a user',
      ],
      [{ websocket: { enabled: true, port: 8222 } }, 'spec.websocket.port', 'must not be a port'],
      [
        { websocket: { enabled: true }, service: { port: 8080 } },
        'spec.websocket.port',
        'must differ from service.port',
      ],
      [
        { websocket: { enabled: true, port: 7422 }, leafNodes: leafListener },
        'spec.websocket.port',
        'must differ from service.port and leafNodes.port',
      ],
      [{ auth: { users: [{ user: 'a' }] } }, 'spec.auth.users[0]', 'must have either passwordSecretRef'],
      [
        { auth: { users: [{ user: 'a', passwordSecretRef: { name: 'a' }, nkeySecretRef: { name: 'a' } }] } },
        'spec.auth.users[0]',
        'must have either passwordSecretRef',
      ],
      [
        { auth: { users: [{ user: 'a', passwordSecretRef: { name: 'a' } }] }, service: { port: 4224 } },
        'spec.service.port',
        'must not be 4224',
      ],
    ];
    for (const [spec, path, message] of rejected) {
      const applied = broker(of, 'refused', spec);
      const error = await cluster()
        .apply(applied)
        .then(
          () => 'accepted',
          (reason: Error) => reason.message,
        );
      expect(error, JSON.stringify(spec)).toMatch(/422/);
      for (const text of [path, message]) expect(error, JSON.stringify(spec)).toContain(text);
      const { name } = applied.metadata;
      const parent = { ...applied, metadata: { name, namespace: of, uid: 'uid' } };
      expect(resolveBroker(parent), JSON.stringify(spec)).toMatchObject({
        path,
        message: expect.stringContaining(message),
      });
    }
    const accepted: object[] = [
      { jetstream: { memoryStore: { maxSize: '64Mi' } }, resources: { limits: {}, requests: {} } },
      { jetstream: { memoryStore: { maxSize: '2Gi' } }, resources: { limits: { cpu: 1 } } },
      { service: { type: 'NodePort', ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' } },
      { tls: { verify: false, secretName: '' }, config: { maxPayload: '', writeDeadline: '' } },
      selector('Gt', ['5']),
      { podTemplate: { spec: { extraContainers: [{ name: 'a', image: 'a', args: ['x'] }] } } },
      {
        service: {
          extraPorts: [
            { name: 'a', port: 80, targetPort: 'http' },
            { name: 'b', port: 81, targetPort: 82 },
          ],
        },
      },
      {
        service: {
          type: 'NodePort',
          nodePorts: { nats: 30_001, users: 30_002, leafnodes: 30_003, websocket: 30_004 },
          extraPorts: [
            { name: 'a', port: 4224, nodePort: 30_005 },
            { name: 'b', port: 8080, nodePort: 30_006 },
          ],
        },
        websocket: { enabled: false },
      },
      { leafNodes: { enabled: false, port: 5000 }, service: { port: 5000 }, websocket: { enabled: false, port: 5000 } },
      { leafNodes: leafListener, jetstream: { domain: '', maxOutstandingCatchup: '' } },
      { leafNodes: leafListener, jetstream: { domain: 'a', memoryStore: { maxSize: '1Mi' } } },
      { leafNodes: { remotes: [{ url: 'wss://[::1]:443', user: '', passwordSecretRef: { name: '' } }] } },
      { jetstream: { fileStore: { size: '100Mi', medium: 'Memory', maxSize: '90%' } } },
      { jetstream: { fileStore: { size: '1Gi', medium: '', storageClassName: '', maxSize: '100%' } } },
      { auth: { users: [{ user: 'a', passwordSecretRef: { name: 'a' }, nkeySecretRef: { name: '' } }] } },
      { service: { port: 4224 }, tls: { routes: { secretName: '' }, monitor: false } },
      { config: { merge: { anything: [{ at: { all: 1.5 } }], 'jetstream.x': null } } },
    ];
    for (const spec of accepted) {
      await cluster().apply(broker(of, 'accepted', spec));
      await cluster().delete(MESHERY, 'Broker', 'accepted', of);
    }
  });

  /** uids of the pods that do not end. */
  async function pods(of: string) {
    const all = await cluster().list('v1', 'Pod', of);
    return all.flatMap(({ metadata }) => (metadata.deletionTimestamp ? [] : [metadata.uid])).sort();
  }

  /** Expands the claims of the first servers, as `kubectl patch pvc` does. */
  async function grow(of: string, servers: number, storage: string): Promise<void> {
    for (let ordinal = 0; ordinal < servers; ordinal += 1) {
      const metadata = { name: `data-meshery-nats-${ordinal}`, namespace: of };
      const spec = { resources: { requests: { storage } } };
      await cluster().patch({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec });
    }
  }

  async function storageClass(): Promise<void> {
    await cluster().apply({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'by-hand' },
      provisioner: 'kubernetes.io/no-provisioner',
      allowVolumeExpansion: true,
    });
  }

  /** A volume for one claim, because the tests have no provisioner. */
  async function volume(of: string, claim: string, storageClassName = 'by-hand'): Promise<void> {
    await cluster().apply({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `${of}-${claim}` },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '5Gi' },
        claimRef: { namespace: of, name: claim },
        hostPath: { path: '/nowhere' },
        persistentVolumeReclaimPolicy: 'Retain',
        storageClassName,
      },
    });
  }
}

type Groups = Record<string, Record<string, KubernetesObject> | undefined>;

const requirement =
  'spec.podTemplate.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0]';
