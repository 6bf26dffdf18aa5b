import fc from 'fast-check';
import { encode } from '../../src/kubernetes/secrets.ts';
import { isObject, type JsonObject } from '../stand-in/json.ts';

const DIGEST = `@sha256:${'0123456789abcdef'.repeat(4)}`;

const size = fc.integer({ min: 1, max: 10 });

const version = fc.oneof(
  fc.constantFrom(
    '',
    'v2.10.0',
    '2.14.2-alpine',
    'latest',
    'edge-latest',
    'v2.10',
    'vnext',
    `2.14.2${DIGEST}`,
    '2',
    '1e5',
  ),
  fc.tuple(fc.nat(3), fc.nat(30), fc.nat(9)).map((parts) => parts.join('.')),
);

const annotations = fc.dictionary(
  fc.constantFrom('a', 'example.com/pool', 'service.beta.kubernetes.io/aws-load-balancer-type', 'x.y/Z_1', '__proto__'),
  fc.string({ unit: 'grapheme' }),
  { maxKeys: 3 },
);

const ranges = fc.uniqueArray(fc.constantFrom('10.0.0.0/8', '192.0.2.7/32', '0.0.0.0/0', '2001:db8::/32'));

const common = {
  annotations,
  externalEndpointOverride: fc.constantFrom('', 'nats.example.com:4222', '[2001:db8::1]:4222'),
  port: fc.constantFrom(4222, 14_222),
  clusterIP: fc.constantFrom('', '10.96.0.42', '10.96.0.43'),
  sessionAffinity: fc.constantFrom('None', 'ClientIP'),
  extraPorts: fc.constantFrom<JsonObject[]>(
    [],
    [{ name: 'gateway', port: 8081, appProtocol: 'ws' }],
    [
      { name: 'http', port: 80, targetPort: 'http' },
      { name: 'gateway', port: 8081, targetPort: 8080 },
    ],
  ),
  perServer: fc.boolean(),
  ipFamilies: fc.constantFrom<string[]>([], ['IPv4']),
  ipFamilyPolicy: fc.constantFrom('SingleStack', 'PreferDualStack'),
};

const outside = {
  ...common,
  exposeMonitor: fc.constant(true),
  externalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
  nodePorts: fc.constantFrom<JsonObject>(
    {},
    { nats: 30_422 },
    { nats: 30_422, monitor: 30_822 },
    { users: 30_424, leafnodes: 30_425, websocket: 30_426 },
  ),
};

const { exposeMonitor: _exposed, ...hidden } = outside;

/** A valid `spec.service` of a Broker. */
const service = fc.oneof(
  fc.record(
    {
      type: fc.constantFrom('NodePort', 'LoadBalancer'),
      ...hidden,
      exposeMonitor: fc.constant(false),
      nodePorts: fc.constantFrom<JsonObject>({}, { nats: 30_423 }, { nats: 30_423, websocket: 30_427 }),
    },
    { requiredKeys: ['type'] },
  ),
  fc.record({ type: fc.constant('ClusterIP'), ...common }, { requiredKeys: ['type'] }),
  fc.record({ type: fc.constant('NodePort'), ...outside }, { requiredKeys: ['type'] }),
  fc.record(
    {
      type: fc.constant('LoadBalancer'),
      loadBalancerClass: fc.constantFrom('', 'example.com/internal', 'plain'),
      loadBalancerSourceRanges: ranges,
      ...outside,
    },
    { requiredKeys: ['type'] },
  ),
  fc.record({
    type: fc.constant('LoadBalancer'),
    externalTrafficPolicy: fc.constant('Local'),
    healthCheckNodePort: fc.constantFrom(30_999, 31_999),
    exposeMonitor: fc.boolean(),
  }),
  fc.record(common, { requiredKeys: [] }),
  fc.record({
    sessionAffinity: fc.constant('ClientIP'),
    sessionAffinityConfig: fc.constantFrom<JsonObject>({}, { clientIP: {} }, { clientIP: { timeoutSeconds: 600 } }),
  }),
);

