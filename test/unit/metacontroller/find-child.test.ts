import { describe, expect, it } from 'vitest';
import { kinds } from '../../../src/kubernetes/kinds.ts';
import { findChild } from '../../../src/metacontroller/find-child.ts';
import { brokerParent } from '../../support/scenarios.ts';

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

/** A Secret of a Broker of the same name in another API. */
function secretOf(apiVersion: string) {
  const { metadata, ...rest } = secret('x', 'x');
  const owner = { apiVersion, kind: 'Broker', name: 'meshery-broker', uid: 'x', controller: true };
  return { ...rest, metadata: { ...metadata, ownerReferences: [owner] } };
}

type Secrets = Record<string, ReturnType<typeof secret>> | undefined;

function find(name: string, children: Secrets, related: Secrets) {
  const request = {
    parent,
    children: { 'Secret.v1': children },
    related: { 'Secret.v1': related },
    lastStatus: undefined,
    kinds: [kinds.secret],
  };
  return findChild(request, kinds.secret, name);
}

const found = (related: ReturnType<typeof secret>) => find('meshery-nats-auth', {}, { [KEY]: related });

describe('a child that is found by name', () => {
  it('is one of the observed children, whatever is related', () => {
    const child = secret(uid, uid);
    expect(find('meshery-nats-auth', { [KEY]: child }, { [KEY]: secret() })).toEqual({ observed: child });
  });

  it('is undefined when no object has that name', () => {
    expect(find('another', { [KEY]: secret(uid, uid) }, undefined)).toEqual({});
    expect(find('meshery-nats-auth', undefined, undefined)).toEqual({});
  });

  it('is a related object with the owner and the label of the parent', () => {
    expect(found(secret(uid, uid))).toEqual({ observed: secret(uid, uid) });
  });

  const { metadata, ...rest } = secret();
  const ending = { ...rest, metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };

  it.each<[string, ReturnType<typeof secret>, string, boolean?]>([
    ['owned by the parent but without its label', secret(uid), `lacks the label controller-uid=${uid}; set it`],
    [
      'owned by the parent, with the label of another',
      secret(uid, 'x'),
      `lacks the label controller-uid=${uid}; set it`,
    ],
    [
      'left by a deleted parent of the same name',
      secret('old', 'old'),
      'belongs to a deleted Broker meshery-broker',
      true,
    ],
    ['being deleted', ending, 'is being deleted', true],
    ['of another Broker', secret('x', 'x', 'Broker', 'other'), 'is controlled by Broker other'],
    ['of another API', secretOf('eventing.knative.dev/v1'), 'is controlled by Broker meshery-broker'],
    ['of another kind', secret('x', uid, 'Thing', 'meshery-broker'), 'is controlled by Thing meshery-broker'],
    ['without an owner', secret(), 'was not created by this Broker'],
    ['without an owner, with the label of the parent', secret(undefined, uid), 'was not created by this Broker'],
  ])('is a name conflict when the related object is %s', (_what, object, reason, isPassing = false) => {
    const { observed, nameConflict } = found(object);
    expect(observed).toBeUndefined();
    expect(nameConflict?.message).toMatch(/^Secret meshery-nats-auth /);
    expect(nameConflict?.message).toContain(reason);
    expect(nameConflict?.isPassing).toBe(isPassing);
  });
});
