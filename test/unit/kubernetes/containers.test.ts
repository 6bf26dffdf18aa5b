import { describe, expect, it } from 'vitest';
import { BrokerSpec } from '../../../src/api/broker.ts';
import { reserved as ofBroker } from '../../../src/broker/reserved.ts';
import { resolveBroker } from '../../../src/broker/spec.ts';
import { reserved as ofMeshSync } from '../../../src/meshsync/reserved.ts';
import { resolveMeshSync } from '../../../src/meshsync/spec.ts';
import { compiled } from '../../../src/schema/compiled.ts';
import { everyError } from '../../../src/schema/validate.ts';
import type { Cluster } from '../../stand-in/cluster.ts';
import { at, type JsonObject, type KubeObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { authority, issue, tlsSecret } from '../../support/certificates.ts';
import { condition } from '../../support/invariants.ts';
import { HARMFUL_PODS, REFUSED_PODS } from '../../support/refused-pods.ts';
import { brokerParent, clusterWith, hookOf, meshSyncParent, STRATEGIES, settle } from '../../support/scenarios.ts';

const broker = brokerParent();
const meshSync = meshSyncParent();
const parents = [broker, meshSync];
const NATIVE = { broker: { native: { name: 'meshery-broker' } } };

const ca = await authority();
const names = ['meshery-nats.meshery.svc', '*.meshery-nats-headless.meshery.svc'];
const certificates = tlsSecret('nats-tls', await issue(ca, ...names), ca);
const tls = { secretName: 'nats-tls' };
const users = [{ user: 'a', passwordSecretRef: { name: 'ca', key: 'credentials' } }];

/** A Broker with all of its listeners, each with certificates. */
const LISTENERS: JsonObject = {
  ...{ size: 2, auth: { users }, tls: { ...tls, monitor: true, routes: tls } },
  ...{ leafNodes: { enabled: true, tls, authorization: { users } }, websocket: { enabled: true, tls } },
};

/** Every field of the pods that specs can set. */
const fields: JsonObject = {
  env: [
    { name: 'A', value: 'b' },
    { name: 'EMPTY', value: '' },
  ],
  envFrom: [{ secretRef: { name: 'mine' } }],
  extraVolumeMounts: [{ name: 'scratch', mountPath: '/scratch', readOnly: false }],
  livenessProbe: { periodSeconds: 60, initialDelaySeconds: 0 },
  readinessProbe: { timeoutSeconds: 9 },
  podTemplate: {
    spec: {
      securityContext: { fsGroup: 2000 },
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['192.0.2.53'], options: [{ name: 'ndots', value: '1' }] },
      hostAliases: [{ ip: '192.0.2.7', hostnames: ['nats.corp.example'] }],
      runtimeClassName: 'gvisor',
      schedulerName: 'custom',
      terminationGracePeriodSeconds: 90,
      enableServiceLinks: true,
      extraVolumes: [{ name: 'scratch', emptyDir: {} }],
      initContainers: [{ name: 'first', image: 'first:1' }],
      extraContainers: [{ name: 'side', image: 'side:1', resources: { limits: { memory: '1024Mi' } } }],
    },
  },
};

const workloads = (cluster: Cluster) =>
  [
    cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats'),
    cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync'),
  ].map((workload) => {
    if (!workload) throw new Error('no workload');
    return workload;
  });
const podOf = (workload: KubeObject) => at(workload, 'spec', 'template', 'spec') as JsonObject;
const context = { now: () => new Date('2026-01-01T00:00:00Z'), generateToken: () => 'token' };
const hook = hookOf(testApp({ context }));

