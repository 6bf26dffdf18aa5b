import { describe, expect, it } from 'vitest';
import { resolveEndpoint as resolve } from '../../../src/broker/endpoint.ts';
import { type Broker, resolveBroker } from '../../../src/broker/spec.ts';
import type { ObservedPod, ObservedService } from '../../../src/kubernetes/kinds.ts';
import type { JsonObject } from '../../stand-in/json.ts';
import { brokerParent } from '../../support/scenarios.ts';

function broker(service: JsonObject = {}): Broker {
  const resolved = resolveBroker(brokerParent({ service }));
  if ('path' in resolved) throw new Error(resolved.path);
  return resolved;
}

function service(spec: Partial<ObservedService['spec']>, status?: ObservedService['status']): ObservedService {
  const ports = [
    { name: 'monitor', port: 8222, nodePort: 30822 },
    { name: 'nats', port: 4222, nodePort: 30422 },
  ];
  const metadata = { name: 'meshery-nats', namespace: 'meshery' };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { clusterIP: '10.0.0.1', ports, ...spec },
    ...(status && { status }),
  };
}

/** With one Service for the clients inside and outside the cluster. */
function resolveEndpoint(
  of: Broker,
  observed: ObservedService | undefined,
  pods: ObservedPod[],
  published: string | undefined,
) {
  return resolve(of, { service: observed, external: observed }, pods, published);
}

function pod(ordinal: number, hostIP?: string, deletionTimestamp?: string): ObservedPod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `meshery-nats-${ordinal}`,
      namespace: 'meshery',
      ...(deletionTimestamp && { deletionTimestamp }),
    },
    status: { ...(hostIP && { hostIP }) },
  };
}

const ingress = (...addresses: { ip?: string; hostname?: string }[]) => ({ loadBalancer: { ingress: addresses } });
const LOAD_BALANCER = { type: 'LoadBalancer' };
const NODE_PORT = { type: 'NodePort' };

