import fc from 'fast-check';
import type { JsonObject } from './json.ts';

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
};

/** `spec.service` of a Broker that is valid. */
const service = fc.oneof(
  fc.record({ type: fc.constantFrom('ClusterIP', 'NodePort'), ...common }, { requiredKeys: ['type'] }),
  fc.record(
    {
      type: fc.constant('LoadBalancer'),
      loadBalancerClass: fc.constantFrom('', 'example.com/internal', 'plain'),
      loadBalancerSourceRanges: ranges,
      ...common,
    },
    { requiredKeys: ['type'] },
  ),
  fc.record(common, { requiredKeys: [] }),
);

/** A Broker's spec that is valid. */
export const brokerSpec: fc.Arbitrary<JsonObject> = fc.record({ size, version, service }, { requiredKeys: [] });

/** A Broker's spec with one field that can't be worked with. */
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
    ),
  )
  .map(([valid, invalid]) => ({ ...valid, ...invalid }));

/** Names of Brokers that MeshSyncs refer to; the tests make Brokers of the first and the second. */
export const NEAR = { name: 'meshery-broker', namespace: 'meshery' };
export const FAR = { name: 'other', namespace: 'elsewhere' };

export const URL_PASSWORD = 'pa55word-of-the-url';

const brokerReference = fc.constantFrom<JsonObject>(
  {},
  { native: {} },
  { native: NEAR },
  { native: { name: NEAR.name } },
  { native: FAR, custom: {} },
  { native: { name: 'missing' } },
  { custom: {} },
  { custom: { url: '' } },
  { custom: { url: 'nats://nats.example.com:4222' }, native: { name: '', namespace: '' } },
  { custom: { url: 'nats.example.com:4222' } },
  { custom: { url: `nats://user:${URL_PASSWORD}@nats.example.com:4222` } },
  { custom: { url: `tls://${URL_PASSWORD}@nats.example.com` } },
);

const watchList = fc.record(
  {
    apiVersion: fc.constant('v1'),
    kind: fc.constant('ConfigMap'),
    metadata: fc.constantFrom<JsonObject>({}, { name: 'watch-list' }),
    data: fc.dictionary(
      fc.constantFrom('whitelist', 'blacklist', 'other'),
      fc.constantFrom('', '[]', '["secrets.v1."]'),
    ),
    immutable: fc.boolean(),
  },
  { requiredKeys: [] },
);

/** A MeshSync's spec that is valid. */
export const meshSyncSpec: fc.Arbitrary<JsonObject> = fc.record(
  {
    size,
    version: fc.oneof(version, fc.constantFrom('1.0.0', '1.0.1', 'v1.0.3', '0.9', 'stable-latest')),
    broker: brokerReference,
    'watch-list': watchList,
  },
  { requiredKeys: [] },
);
