import { describe, expect, it } from 'vitest';
import { resolveBroker } from '../../../src/broker/spec.ts';

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