const image = fc.constantFrom<JsonObject>(
  {},
  { repository: '' },
  { repository: 'mirror/nats', pullPolicy: 'Never' },
  { repository: 'registry.example.com:5000/a/b' },
);

const resources = fc.constantFrom<JsonObject>(
  {},
  { requests: {}, limits: {} },
  { requests: { cpu: '0.5', memory: '1024Mi' } },
  { requests: { cpu: 1 }, limits: { cpu: '1500m', memory: '1.5Gi', 'ephemeral-storage': '1000M' } },
);

/** Fields of the container that a resource is about. */
const containerFields = {
  env: fc.constantFrom<JsonObject[]>(
    [],
    [{ name: 'GOMEMLIMIT', value: '100MiB' }],
    [
      { name: 'EMPTY', value: '' },
      { name: 'A', valueFrom: { secretKeyRef: { name: 'a', key: 'b', optional: true } } },
      { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    ],
    [{ name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } }],
  ),
  envFrom: fc.constantFrom<JsonObject[]>(
    [],
    [{ secretRef: { name: 'a' } }, { prefix: 'B_', configMapRef: { name: 'b' } }],
  ),
  /** Of the first volume of others, where there is one. */
  extraVolumeMounts: fc.constant<JsonObject[]>([]),
  livenessProbe: fc.constantFrom<JsonObject>(
    {},
    { periodSeconds: 7, initialDelaySeconds: 0 },
    { failureThreshold: 2, timeoutSeconds: 3 },
  ),
  readinessProbe: fc.constantFrom<JsonObject>(
    {},
    { timeoutSeconds: 3, initialDelaySeconds: 4 },
    { periodSeconds: 9, failureThreshold: 5 },
  ),
};

const startupProbe = fc.constantFrom<JsonObject>(
  {},
  { failureThreshold: 1800 },
  { initialDelaySeconds: 1, periodSeconds: 2, timeoutSeconds: 1 },
);

