import fc from 'fast-check';
import type { JsonObject } from '../stand-in/json.ts';

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
  ipFamilies: fc.constantFrom<string[]>([], ['IPv4']),
  ipFamilyPolicy: fc.constantFrom('SingleStack', 'PreferDualStack'),
};

const outside = {
  ...common,
  exposeMonitor: fc.constant(true),
  externalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
  nodePorts: fc.constantFrom<JsonObject>({}, { nats: 30_422 }, { nats: 30_422, monitor: 30_822 }),
};

const { exposeMonitor: _exposed, ...hidden } = outside;

/** A valid `spec.service` of a Broker. */
const service = fc.oneof(
  fc.record(
    {
      type: fc.constantFrom('NodePort', 'LoadBalancer'),
      ...hidden,
      exposeMonitor: fc.constant(false),
      nodePorts: fc.constantFrom<JsonObject>({}, { nats: 30_423 }),
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
  fc.record(common, { requiredKeys: [] }),
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

const podTemplate = fc.record(
  {
    metadata: fc.constantFrom<JsonObject>(
      {},
      { labels: {} },
      { labels: { team: 'platform', 'example.com/empty': '' }, annotations: { 'example.com/note': 'x' } },
    ),
    spec: fc.record(
      {
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
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

const jetstream = fc.record(
  {
    fileStore: fc.record(
      {
        size: fc.constantFrom('1Gi', '1024Mi', '2Gi', '1.5Gi'),
        storageClassName: fc.constantFrom('', 'fast', 'slow'),
        maxSize: fc.constantFrom('', '500Mi', '1Gi'),
        persistentVolumeClaimRetentionPolicy: fc.constantFrom<JsonObject>({}, { whenDeleted: 'Delete' }),
      },
      { requiredKeys: ['size'] },
    ),
    memoryStore: fc.record({ maxSize: fc.constantFrom('32Mi', '64Mi', '48M') }),
  },
  { requiredKeys: [] },
);

/** Secrets that the Brokers of `brokerSpec` refer to. The tests create those that exist. */
export const OWN_TOKEN = 'own-token';
export const TLS_SECRET = 'nats-tls';

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
export const brokerSpec: fc.Arbitrary<JsonObject> = fc.record(
  {
    size,
    version,
    service,
    image,
    resources,
    podTemplate,
    commonMetadata,
    serviceAccountName: fc.constantFrom('', 'mine', 'default'),
    jetstream,
    auth: fc.constantFrom<JsonObject>(
      {},
      { tokenSecretRef: { name: OWN_TOKEN } },
      { tokenSecretRef: { name: OWN_TOKEN, key: 'missing' } },
      { tokenSecretRef: { name: 'missing', key: '' } },
    ),
    tls: fc.constantFrom<JsonObject>(
      {},
      { secretName: '' },
      { secretName: TLS_SECRET },
      { secretName: TLS_SECRET, verify: true },
      { secretName: 'missing' },
    ),
    config: fc.record(
      {
        maxPayload: fc.constantFrom('', '8Mi', '64Mi', '1.5k'),
        maxConnections: fc.integer({ min: 1, max: 100_000 }),
        writeDeadline: fc.constantFrom('', '10s', '1500ms'),
        pingInterval: fc.constantFrom('2m', '1h'),
        pingMax: fc.integer({ min: 1, max: 100 }),
        debug: fc.boolean(),
        trace: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
    networkPolicy: fc.record(
      { enabled: fc.boolean(), clients: peers, monitor: peers, metrics: peers },
      { requiredKeys: [] },
    ),
    reloader: fc.record({ version: fc.constant('0.22.0'), image, resources }, { requiredKeys: [] }),
    promExporter: fc.record({ enabled: fc.boolean(), image, resources }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
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
      { tls: { verify: true } },
      { resources: { requests: { cpu: '-1' } } },
      { resources: { requests: { cpu: '2' }, limits: { cpu: '1999m' } } },
      { jetstream: { fileStore: { storageClassName: 'x' } } },
      { jetstream: { memoryStore: { maxSize: '1Gi' } }, resources: {} },
      { podTemplate: { metadata: { labels: { 'app.kubernetes.io/name': 'x' } } } },
      { podTemplate: { spec: { tolerations: [{ value: 'x' }] } } },
      { commonMetadata: { labels: { 'pod-template-hash': 'x' } } },
      { commonMetadata: { labels: { team: 'a b' } } },
      { commonMetadata: { annotations: { 'meshery.io/revision': 'x' } } },
      { networkPolicy: { enabled: true, clients: [{ ipBlock: { cidr: '10.0.0.1/8' } }] } },
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
export const meshSyncSpec: fc.Arbitrary<JsonObject> = fc.record(
  {
    size,
    version: fc.oneof(version, fc.constantFrom('1.0.0', '1.0.1', 'v1.0.3', '0.9', 'stable-latest')),
    broker: brokerReference,
    'watch-list': watchList,
    image,
    resources,
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
);