describe.each(STRATEGIES)('under %s, the fields of pods', (how) => {
  async function change(cluster: Cluster, added: JsonObject): Promise<void> {
    for (const [parent, spec] of [
      [broker, added],
      [meshSync, { ...NATIVE, ...added }],
    ] as const) {
      cluster.edit(parent, 'kubectl', (object) => {
        object.spec = spec;
      });
    }
    await settle(cluster, parents, hook, how);
  }

  async function running(added: JsonObject): Promise<Cluster> {
    const cluster = clusterWith({ ...broker, spec: added }, { ...meshSync, spec: { ...NATIVE, ...added } });
    await settle(cluster, parents, hook, how);
    return cluster;
  }

  it('are applied by one change of the workload, and removed by another', async () => {
    const cluster = await running({});
    const plain = workloads(cluster).map(podOf);
    await change(cluster, fields);
    for (const workload of workloads(cluster)) {
      expect(workload.metadata.generation).toBe(2);
      const pod = podOf(workload);
      const {
        extraVolumes: _volumes,
        extraContainers: _containers,
        initContainers: _first,
        ...others
      } = at(fields, 'podTemplate', 'spec') as JsonObject;
      expect(pod).toMatchObject({ ...others, securityContext: { fsGroup: 2000, runAsNonRoot: true } });
      expect(pod.volumes).toContainEqual({ name: 'scratch', emptyDir: {} });
      expect(at(pod, 'initContainers', 0)).toMatchObject({
        name: 'first',
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      });
      const containers = pod.containers as JsonObject[];
      expect(containers.at(-1)).toMatchObject({ name: 'side', resources: { limits: { memory: '1Gi' } } });
      expect(containers[0]).toMatchObject({
        envFrom: [{ secretRef: { name: 'mine' } }],
        livenessProbe: { periodSeconds: 60, httpGet: expect.anything() },
        readinessProbe: { timeoutSeconds: 9, httpGet: expect.anything() },
      });
      expect(containers[0]?.env).toEqual(
        expect.arrayContaining([
          { name: 'A', value: 'b' },
          { name: 'EMPTY', ...(how === 'dynamic-apply' && {}) },
        ]),
      );
      expect(containers[0]?.volumeMounts).toContainEqual({ name: 'scratch', mountPath: '/scratch' });
    }
    await change(cluster, {});
    expect(workloads(cluster).map(podOf)).toEqual(plain);
    expect(workloads(cluster).map(({ metadata }) => metadata.generation)).toEqual([3, 3]);
  });

  it('with an annotation that turns AppArmor off are named by a condition', async () => {
    const key = (name: string) => `container.apparmor.security.beta.kubernetes.io/${name}`;
    const cluster = await running({
      podTemplate: { metadata: { annotations: { [key('nats')]: 'unconfined', [key('reloader')]: 'runtime/default' } } },
    });
    const status = cluster.get('Broker.meshery.io/v1alpha2', 'meshery', 'meshery-broker')?.status;
    expect(condition(status, 'PodSecurityRestricted')?.message).toContain(
      'Standard: container nats: an annotation turns AppArmor off. A',
    );
  });

  it('of the node network and of root are applied, and named by a condition', async () => {
    const statuses = (cluster: Cluster) =>
      parents.map(({ kind, metadata: { name } }) => {
        return condition(cluster.get(`${kind}.meshery.io/v1alpha2`, 'meshery', name)?.status, 'PodSecurityRestricted');
      });
    const cluster = await running({});
    expect(statuses(cluster)).toEqual([undefined, undefined]);
    await change(cluster, {
      podTemplate: { spec: { hostNetwork: true, securityContext: { runAsUser: 0, runAsNonRoot: false } } },
    });
    for (const workload of workloads(cluster)) {
      expect(podOf(workload)).toMatchObject({
        hostNetwork: true,
        dnsPolicy: 'ClusterFirstWithHostNet',
        securityContext: { runAsUser: 0, runAsNonRoot: false, seccompProfile: { type: 'RuntimeDefault' } },
      });
    }
    for (const found of statuses(cluster)) {
      expect(found).toMatchObject({ status: 'False', reason: 'NotRestricted' });
      for (const part of ['hostNetwork', 'runAsUser is 0', 'runAsNonRoot']) expect(found?.message).toContain(part);
    }
    await change(cluster, {});
    expect(statuses(cluster)).toEqual([undefined, undefined]);
  });
});

it('the limit of the garbage collector is four fifths of the memory limit, unless the spec has another or none', async () => {
  const limitOf = async (spec: JsonObject) => {
    const cluster = clusterWith({ ...broker, spec });
    await settle(cluster, [broker], hook, 'server-side-apply');
    const workload = cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats');
    const env = at(workload, 'spec', 'template', 'spec', 'containers', 0, 'env') as JsonObject[];
    return env.filter(({ name }) => name === 'GOMEMLIMIT').map(({ value }) => value);
  };
  expect(await limitOf({})).toEqual([`${(256 * 2 ** 20 * 4) / 5 - 0.8}B`]);
  expect(await limitOf({ resources: { limits: { memory: '1000' } } })).toEqual(['800B']);
  expect(await limitOf({ resources: { limits: { memory: 0 } } })).toEqual([]);
  expect(await limitOf({ resources: { requests: { memory: '1Gi' } } })).toEqual([]);
  expect(await limitOf({ env: [{ name: 'GOMEMLIMIT', value: '100MiB' }] })).toEqual(['100MiB']);
});