/** Volumes and containers of others. A mount of the own container needs one of these volumes. */
const extras = fc.constantFrom<JsonObject>(
  {},
  { extraVolumes: [], extraContainers: [], initContainers: [] },
  {
    extraVolumes: [
      { name: 'scratch', emptyDir: {} },
      { name: 'more', configMap: { name: 'more', items: [{ key: 'a', path: 'b', mode: 256 }] } },
    ],
    extraContainers: [
      { name: 'side', image: 'side:1', volumeMounts: [{ name: 'scratch', mountPath: '/a', readOnly: false }] },
    ],
  },
  {
    extraVolumes: [
      {
        name: 'identity',
        projected: { sources: [{ serviceAccountToken: { path: 'token' } }, { secret: { name: 'a' } }] },
      },
      { name: 'claim', persistentVolumeClaim: { claimName: 'claim', readOnly: false } },
      { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1024Ki' } },
    ],
    initContainers: [
      {
        ...{ name: 'first', image: 'first:latest', command: ['true'], args: [], restartPolicy: 'Always' },
        env: [{ name: 'X', value: '' }],
        envFrom: [{ secretRef: { name: 'a', optional: false } }],
        ports: [{ containerPort: 9000, name: 'http' }],
        resources: { limits: { cpu: '0.5', memory: '1024Mi' }, requests: {} },
        securityContext: { runAsUser: 0, capabilities: { add: ['CHOWN'] } },
        readinessProbe: { httpGet: { port: 'http', path: '/' }, initialDelaySeconds: 0 },
      },
    ],
  },
);

const scheduling = (fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.tuple(fc.record(fields, { requiredKeys: [] }), extras).map(([pod, added]) => ({ ...pod, ...added }) as JsonObject);

/** A spec whose own container mounts the first volume of others; where there is none, it has an empty list of mounts. */
function withMounts<Spec extends { podTemplate?: { spec?: JsonObject }; extraVolumeMounts?: JsonObject[] }>(
  spec: Spec,
): Spec {
  const { extraVolumes } = spec.podTemplate?.spec ?? {};
  const [volume] = Array.isArray(extraVolumes) ? extraVolumes : [];
  if (!spec.extraVolumeMounts || !isObject(volume)) return spec;
  return { ...spec, extraVolumeMounts: [{ name: volume.name ?? '', mountPath: '/extra', readOnly: true }] };
}

const podTemplate = fc.record(
  {
    metadata: fc.constantFrom<JsonObject>(
      {},
      { labels: {} },
      { labels: { team: 'platform', 'example.com/empty': '' }, annotations: { 'example.com/note': 'x' } },
    ),
    spec: scheduling({
      securityContext: fc.constantFrom<JsonObject>(
        {},
        { runAsUser: 0, runAsNonRoot: false },
        { fsGroup: 1, fsGroupChangePolicy: 'OnRootMismatch', supplementalGroups: [2], seLinuxOptions: { level: 's0' } },
      ),
      dnsPolicy: fc.constantFrom('ClusterFirst', 'Default'),
      dnsConfig: fc.constantFrom<JsonObject>(
        {},
        { nameservers: ['192.0.2.1'], searches: ['a.b'], options: [{ name: 'ndots', value: '1' }, { name: 'edns0' }] },
      ),
      hostAliases: fc.constantFrom<JsonObject[]>(
        [],
        [{ ip: '192.0.2.7', hostnames: ['a.example', 'b'] }],
        [
          { ip: '127.0.0.1', hostnames: ['c'] },
          { ip: '192.0.2.7', hostnames: ['b'] },
        ],
      ),
      hostNetwork: fc.boolean(),
      runtimeClassName: fc.constantFrom('', 'gvisor'),
      schedulerName: fc.constantFrom('', 'custom'),
      terminationGracePeriodSeconds: fc.constantFrom(45, 600),
      enableServiceLinks: fc.boolean(),
      nodeSelector: fc.constantFrom<JsonObject>({}, { 'node-role.kubernetes.io/worker': '' }),
      tolerations: fc.constantFrom<JsonObject[]>(
        [],
        [{ key: 'dedicated', operator: 'Equal', value: 'nats', effect: 'NoSchedule' }],
        [{ key: '', operator: 'Exists', value: '' }],
        [{ key: 'gone', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 }],
      ),
      affinity: fc.constantFrom<JsonObject>(
        {},
        { nodeAffinity: {} },
        {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: {} }],
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'Exists', values: [] }] }],
            },
          },
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: 'kubernetes.io/hostname', labelSelector: {}, namespaces: [] },
            ],
          },
        },
      ),
      topologySpreadConstraints: fc.constantFrom<JsonObject[]>(
        [],
        [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', minDomains: 2 }],
        [
          {
            maxSkew: 2,
            topologyKey: 'zone',
            whenUnsatisfiable: 'ScheduleAnyway',
            labelSelector: { matchLabels: {} },
          },
          { maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'ScheduleAnyway', matchLabelKeys: ['a'] },
        ],
      ),
      priorityClassName: fc.constantFrom('', 'high'),
      imagePullSecrets: fc.constantFrom<JsonObject[]>([], [{ name: 'a' }, { name: 'b' }]),
    }),
  },
  { requiredKeys: [] },
);

const jetstream = fc.record(
  {
    fileStore: fc.record(
      {
        size: fc.constantFrom('1Gi', '1024Mi', '2Gi', '1.5Gi'),
        storageClassName: fc.constantFrom('', 'fast', 'slow'),
        labels: fc.constantFrom<JsonObject>({}, { team: 'streams' }),
        annotations: fc.constantFrom<JsonObject>({}, { 'backup.velero.io/x': 'y' }, { 'backup.velero.io/x': '' }),
        maxSize: fc.constantFrom('', '500Mi', '1Gi'),
        persistentVolumeClaimRetentionPolicy: fc.constantFrom<JsonObject>({}, { whenDeleted: 'Delete' }),
      },
      { requiredKeys: ['size'] },
    ),
    memoryStore: fc.record({ maxSize: fc.constantFrom('32Mi', '64Mi', '48M') }),
    domain: fc.constantFrom('', 'hub', 'east-1'),
    maxOutstandingCatchup: fc.constantFrom('', '32Mi'),
    cipher: fc.constantFrom('chacha', 'aes'),
  },
  { requiredKeys: [] },
);