describe('the endpoint of a broker', () => {
  it.each<[string, Broker, ObservedService | undefined, string, string | undefined, string | undefined]>([
    ['without a Service', broker(), undefined, 'ServicePending', undefined, undefined],
    ['without an address', broker(), service({ clusterIP: '' }), 'ServicePending', undefined, undefined],
    ['without ports', broker(), service({ ports: [] }), 'ServicePending', undefined, undefined],
    ['inside the cluster', broker(), service({ type: 'ClusterIP' }), 'ClusterInternal', '10.0.0.1:4222', undefined],
    ['with IPv6', broker(), service({ clusterIP: 'fd00::1' }), 'ClusterInternal', '[fd00::1]:4222', undefined],
    [
      'with unnamed ports',
      broker(),
      service({ ports: [{ port: 4222 }] }),
      'ClusterInternal',
      '10.0.0.1:4222',
      undefined,
    ],
    [
      'before the type changed',
      broker(LOAD_BALANCER),
      service({ type: 'ClusterIP' }),
      'ServicePending',
      '10.0.0.1:4222',
      undefined,
    ],
    [
      'before the load balancer has an address',
      broker(LOAD_BALANCER),
      service(LOAD_BALANCER),
      'LoadBalancerPending',
      '10.0.0.1:4222',
      undefined,
    ],
    [
      'with an empty ingress',
      broker(LOAD_BALANCER),
      service(LOAD_BALANCER, ingress({})),
      'LoadBalancerPending',
      '10.0.0.1:4222',
      undefined,
    ],
    [
      'of a load balancer',
      broker(LOAD_BALANCER),
      service(LOAD_BALANCER, ingress({}, { ip: '203.0.113.1' })),
      'Published',
      '10.0.0.1:4222',
      '203.0.113.1:4222',
    ],
    [
      'of a load balancer with a host name',
      broker(LOAD_BALANCER),
      service(LOAD_BALANCER, ingress({ hostname: 'lb.example.com' })),
      'Published',
      '10.0.0.1:4222',
      'lb.example.com:4222',
    ],
    [
      'of a load balancer with IPv6',
      broker(LOAD_BALANCER),
      service(LOAD_BALANCER, ingress({ ip: '2001:db8::1' })),
      'Published',
      '10.0.0.1:4222',
      '[2001:db8::1]:4222',
    ],
    [
      'that is overridden',
      broker({ externalEndpointOverride: 'gateway:1' }),
      service({}),
      'Overridden',
      '10.0.0.1:4222',
      'gateway:1',
    ],
    [
      'that is overridden for a load balancer',
      broker({ ...LOAD_BALANCER, externalEndpointOverride: 'gateway:1' }),
      service(LOAD_BALANCER),
      'Overridden',
      '10.0.0.1:4222',
      'gateway:1',
    ],
    [
      'that is overridden without a Service',
      broker({ externalEndpointOverride: 'gateway:1' }),
      undefined,
      'ServicePending',
      undefined,
      'gateway:1',
    ],
    [
      'without a node port',
      broker(NODE_PORT),
      service({ ...NODE_PORT, ports: [{ name: 'nats', port: 4222 }] }),
      'NodePortPending',
      '10.0.0.1:4222',
      undefined,
    ],
    ['without a pod', broker(NODE_PORT), service(NODE_PORT), 'NodePending', '10.0.0.1:4222', undefined],
  ])('%s', (_what, desired, observed, reason, internal, external) => {
    const { addresses, condition } = resolveEndpoint(desired, observed, [], undefined);
    expect(addresses).toEqual({ ...(internal && { internal }), ...(external && { external }) });
    const published = ['ClusterInternal', 'Published', 'Overridden'].includes(reason);
    expect(condition).toMatchObject({
      type: 'EndpointPublished',
      desired: 'True',
      status: published ? 'True' : 'False',
      reason,
    });
  });

  it.each<[string, ObservedPod[], string | undefined, string | undefined]>([
    ['is the node of the first pod', [pod(1, '192.0.2.2'), pod(0, '192.0.2.1')], undefined, '192.0.2.1:30422'],
    [
      'is not that of a pod that is being deleted',
      [pod(0, '192.0.2.1', 'now'), pod(1, '192.0.2.2')],
      undefined,
      '192.0.2.2:30422',
    ],
    ['waits for a pod that is not scheduled', [pod(0)], undefined, undefined],
    ['stays with the published node', [pod(0, '192.0.2.1'), pod(1, '192.0.2.2')], '192.0.2.2:30422', '192.0.2.2:30422'],
    ['moves when the published node has no pod any more', [pod(0, '192.0.2.1')], '192.0.2.2:30422', '192.0.2.1:30422'],
    ['moves when the port changed', [pod(0, '192.0.2.1')], '192.0.2.1:31111', '192.0.2.1:30422'],
    ['stays while the only pod is replaced', [pod(0)], '192.0.2.2:30422', '192.0.2.2:30422'],
    ['does not stay with a port that changed', [], '192.0.2.2:31111', undefined],
  ])('the external endpoint of a NodePort Service %s', (_what, pods, published, external) => {
    const { addresses } = resolveEndpoint(broker(NODE_PORT), service(NODE_PORT), pods, published);
    expect(addresses.external).toBe(external);
  });
});