describe('a spec is refused', () => {
  const pod = (spec: JsonObject): JsonObject => ({ podTemplate: { spec } });
  const side = (more: JsonObject, list = 'extraContainers') => pod({ [list]: [{ name: 'a', image: 'a', ...more }] });
  const volume = (more: JsonObject) => pod({ extraVolumes: [{ name: 'a', ...more }] });
  const at0 = 'spec.podTemplate.spec.extraContainers[0]';
  const both: [JsonObject, string, string][] = [
    [side({ stdin: true }), `${at0}.stdin`, 'is not a field'],
    [pod({ extraContainers: [{ name: 'a' }] }), `${at0}.image`, 'is required'],
    [side({ env: [{ name: 'A' }, { name: 'A' }] }), `${at0}.env[1].name`, 'unique'],
    [
      side({ env: [{ name: 'A', value: 'a', valueFrom: { fieldRef: { fieldPath: 'a' } } }] }),
      `${at0}.env[0].valueFrom`,
      'must',
    ],
    [
      side({
        env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'a' }, secretKeyRef: { name: 'a', key: 'b' } } }],
      }),
      `${at0}.env[0].valueFrom`,
      'must have one of',
    ],
    [side({ envFrom: [{ prefix: 'A' }] }), `${at0}.envFrom[0]`, 'must have one of'],
    [side({ volumeMounts: [{ name: 'gone', mountPath: '/a' }] }), `${at0}.volumeMounts[0].name`, 'must name a volume'],
    [side({ ports: [1, 2].map((containerPort) => ({ name: 'a', containerPort })) }), `${at0}.ports[1].name`, 'unique'],
    [side({ readinessProbe: { periodSeconds: 1 } }), `${at0}.readinessProbe`, 'must have one of exec'],
    [
      side({ readinessProbe: { tcpSocket: { port: 'not a name' } } }),
      `${at0}.readinessProbe.tcpSocket.port`,
      'must be an integer in range, or match',
    ],
    [side({ restartPolicy: 'Always' }), `${at0}.restartPolicy`, 'only valid in initContainers'],
    [
      side({ resources: { limits: { cpu: 1 }, requests: { cpu: '1001m' } } }),
      `${at0}.resources.requests.cpu`,
      'must not be more than the limit',
    ],
    [
      pod({ initContainers: [{ name: 'a', image: 'a' }], extraContainers: [{ name: 'a', image: 'a' }] }),
      `${at0}.name`,
      'must be unique',
    ],
    [volume({ emptyDir: {}, hostPath: { path: '/' } }), 'spec.podTemplate.spec.extraVolumes[0]', 'must have one of'],
    [volume({}), 'spec.podTemplate.spec.extraVolumes[0]', 'must have one of'],
    [
      volume({ projected: { sources: [{}] } }),
      'spec.podTemplate.spec.extraVolumes[0].projected.sources[0]',
      'must have one of',
    ],
    [
      pod({ hostAliases: [{ ip: '1.2.3', hostnames: ['a'] }] }),
      'spec.podTemplate.spec.hostAliases[0].ip',
      'IP address',
    ],
    [
      pod({ dnsConfig: { nameservers: ['::1::'] } }),
      'spec.podTemplate.spec.dnsConfig.nameservers[0]',
      'must be an IP address',
    ],
    [pod({ dnsPolicy: 'None' }), 'spec.podTemplate.spec.dnsConfig', 'must have nameservers'],
    [
      { extraVolumeMounts: [{ name: 'gone', mountPath: '/a' }] },
      'spec.extraVolumeMounts[0].name',
      'must name a volume',
    ],
  ];

  it.each(both)('for %j, at %s', (spec, path, message) => {
    const expected = { path, message: expect.stringContaining(message) };
    expect(resolveBroker(brokerParent(spec))).toMatchObject(expected);
    expect(resolveMeshSync(meshSyncParent(spec))).toMatchObject(expected);
  });

  it.each([...REFUSED_PODS, ...HARMFUL_PODS])(
    'for %j, at %s, since pods would not be created or not work',
    (spec, path, message) => {
      const expected = { path: `spec.${path}`, message: expect.stringContaining(message) };
      expect(resolveBroker(brokerParent(spec))).toMatchObject(expected);
      expect(resolveMeshSync(meshSyncParent(spec))).toMatchObject(expected);
    },
  );

  it('not for what looks like it', () => {
    const fine: JsonObject[] = [
      { env: ['constructor', '.a', 'a..b', '__proto__'].map((name) => ({ name, value: 'x' })) },
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['example.com/a']" } } }] },
      { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } }] },
      { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } }] },
      pod({ securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'a/b' } } }),
      pod({ dnsConfig: { searches: ['a.b', 'a.b.'] } }),
      side({ ports: [{ containerPort: 9000, name: '9p-a' }] }),
      side({ securityContext: { privileged: true } }),
      side({ restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 1 } } }, 'initContainers'),
      pod({
        initContainers: [{ name: 'a', image: 'a', ports: [{ containerPort: 9000 }] }],
        extraContainers: [
          { name: 'b', image: 'a', ports: [{ containerPort: 9000 }] },
          { name: 'c', image: 'a', ports: [{ containerPort: 9000, protocol: 'UDP' }] },
        ],
      }),
      volume({ configMap: { name: 'a', items: [{ key: '.a', path: 'a/..b' }] } }),
      volume({ hostPath: { path: '/a', type: '' } }),
      volume({ csi: { driver: 'csi.Example.com' } }),
      { ...volume({ emptyDir: {} }), extraVolumeMounts: [{ name: 'a', mountPath: '/datas', subPath: 'a/b..' }] },
    ];
    for (const spec of fine) {
      expect([spec, resolveBroker(brokerParent(spec))]).not.toHaveProperty('1.path');
      expect([spec, resolveMeshSync(meshSyncParent(spec))]).not.toHaveProperty('1.path');
    }
  });

  it('where it uses a name of the operator', () => {
    for (const [reserved, resolve] of [
      [ofBroker, (spec: JsonObject) => resolveBroker(brokerParent(spec))],
      [ofMeshSync, (spec: JsonObject) => resolveMeshSync(meshSyncParent(spec))],
    ] as const) {
      for (const name of reserved.containers) {
        expect(resolve(side({ name }))).toMatchObject({ path: `${at0}.name` });
      }
      for (const name of reserved.volumes) {
        expect(resolve(volume({ name, emptyDir: {} }))).toMatchObject({
          path: 'spec.podTemplate.spec.extraVolumes[0].name',
        });
      }
      for (const name of Object.keys(reserved.env)) {
        expect(resolve({ env: [{ name, value: 'x' }] })).toMatchObject({ path: 'spec.env[0].name' });
      }
      for (const path of reserved.mountPaths) {
        for (const mountPath of [path, `${path}/inside`, '/', `/${path}`, `/a/..${path}/.`]) {
          const spec = { ...volume({ emptyDir: {} }), extraVolumeMounts: [{ name: 'a', mountPath }] };
          expect(resolve(spec)).toMatchObject({ path: 'spec.extraVolumeMounts[0].mountPath' });
        }
      }
    }
  });

  it('where a container listens on a port of the operator', () => {
    const error = (containerPort: number, further: JsonObject = {}, protocol = 'TCP') => {
      const container = { name: 'a', image: 'a', ports: [{ containerPort: 9000 }, { containerPort, protocol }] };
      const spec = { ...further, podTemplate: { spec: { extraContainers: [container] } } };
      return resolveBroker(brokerParent(spec));
    };
    const refused = {
      path: 'spec.podTemplate.spec.extraContainers[0].ports[1].containerPort',
      message: 'must not be a port of the containers of the operator',
    };
    for (const port of [4222, 6222, 8222]) expect(error(port)).toEqual(refused);
    for (const [port, further] of [
      [4224, { auth: { users } }],
      [7423, { auth: { users } }],
      [7422, { leafNodes: { enabled: true, authorization: { users } } }],
      [8081, { websocket: { enabled: true, port: 8081 } }],
      [7777, { promExporter: { enabled: true } }],
    ] as const) {
      expect(error(port, further)).toEqual(refused);
      expect(error(port)).not.toHaveProperty('path');
      expect(error(port, further, 'UDP')).not.toHaveProperty('path');
    }
  });

  it('where a container listens on the port of MeshSync', () => {
    expect(resolveMeshSync(meshSyncParent(side({ ports: [{ containerPort: 11_000 }] })))).toEqual({
      path: `${at0}.ports[0].containerPort`,
      message: 'must not be a port of the containers of the operator',
    });
  });

  it('where a server would be killed in lame duck mode', () => {
    const spec = pod({ terminationGracePeriodSeconds: 44 });
    expect(resolveBroker(brokerParent(spec))).toMatchObject({
      path: 'spec.podTemplate.spec.terminationGracePeriodSeconds',
    });
    expect(resolveMeshSync(meshSyncParent(spec))).not.toHaveProperty('path');
  });
});