/** Secrets that the Brokers of `brokerSpec` refer to. The tests create those that exist, as `OWN_SECRETS`. */
export const OWN_TOKEN = 'own-token';
export const TLS_SECRET = 'nats-tls';
export const ROUTES_SECRET = 'routes-tls';
export const OWN_KEYS = 'own-keys';
export const OTHER_KEY = 'other-key';

/** The Secrets of the user, except for the certificates. */
export const OWN_SECRETS = [
  { name: OWN_TOKEN, data: { token: 'a-token-of-the-user' } },
  {
    name: OWN_KEYS,
    data: {
      key: 'a-key-of-the-user',
      password: 'a password of the "user"',
      nkey: 'UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4',
    },
  },
  { name: OTHER_KEY, data: { key: 'another-key-of-the-user' } },
].map(({ name, data }) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'meshery' },
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, encode(value)])),
}));

/** Streams in memory-backed volumes, or encrypted ones. */
const otherJetstream = fc.constantFrom<JsonObject>(
  { domain: 'a', fileStore: { size: '100Mi', medium: 'Memory', maxSize: '90%' } },
  { domain: 'a', fileStore: { size: '1Gi', medium: '', maxSize: '50%' }, encryptionKeySecretRef: { name: OWN_KEYS } },
  { domain: 'a', fileStore: { size: '1Gi' }, encryptionKeySecretRef: { name: OTHER_KEY }, cipher: 'aes' },
  {
    domain: 'a',
    fileStore: { size: '100Mi', medium: 'Memory' },
    encryptionKeySecretRef: { name: OTHER_KEY },
  },
);

const keys = { name: OWN_KEYS };

const users = fc.constantFrom<JsonObject[]>(
  [],
  [
    {
      user: 'reader',
      passwordSecretRef: keys,
      permissions: { subscribe: { allow: ['meshery.>'] }, publish: { allow: [] } },
    },
  ],
  [
    { user: 'a', nkeySecretRef: keys, passwordSecretRef: { name: '' } },
    { user: 'b@c', passwordSecretRef: keys, permissions: { publish: { deny: ['>'] }, allowResponses: true } },
  ],
  [{ user: 'reader', passwordSecretRef: { name: OWN_KEYS, key: 'missing' } }],
);

const leafListener = { enabled: true, authorization: { users: [{ user: 'east', passwordSecretRef: keys }] } };

/** Leaf nodes and WebSocket, for specs without JetStream or with a domain. */
const leafNodes = fc.constantFrom<JsonObject>(
  {},
  { enabled: false, port: 7500 },
  leafListener,
  { ...leafListener, port: 7500, tls: { secretName: TLS_SECRET } },
  { remotes: [{ url: 'tls://hub.example.com', user: 'a', passwordSecretRef: keys, tls: { secretName: TLS_SECRET } }] },
  { ...leafListener, remotes: [{ url: 'nats-leaf://a' }, { url: 'wss://b:443', user: '' }] },
  { remotes: [{ url: 'tls://a', tls: { secretName: 'missing' } }] },
);

const websocket = fc.constantFrom<JsonObject>(
  {},
  { enabled: false },
  { enabled: true },
  {
    enabled: true,
    port: 8443,
    tls: { secretName: TLS_SECRET },
    allowedOrigins: ['https://a.example'],
    compression: true,
  },
  { enabled: true, tls: { secretName: '' }, sameOrigin: true, allowedOrigins: [] },
);

