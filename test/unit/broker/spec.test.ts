import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveBroker } from '../../../src/broker/spec.ts';
import { configurationProblem } from '../../support/nats.ts';
import { brokerParent } from '../../support/scenarios.ts';

const resolve = (service: object) =>
  resolveBroker({
    apiVersion: 'meshery.io/v1alpha2',
    kind: 'Broker',
    metadata: { name: 'meshery-broker', namespace: 'meshery', uid: 'uid' },
    spec: { service },
  });

describe('a source range', () => {
  const ranges = (...loadBalancerSourceRanges: string[]) => resolve({ type: 'LoadBalancer', loadBalancerSourceRanges });

  it.each(['10.0.0.0/8', '0.0.0.0/0', '192.0.2.1/32', '::/0', '2001:db8::/32', '2001:db8:0:0::/32'])(
    'may be %s',
    (range) => {
      expect(ranges(range)).toMatchObject({ service: { loadBalancerSourceRanges: [range] } });
    },
  );

  it.each([
    ['bits behind the prefix', '10.0.0.5/8'],
    ['bits behind the prefix of IPv6', '2001:db8::1/32'],
    ['a leading zero', '010.0.0.0/8'],
    ['a leading zero in the prefix', '10.0.0.0/08'],
    ['a prefix that is too long', '10.0.0.0/33'],
    ['IPv4 in IPv6', '::ffff:10.0.0.0/104'],
    ['too few parts', '10.0.0/8'],
    ['too large a part', '999.0.0.0/8'],
  ])('is rejected for %s, as by the API server', (_what, range) => {
    expect(ranges('10.0.0.0/8', range)).toEqual({
      path: 'spec.service.loadBalancerSourceRanges[1]',
      message: 'must be an address range in CIDR notation, with no bits set behind the prefix',
    });
  });
});

describe('a field of the Services', () => {
  const outside = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_000 };
  const port = (more: object) => ({ extraPorts: [{ name: 'a', port: 9000, ...more }] });

  it.each([
    [{ ...outside, nodePorts: { nats: 30_000 } }, 'healthCheckNodePort', 'must differ from the node ports'],
    [{ ...outside, nodePorts: { monitor: 30_000 } }, 'healthCheckNodePort', 'must differ from the node ports'],
    [{ ...outside, ...port({ nodePort: 30_000 }) }, 'healthCheckNodePort', 'must differ from the node ports'],
    [port({ appProtocol: 'not one' }), 'extraPorts[0].appProtocol', 'must match'],
    [port({ targetPort: '9000' }), 'extraPorts[0].targetPort', 'must be an integer in range'],
    [port({ targetPort: 'a--b' }), 'extraPorts[0].targetPort', 'must be an integer in range'],
    [{ clusterIP: '::ffff:a60:101' }, 'clusterIP', 'must be an IP address'],
  ])('is refused where the API server refuses the Service: %j', (service, path, message) => {
    expect(resolve(service)).toEqual({ path: `spec.service.${path}`, message: expect.stringContaining(message) });
  });

  it('may be what the API server accepts', () => {
    for (const service of [
      { ...outside, nodePorts: { nats: 30_001 }, ...port({ nodePort: 30_002 }) },
      port({ appProtocol: 'kubernetes.io/ws', targetPort: '9p-a' }),
      port({ appProtocol: '' }),
      { clusterIP: 'fd00::1' },
    ]) {
      expect([service, resolve(service)]).not.toHaveProperty('1.path');
    }
  });
});