it('every error of an extra container is reported once, as the hooks and the API server find them', () => {
  const container = { name: 'a', stdin: true, env: [{ name: 'A', other: 1 }] };
  const spec = { podTemplate: { spec: { extraContainers: [container] } } };
  const path = 'spec.podTemplate.spec.extraContainers[0]';
  const found = everyError(compiled(BrokerSpec), spec, 'spec');
  expect(Object.fromEntries(found.map((error) => [error.path, error.message]))).toEqual({
    [`${path}.image`]: 'is required',
    [`${path}.stdin`]: 'is not a field',
    [`${path}.env[0].other`]: 'is not a field',
  });
  expect(found).toHaveLength(3);
});

it('an extra container may mount what every pod has', () => {
  for (const { mountable, resolve } of [
    { ...ofBroker, resolve: (spec: JsonObject) => resolveBroker(brokerParent(spec)) },
    { ...ofMeshSync, resolve: (spec: JsonObject) => resolveMeshSync(meshSyncParent(spec)) },
  ]) {
    const volumeMounts = mountable.map((name) => ({ name, mountPath: `/${name}` }));
    expect(mountable.length).toBeGreaterThan(0);
    const spec = { podTemplate: { spec: { extraContainers: [{ name: 'a', image: 'a', volumeMounts }] } } };
    expect(resolve(spec)).not.toHaveProperty('path');
  }
});