const merge = fc.constantFrom<JsonObject>(
  {},
  { cluster: {} },
  { max_control_line: 4096, server_tags: ['a'] },
  { max_subscriptions: 1000, authorization: { timeout: 5 } },
);

const peers = fc.constantFrom<JsonObject[]>(
  [],
  [{ podSelector: {} }],
  [{ namespaceSelector: { matchLabels: { a: 'b' } } }, { ipBlock: { cidr: '10.0.0.0/8' } }],
);

const commonMetadata = fc.constantFrom<JsonObject>(
  {},
  { labels: {}, annotations: {} },
  { labels: { team: 'common', 'example.com/cost-center': '' } },
  { labels: { team: 'common' }, annotations: { 'example.com/note': 'of, all', 'example.com/other': '' } },
);

/** A valid spec of a Broker. */
export const brokerSpec: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      size,
      version,
      service,
      image,
      resources,
      ...containerFields,
      startupProbe,
      podTemplate,
      commonMetadata,
      serviceAccountName: fc.constantFrom('', 'mine', 'default'),
      jetstream: fc.oneof({ weight: 2, arbitrary: jetstream }, { weight: 1, arbitrary: otherJetstream }),
      auth: fc.record(
        {
          tokenSecretRef: fc.constantFrom<JsonObject>(
            { name: OWN_TOKEN },
            { name: OWN_TOKEN, key: 'missing' },
            { name: 'missing', key: '' },
          ),
          users,
        },
        { requiredKeys: [] },
      ),
      tls: fc.constantFrom<JsonObject>(
        {},
        { secretName: '' },
        { secretName: TLS_SECRET },
        { secretName: TLS_SECRET, verify: true },
        { secretName: TLS_SECRET, monitor: true, verify: true },
        { secretName: TLS_SECRET, monitor: true, routes: { secretName: ROUTES_SECRET } },
        { routes: { secretName: ROUTES_SECRET } },
        { secretName: 'missing' },
      ),
      leafNodes,
      websocket,
      config: fc.record(
        {
          maxPayload: fc.constantFrom('', '8Mi', '64Mi', '1.5k'),
          maxConnections: fc.integer({ min: 1, max: 100_000 }),
          writeDeadline: fc.constantFrom('', '10s', '1500ms'),
          pingInterval: fc.constantFrom('2m', '1h'),
          pingMax: fc.integer({ min: 1, max: 100 }),
          debug: fc.boolean(),
          trace: fc.boolean(),
          merge,
        },
        { requiredKeys: [] },
      ),
      podDisruptionBudget: fc.constantFrom<JsonObject>(
        {},
        { enabled: false },
        { enabled: true, minAvailable: 1, unhealthyPodEvictionPolicy: 'IfHealthyBudget' },
        { maxUnavailable: 2 },
      ),
      networkPolicy: fc.record(
        { enabled: fc.boolean(), clients: peers, monitor: peers, metrics: peers },
        { requiredKeys: [] },
      ),
      reloader: fc.record({ version: fc.constant('0.22.0'), image, resources }, { requiredKeys: [] }),
      natsBox: fc.constantFrom<JsonObject>(
        {},
        { enabled: false },
        { enabled: true, tls: { secretName: TLS_SECRET } },
        { enabled: true, version: '0.19.6', tls: { secretName: 'missing' } },
        { enabled: true, image: { pullPolicy: 'Always' }, resources: {}, tls: { secretName: TLS_SECRET } },
      ),
      promExporter: fc.record(
        { enabled: fc.boolean(), version: fc.constantFrom('', 'v0.20.0'), image, resources },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  )
  .map(withMounts)
  .map(
    ({ jetstream, leafNodes, ...spec }) =>
      ({
        ...spec,
        ...(leafNodes && { leafNodes }),
        // Leaf nodes need a domain of JetStream.
        ...(jetstream && {
          jetstream: { ...jetstream, ...(leafNodes && !jetstream.domain && { domain: 'required' }) },
        }),
      }) as JsonObject,
  );

