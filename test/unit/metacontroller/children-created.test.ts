import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../stand-in/json.ts';
import { START, testApp } from '../../support/app.ts';
import { condition } from '../../support/invariants.ts';
import {
  brokerParent,
  clusterWith,
  hookOf,
  meshSyncParent,
  type ParentObject,
  STRATEGIES,
  settle,
  sync,
} from '../../support/scenarios.ts';

const broker = brokerParent({ size: 3, networkPolicy: { enabled: true } });
const meshSync = meshSyncParent({ broker: { custom: { url: 'nats://user:pa55word@a' } } });

const children: [string, string, ParentObject][] = [
  ['ConfigMap', 'meshery-nats-config', broker],
  ['Service', 'meshery-nats-headless', broker],
  ['Service', 'meshery-nats', broker],
  ['StatefulSet', 'meshery-nats', broker],
  ['PodDisruptionBudget', 'meshery-nats', broker],
  ['NetworkPolicy', 'meshery-nats', broker],
  ['ServiceAccount', 'meshery-meshsync', meshSync],
  ['Secret', 'meshery-meshsync-broker-auth', meshSync],
  ['Deployment', 'meshery-meshsync', meshSync],
];

/** A cluster with a resource, of which the child of a kind and name is refused until `admit` is called. */
function refusing(how: (typeof STRATEGIES)[number], parent: ParentObject, kind?: string, name?: string) {
  const service = testApp();
  const hook = hookOf(service);
  const cluster = clusterWith(parent);
  let refused = kind !== undefined;
  const isRefused = (object: KubeObject) => object.kind === kind && object.metadata.name === name;
  return {
    cluster,
    admit: () => {
      refused = false;
    },
    settle: () => settle(cluster, [parent], hook, how),
    /** One sync, some seconds after the first. */
    at: async (seconds: number) => {
      service.clock.time = new Date(Date.parse(START) + seconds * 1_000).toISOString();
      const outcome = await sync(cluster, parent, hook, how);
      if (refused) for (const each of outcome.children.filter(isRefused)) cluster.delete(each);
      return {
        written: outcome.statusWritten,
        created: condition(outcome.status, 'ChildrenCreated'),
        ready: condition(outcome.status, 'Ready'),
      };
    },
  };
}

describe.each(STRATEGIES)('under %s, a child that is refused', (how) => {
  it.each(children)(
    'is named by the condition ChildrenCreated after some seconds: %s %s',
    async (kind, name, parent) => {
      const { at, admit } = refusing(how, parent, kind, name);
      expect(await at(0)).toMatchObject({ written: true, created: undefined });
      await at(0); // under dynamic-apply, the condition CredentialsExposed appears with the Secret
      for (const early of [0, 5, 9.9]) expect(await at(early)).toMatchObject({ written: false, created: undefined });

      const pending = await at(10);
      expect(pending).toMatchObject({
        created: { status: 'Unknown', reason: 'Creating', message: `Being created: ${kind} ${name}.` },
        ready: { reason: 'Starting' },
      });
      expect((await at(19)).written).toBe(false);

      const expected = {
        reason: 'ChildNotCreated',
        message: `Not created: ${kind} ${name}. The Events of the ${parent.kind} say why, such as an admission policy that refuses it: kubectl describe ${parent.kind.toLowerCase()} ${parent.metadata.name} -n meshery.`,
      };
      expect(await at(21)).toMatchObject({ written: true, created: { status: 'False', ...expected }, ready: expected });
      for (const later of [21, 40, 100_000]) {
        expect(await at(later)).toMatchObject({ written: false, created: expected, ready: expected });
      }

      admit();
      expect(await at(100_001)).toMatchObject({ written: false, created: expected });
      expect(await at(100_001)).toMatchObject({ created: undefined, ready: { reason: 'Starting' } });
    },
  );

  it('after an edit is first tried for some seconds too, while Ready stays True', async () => {
    const parent = brokerParent({ size: 3 });
    const { at, cluster, settle } = refusing(how, parent, 'NetworkPolicy', 'meshery-nats');
    await settle();
    cluster.edit(parent, 'kubectl', (object) => {
      object.spec = { size: 3, networkPolicy: { enabled: true } };
    });
    expect(await at(100)).toMatchObject({ created: undefined, ready: { status: 'True' } });
    expect(await at(100)).toMatchObject({ created: { status: 'Unknown' }, ready: { status: 'True' } });
    expect(await at(109)).toMatchObject({ created: { status: 'Unknown' }, ready: { status: 'True' } });
    expect(await at(110)).toMatchObject({ created: { status: 'False' }, ready: { reason: 'ChildNotCreated' } });
  });
});

describe.each(STRATEGIES)('under %s, the condition ChildrenCreated', (how) => {
  it('does not affect Ready when a child was deleted by hand, and goes away with the next sync', async () => {
    const parent = brokerParent({ size: 3 });
    const { at, cluster, settle } = refusing(how, parent);
    await settle();
    const budget = cluster.get('PodDisruptionBudget.policy/v1', 'meshery', 'meshery-nats');
    if (!budget) throw new Error('no PodDisruptionBudget');
    cluster.delete(budget);
    expect(await at(1_000)).toMatchObject({ created: { reason: 'Creating' }, ready: { status: 'True' } });
    expect(await at(1_000)).toMatchObject({ created: undefined, ready: { status: 'True' } });
  });

  it('is not there for a name conflict, nor for a child that is not created on purpose', async () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'meshery-nats', namespace: 'meshery' } };
    const taken = refusing(how, broker);
    taken.cluster.create({ ...service, spec: {} }, 'kubectl');
    const deferred = refusing(how, meshSyncParent({ broker: { native: { name: 'missing' } } }));
    for (const seconds of [0, 20, 40, 60]) {
      expect(await taken.at(seconds)).toMatchObject({ created: undefined, ready: { reason: 'NameConflict' } });
      expect(await deferred.at(seconds)).toMatchObject({ created: undefined, ready: { reason: 'BrokerNotFound' } });
    }
  });

  it('is not there in the first answer with children after a long wait, and costs no write', async () => {
    const { at, cluster } = refusing(how, meshSyncParent({ broker: { native: { name: 'meshery-broker' } } }));
    for (const seconds of [0, 100]) expect((await at(seconds)).ready?.reason).toBe('BrokerNotFound');
    const resolved = brokerParent({});
    cluster.create(resolved, 'kubectl');
    await settle(cluster, [resolved], hookOf(testApp()), how, { ready: false, addresses: false });
    expect(await at(200)).toMatchObject({ written: true, created: undefined, ready: { reason: 'Starting' } });
    expect(await at(200)).toMatchObject({ written: false, created: undefined });
  });

  it('is not kept while the spec is invalid', async () => {
    const { at, cluster } = refusing(how, broker, 'NetworkPolicy', 'meshery-nats');
    for (const seconds of [0, 10]) await at(seconds);
    expect((await at(30)).created?.status).toBe('False');
    cluster.edit(broker, 'kubectl', (object) => {
      object.spec = { size: 'x' };
    });
    expect(await at(31)).toMatchObject({ created: undefined, ready: { reason: 'InvalidSpec' } });
  });
});