describe('a hub', () => {
  const hubs = (...urls: string[]) =>
    resolveBroker(brokerParent({ leafNodes: { remotes: urls.map((url) => ({ url })) } }));

  it.each([
    ['an address that is none', ['nats-leaf://[1:2]'], 0, 'must have an IPv6 address in brackets'],
    ['too many colons', ['tls://[1::2::3]:7422'], 0, 'must have an IPv6 address in brackets'],
    ['port 0', ['tls://hub:0'], 0, 'must have a port from 1 to 65535'],
    ['a port that is too large', ['tls://a', 'wss://[::1]:65536'], 1, 'must have a port from 1 to 65535'],
    ['the port of all that have none', ['tls://hub', 'tls://hub:7422'], 1, 'must have another host or port'],
    ['another scheme', ['ws://hub:80', 'nats://HUB:080'], 1, 'must have another host or port'],
    ['the same address in other words', ['tls://[::1]', 'tls://[0:0::1]:7422'], 1, 'must have another host or port'],
  ])('is refused for %s', (_what, urls, index, message) => {
    expect(hubs(...urls)).toEqual({
      path: `spec.leafNodes.remotes[${index}].url`,
      message: expect.stringContaining(message),
    });
  });

  it('may have any other address', () => {
    const urls = [
      'tls://hub',
      'tls://hub:7423',
      'tls://[2001:db8::1]',
      'ws://192.0.2.1:80',
      'wss://hub.example.com:443',
    ];
    expect(hubs(...urls)).toMatchObject({ leafNodes: { remotes: urls.map((url) => ({ url })) } });
  });

  it('is accepted by NATS, or refused before', async () => {
    const address = fc.oneof(
      fc.stringMatching(/^\[[0-9a-f:]{2,12}\]$/),
      fc.ipV6().map((ip) => `[${ip}]`),
      fc.domain(),
    );
    const url = fc
      .tuple(
        fc.constantFrom('nats-leaf', 'nats', 'tls', 'ws', 'wss'),
        address,
        fc.constantFrom('', ':7422', ':99999', ':1'),
      )
      .map(([scheme, host, port]) => `${scheme}://${host}${port}`)
      .filter((each) => /^[a-z-]+:\/\/(\[[0-9a-fA-F:]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(:[0-9]{1,5})?$/.test(each));
    await fc.assert(
      fc.asyncProperty(url, url, async (one, other) => {
        if ('path' in hubs(one, other)) return;
        const remotes = [one, other].map((each) => `{ url: "${each}" }`).join(', ');
        const files = { 'nats.conf': `leafnodes { remotes: [${remotes}] }\n`, 'credentials.conf': '' };
        expect(await configurationProblem(files)).toBe('');
      }),
      {
        numRuns: 40,
        examples: [
          ['nats-leaf://[1:2]', 'tls://b'],
          ['tls://hub', 'tls://hub:7422'],
        ],
      },
    );
  });
});

it('streams and volumes in memory are together less than the memory limit', () => {
  const jetStream = (size: string, maxSize: string, resources?: object) =>
    resolveBroker(
      brokerParent({
        jetstream: { fileStore: { size, medium: 'Memory' }, memoryStore: { maxSize } },
        ...(resources && { resources }),
      } as never),
    );
  expect(jetStream('128Mi', '128Mi')).toEqual({
    path: 'spec.jetstream.memoryStore.maxSize',
    message: 'must be less than resources.limits.memory together with fileStore.size, which is memory too',
  });
  expect(jetStream('128Mi', '127Mi')).not.toHaveProperty('path');
  expect(jetStream('128Mi', '128Mi', { limits: { memory: '1Gi' } })).not.toHaveProperty('path');
  expect(jetStream('128Mi', '128Mi', { requests: { memory: '1Gi' } })).not.toHaveProperty('path');
});

it('streams are encrypted by servers that know the key before', () => {
  const encrypted = (version: string) =>
    resolveBroker(
      brokerParent({ version, jetstream: { fileStore: { size: '1Gi' }, encryptionKeySecretRef: { name: 'key' } } }),
    );
  expect(encrypted('2.9.25-alpine')).toEqual({
    path: 'spec.jetstream.encryptionKeySecretRef',
    message: 'requires spec.version to be 2.10.0 or later',
  });
  expect(encrypted('2.10-alpine')).not.toHaveProperty('path');
});