describe('the names of the operator', () => {
  it.each([
    [ofBroker, 'StatefulSet.apps/v1', 'meshery-nats'],
    [ofMeshSync, 'Deployment.apps/v1', 'meshery-meshsync'],
  ] as const)('are reserved: %j', async (reserved, kind, name) => {
    const custom = { custom: { url: 'tls://a', caSecretRef: { name: 'ca' }, credentialsSecretRef: { name: 'ca' } } };
    const specs: JsonObject[] = [
      { size: 3, promExporter: { enabled: true }, jetstream: { fileStore: { size: '1Gi' } } },
      { jetstream: { memoryStore: { maxSize: '1Mi' } } },
      LISTENERS,
      { ...NATIVE, debug: true, redactSecrets: true, contentDeduplication: true },
      { broker: custom },
    ];
    for (const securityContext of ['restricted', 'platform'] as const) {
      const hook = hookOf(testApp({ context: { ...context, securityContext } }));
      for (const spec of specs) {
        const ca = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'ca', namespace: 'meshery' } };
        const data = Object.fromEntries(['ca.crt', 'credentials'].map((key) => [key, 'YQ==']));
        const cluster = clusterWith({ ...broker, spec }, { ...meshSync, spec }, { ...ca, data }, certificates);
        await settle(cluster, parents, hook, 'server-side-apply');
        const workload = cluster.get(kind, 'meshery', name);
        if (!workload) continue;
        const pod = podOf(workload);
        const [own] = pod.containers as JsonObject[];
        const names = (list: unknown) => ((list ?? []) as JsonObject[]).map(({ name }) => String(name));
        const claims = at(workload, 'spec', 'volumeClaimTemplates') as JsonObject[] | undefined;
        const volumes = [...names(pod.volumes), ...names(claims?.map(({ metadata }) => metadata))];
        expect(reserved.containers).toEqual(expect.arrayContaining(names(pod.containers)));
        expect(reserved.volumes).toEqual(expect.arrayContaining(volumes));
        expect(volumes).toEqual(expect.arrayContaining(reserved.mountable));
        const variables = names(own?.env).filter((variable) => variable !== 'GOMEMLIMIT');
        expect(Object.keys(reserved.env)).toEqual(expect.arrayContaining(variables));
        if (spec === LISTENERS && kind.startsWith('StatefulSet')) expect(pod.containers).toHaveLength(4);
        const paths = ((own?.volumeMounts ?? []) as JsonObject[]).map(({ mountPath }) => mountPath);
        expect(reserved.mountPaths).toEqual(expect.arrayContaining(paths));
      }
    }
  });
});
