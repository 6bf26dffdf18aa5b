import { describe, expect, it } from 'vitest';
import { claim } from '../../src/metacontroller/claim.ts';
import { brokerParent } from '../support/scenarios.ts';

const parent = brokerParent();
const { uid } = parent.metadata;
const KEY = 'meshery/meshery-nats-auth';

function secret(ownerUid?: string, label?: string, kind = 'Broker', name = 'meshery-broker') {
  const owner = { apiVersion: 'meshery.io/v1alpha2', kind, name, uid: ownerUid ?? '', controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'meshery-nats-auth',
      namespace: 'meshery',
      ...(ownerUid && { ownerReferences: [owner] }),
      ...(label && { labels: { 'controller-uid': label } }),
    },
  };
}

const claimed = (related: ReturnType<typeof secret>) => claim(parent, 'meshery-nats-auth', {}, { [KEY]: related });

describe('claim', () => {
  it('finds a child, whatever is said of it elsewhere', () => {
    const child = secret(uid, uid);
    expect(claim(parent, 'meshery-nats-auth', { [KEY]: child }, { [KEY]: secret() })).toEqual({ observed: child });
  });

  it('finds nothing where there is nothing of that name', () => {
    expect(claim(parent, 'another', { [KEY]: secret(uid, uid) }, undefined)).toEqual({});
    expect(claim(parent, 'meshery-nats-auth', undefined, undefined)).toEqual({});
  });

  it('takes for a child what is ours by owner and label', () => {
    expect(claimed(secret(uid, uid))).toEqual({ observed: secret(uid, uid) });
  });

  it.each([
    ['ours by owner alone', secret(uid), `lacks the label controller-uid=${uid}; set it`],
    ['ours by owner, with the label of another', secret(uid, 'x'), `lacks the label controller-uid=${uid}; set it`],
    ['left from before', secret('old', 'old'), 'is left from a former Broker meshery-broker'],
    ['of another Broker', secret('x', 'x', 'Broker', 'other'), 'belongs to Broker other'],
    ['of another kind', secret('x', uid, 'Thing', 'meshery-broker'), 'belongs to Thing meshery-broker'],
    ['of nobody', secret(), 'was not made by this Broker'],
    ['of nobody, with our label', secret(undefined, uid), 'was not made by this Broker'],
  ])('leaves alone what is %s', (_what, object, reason) => {
    const { observed, taken } = claimed(object);
    expect(observed).toBeUndefined();
    expect(taken).toMatch(/^Secret meshery-nats-auth /);
    expect(taken).toContain(reason);
  });
});