/** A spec of a Broker with one invalid field. */
export const invalidBrokerSpec: fc.Arbitrary<JsonObject> = fc
  .tuple(
    brokerSpec,
    fc.constantFrom<JsonObject>(
      { size: 0 },
      { size: 11 },
      { size: '3' },
      { version: 'a b' },
      { service: { type: 'ExternalName' } },
      { service: { type: 'ClusterIP', loadBalancerClass: 'x' } },
      { service: { type: 'NodePort', loadBalancerSourceRanges: ['10.0.0.0/8'] } },
      { service: { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/99'] } },
      { service: { annotations: { 'not a key': '' } } },
      { service: { annotations: { a: 1 } } },
      { service: { type: 'ClusterIP', nodePorts: { nats: 30_000 } } },
      { service: { port: 8222 } },
      { service: { type: 'NodePort', nodePorts: { monitor: 30_000 }, exposeMonitor: false } },
      { service: { healthCheckNodePort: 30_000 } },
      ...[{ nodePorts: { websocket: 30_000 } }, { extraPorts: [{ name: 'a', port: 1, nodePort: 30_000 }] }].map(
        (taken): JsonObject => ({
          service: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_000, ...taken },
        }),
      ),
      { service: { extraPorts: [{ name: 'a', port: 1, appProtocol: 'a b' }] } },
      { service: { extraPorts: [{ name: 'a', port: 1, targetPort: '8080' }] } },
      { service: { clusterIP: '::ffff:a60:101' } },
      { service: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } } },
      { service: { extraPorts: [{ name: 'nats', port: 1 }] } },
      { service: { extraPorts: [{ name: 'a', port: 1, nodePort: 30_000 }] } },
      { service: { clusterIP: '10.0.0.01' } },
      { service: { clusterIP: '10.0.0.1', ipFamilies: ['IPv6'] } },
      { service: { nodePorts: { websocket: 30_000 } } },
      { service: { type: 'NodePort', nodePorts: { users: 30_000, leafnodes: 30_000 } } },
      { service: { extraPorts: [{ name: 'a', port: 8080 }] }, websocket: { enabled: true } },
      { service: { extraPorts: [{ name: 'users', port: 1 }] } },
      { natsBox: { enabled: true }, tls: { secretName: TLS_SECRET, verify: true } },
      { podDisruptionBudget: { minAvailable: 1, maxUnavailable: 1 } },
      { tls: { verify: true } },
      { resources: { requests: { cpu: '-1' } } },
      { resources: { requests: { cpu: '2' }, limits: { cpu: '1999m' } } },
      { jetstream: { fileStore: { storageClassName: 'x' } } },
      { jetstream: { memoryStore: { maxSize: '1Gi' } }, resources: {} },
      { podTemplate: { metadata: { labels: { 'app.kubernetes.io/name': 'x' } } } },
      { podTemplate: { spec: { tolerations: [{ value: 'x' }] } } },
      { podTemplate: { spec: { terminationGracePeriodSeconds: 44 } } },
      { podTemplate: { spec: { dnsPolicy: 'None' } } },
      { podTemplate: { spec: { extraContainers: [{ name: 'nats', image: 'x' }] } } },
      { podTemplate: { spec: { extraContainers: [{ name: 'x', image: 'x', ports: [{ containerPort: 4222 }] }] } } },
      { podTemplate: { spec: { extraContainers: [{ name: 'x', image: 'x', stdin: true }] } } },
      { env: [{ name: 'POD_NAME', value: 'x' }] },
      { commonMetadata: { labels: { 'pod-template-hash': 'x' } } },
      { commonMetadata: { labels: { team: 'a b' } } },
      { commonMetadata: { annotations: { 'meshery.io/revision': 'x' } } },
      { networkPolicy: { enabled: true, clients: [{ ipBlock: { cidr: '10.0.0.1/8' } }] } },
      { leafNodes: { enabled: true } },
      { websocket: { enabled: true, port: 6222 } },
      { auth: { users: [{ user: 'a' }] } },
      { config: { merge: { port: 4222 } } },
      { jetstream: { fileStore: { size: '1Gi', medium: 'Memory' } }, resources: {} },
    ),
  )
  .map(([valid, invalid]) => ({ ...valid, ...invalid }));