describe('several addresses', () => {
  const addressesOf = (...args: Parameters<typeof resolveEndpoint>) => resolveEndpoint(...args).addresses;

  it('of both IP families are published, the first one as the endpoint', () => {
    const dual = service({ type: 'ClusterIP', clusterIPs: ['10.0.0.1', 'fd00::1'] });
    expect(addressesOf(broker(), dual, [], undefined)).toEqual({
      internal: '10.0.0.1:4222',
      internalAddresses: ['10.0.0.1:4222', '[fd00::1]:4222'],
    });
  });

  it('of a load balancer: the published one stays while the load balancer has it', () => {
    const balanced = (...hosts: { ip?: string; hostname?: string }[]) => service(LOAD_BALANCER, ingress(...hosts));
    const [first, second] = [{ ip: '203.0.113.1' }, { ip: '2001:db8::1' }];
    const both = { externalAddresses: ['203.0.113.1:4222', '[2001:db8::1]:4222'] };
    const of = (observed: ObservedService, published?: string) =>
      addressesOf(broker(LOAD_BALANCER), observed, [], published);
    expect(of(balanced(first, second))).toMatchObject({ external: '203.0.113.1:4222', ...both });
    expect(of(balanced(second, first), '203.0.113.1:4222')).toMatchObject({ external: '203.0.113.1:4222', ...both });
    expect(of(balanced(second, first))).toMatchObject({ external: '[2001:db8::1]:4222', ...both });
    expect(of(balanced(second), '203.0.113.1:4222')).toEqual({
      internal: '10.0.0.1:4222',
      external: '[2001:db8::1]:4222',
    });
  });

  it('of a NodePort Service are those of the nodes that run servers, in both IP families', () => {
    const pods = [pod(1, '192.0.2.2'), pod(0, '192.0.2.1'), pod(2, '192.0.2.1')].map((each) => ({
      ...each,
      status: { ...each.status, hostIPs: [{ ip: each.status?.hostIP ?? '' }, { ip: '2001:db8::7' }] },
    }));
    expect(addressesOf(broker(NODE_PORT), service(NODE_PORT), pods, undefined)).toMatchObject({
      external: '192.0.2.1:30422',
      externalAddresses: ['192.0.2.1:30422', '192.0.2.2:30422', '[2001:db8::7]:30422'],
    });
  });
});

describe('a client Service that differs from the desired one', () => {
  it.each<[JsonObject, Partial<ObservedService['spec']>, string]>([
    [{ port: 14_222 }, {}, 'port 14222'],
    [{ ...NODE_PORT, nodePorts: { nats: 30_001 } }, NODE_PORT, 'node port 30001'],
    [{ ...NODE_PORT, nodePorts: { monitor: 30_002 } }, NODE_PORT, 'node port 30002'],
    [{ ipFamilyPolicy: 'RequireDualStack' }, { ipFamilyPolicy: 'SingleStack' }, 'ipFamilyPolicy RequireDualStack'],
  ])('is pending for %j, and the message names the difference', (spec, observed, text) => {
    const { condition } = resolveEndpoint(broker(spec), service(observed), [pod(0, '192.0.2.1')], undefined);
    expect(condition).toMatchObject({ status: 'False', reason: 'ServicePending' });
    expect(condition.message).toContain(text);
  });
});

describe('a Service of its own for clients outside', () => {
  const service1 = service({ type: 'ClusterIP', ports: [{ name: 'nats', port: 4222 }] });
  const services = (external?: ObservedService) => ({ service: service1, external });

  it('has the external endpoint, and the client Service the internal one', () => {
    const external = { ...service(LOAD_BALANCER, ingress({ ip: '203.0.113.1' })) };
    external.spec.clusterIP = '10.0.0.2';
    const { addresses, condition } = resolve(broker(LOAD_BALANCER), services(external), [], undefined);
    expect(addresses).toEqual({ internal: '10.0.0.1:4222', external: '203.0.113.1:4222' });
    expect(condition).toMatchObject({ status: 'True', reason: 'Published' });
  });

  it('is pending until it exists', () => {
    const wanted = broker({ ...NODE_PORT, nodePorts: { nats: 30_001 } });
    const { addresses, condition } = resolve(wanted, services(), [pod(0, '192.0.2.1')], undefined);
    expect(addresses).toEqual({ internal: '10.0.0.1:4222' });
    expect(condition).toMatchObject({ status: 'False', reason: 'ServicePending' });
    expect(condition.message).toContain('node port 30001 (if this persists, it is already allocated');
  });
});