/** Names of Brokers that MeshSyncs refer to; the tests create the first and the second. */
export const NEAR = { name: 'meshery-broker', namespace: 'meshery' };
export const FAR = { name: 'other', namespace: 'elsewhere' };

export const URL_PASSWORD = 'pa55word-of-the-url';

const NATS_URL = 'nats://nats.example.com:4222';

const brokerReference = fc.constantFrom<JsonObject>(
  {},
  { native: {} },
  { native: NEAR },
  { native: { name: NEAR.name } },
  { native: FAR, custom: {} },
  { native: { name: 'missing' } },
  { custom: {} },
  { custom: { url: '' } },
  { custom: { url: NATS_URL }, native: { name: '', namespace: '' } },
  { custom: { url: 'nats.example.com:4222' } },
  { custom: { url: `nats://user:${URL_PASSWORD}@nats.example.com:4222` } },
  { custom: { url: `tls://${URL_PASSWORD}@nats.example.com` } },
  { custom: { url: `a.example.com,${URL_PASSWORD}@b.example.com:4333` } },
  { custom: { url: NATS_URL, credentialsSecretRef: { name: OWN_TOKEN, key: 'token' } } },
  { custom: { url: `${NATS_URL},b.example.com`, credentialsSecretRef: { name: OWN_TOKEN, key: 'token' } } },
  { custom: { url: NATS_URL, credentialsSecretRef: { name: OWN_TOKEN }, caSecretRef: { name: '', key: 'x' } } },
  { custom: { url: NATS_URL, caSecretRef: { name: TLS_SECRET }, credentialsSecretRef: { name: 'missing' } } },
  { custom: { url: `tls://${URL_PASSWORD}@a`, caSecretRef: { name: TLS_SECRET, key: '' } } },
);

const watchList = fc.record(
  {
    apiVersion: fc.constant('v1'),
    kind: fc.constant('ConfigMap'),
    metadata: fc.constantFrom<JsonObject>({}, { name: 'watch-list' }),
    data: fc.constantFrom<JsonObject>(
      {},
      { whitelist: '', blacklist: '[]' },
      { whitelist: '[{"Resource":"pods.v1.","Events":["ADDED"]}]' },
      { whitelist: '[{"Resource":"pods.v1.","Events":["ADDED"]}]', blacklist: '', other: 'not read' },
      { blacklist: '["secrets.v1.","service.apis"]' },
      { whitelist: '["secrets.v1."]' },
      { blacklist: '["secrets.v1."' },
    ),
    immutable: fc.boolean(),
  },
  { requiredKeys: [] },
);

/** A valid spec of a MeshSync. */
export const meshSyncSpec: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      size,
      version: fc.oneof(version, fc.constantFrom('1.0.0', '1.0.1', 'v1.0.3', '0.9', 'stable-latest')),
      broker: brokerReference,
      'watch-list': watchList,
      image,
      resources,
      ...containerFields,
      extraArgs: fc.constantFrom<string[]>([], ['--later', 'x']),
      podTemplate,
      commonMetadata,
      serviceAccountName: fc.constantFrom('', 'mine', 'meshery-meshsync'),
      output: fc.record(
        {
          namespaces: fc.constantFrom<string[]>([], ['a'], ['a', 'b']),
          resources: fc.constantFrom<string[]>([], ['pod', 'Service']),
        },
        { requiredKeys: [] },
      ),
      debug: fc.boolean(),
      redactSecrets: fc.boolean(),
      contentDeduplication: fc.boolean(),
    },
    { requiredKeys: [] },
  )
  .map(withMounts)
  .map((spec) => spec as JsonObject);
