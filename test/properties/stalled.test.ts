import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { controllers } from '../../src/controllers.ts';
import { type ConditionTable, commonConditions } from '../../src/metacontroller/conditions.ts';
import { runControllers } from '../stand-in/controllers.ts';
import type { JsonObject } from '../stand-in/json.ts';
import { START, testApp } from '../support/app.ts';
import {
  brokerSpec,
  FAR,
  invalidBrokerSpec,
  meshSyncSpec,
  NEAR,
  OWN_SECRETS,
  ROUTES_SECRET,
  TLS_SECRET,
} from '../support/arbitraries.ts';
import { authority, issue, tlsSecret } from '../support/certificates.ts';
import { condition } from '../support/invariants.ts';
import { expectRest } from '../support/rest.ts';
import {
  brokerParent,
  clusterWith,
  hookOf,
  meshSyncParent,
  READY,
  STRATEGIES,
  settle,
  sync,
} from '../support/scenarios.ts';

const ca = await authority();
const secrets = [
  tlsSecret(TLS_SECRET, await issue(ca, 'meshery-nats.meshery.svc'), ca),
  tlsSecret(ROUTES_SECRET, await issue(ca, '*.meshery-nats-headless.meshery.svc'), ca),
  ...OWN_SECRETS,
];

const service = testApp();
const strategy = fc.constantFrom(...STRATEGIES);
const annotations = fc.constantFrom<JsonObject>(
  {},
  { 'meshery.io/pause-reconciliation': 'true' },
  { 'meshery.io/hibernation': 'on' },
  { 'meshery.io/pause-reconciliation': 'true', 'meshery.io/hibernation': 'on' },
);
const edits = (spec: fc.Arbitrary<JsonObject>) =>
  fc.array(fc.record({ spec, annotations }), { minLength: 1, maxLength: 4 });

describe('Stalled', () => {
  const specs = {
    Broker: fc.oneof(brokerSpec, invalidBrokerSpec),
    MeshSync: fc.oneof(meshSyncSpec, fc.constant<JsonObject>({ version: 'not a tag' })),
  };

  it.each(['Broker', 'MeshSync'] as const)(
    'of a %s that is edited, paused and hibernated is there exactly while an edit is needed, and settles',
    async (kind) => {
      const parent = kind === 'Broker' ? brokerParent({}) : meshSyncParent({});
      const seen = new Set<string>();
      await fc.assert(
        fc.asyncProperty(edits(specs[kind]), strategy, async (sequence, how) => {
          const brokers = [NEAR, FAR].map(({ name, namespace }) => brokerParent({}, name, namespace));
          const others = kind === 'Broker' ? [] : brokers;
          const cluster = clusterWith(...others, parent, ...secrets);
          service.clock.time = START;
          await settle(cluster, [...others, parent], hookOf(service), how);
          for (const { spec, annotations } of sequence) {
            cluster.edit(parent, 'kubectl', (object) => {
              object.spec = spec;
              Object.assign(object.metadata, { annotations });
            });
            // Checks Stalled of every response, and that the last ones are the same.
            const { status } = await expectRest(service, cluster, parent, how, 4);
            seen.add(String(condition(status, 'Stalled')?.reason));
            runControllers(cluster, READY);
          }
        }),
        { numRuns: 60 },
      );
      expect([...seen]).toEqual(expect.arrayContaining(['undefined', 'InvalidSpec']));
    },
  );

  it('of a new Broker is there from the first sync on, or never while it starts', async () => {
    await fc.assert(
      fc.asyncProperty(brokerSpec, strategy, async (spec, how) => {
        const parent = brokerParent(spec);
        const cluster = clusterWith(parent, ...secrets);
        const reasons = new Set<string | undefined>();
        for (let step = 0; step < 4; step++) {
          const { status } = await sync(cluster, parent, hookOf(service), how);
          reasons.add(condition(status, 'Stalled')?.reason);
          runControllers(cluster, READY);
        }
        expect([[undefined], ['InvalidSpec']]).toContainEqual([...reasons]);
      }),
      { numRuns: 60 },
    );
  });
});

describe.each(controllers.map(({ kind, conditions }) => [kind, conditions]))('the conditions of a %s', (_kind, own) => {
  const table: ConditionTable = { ...commonConditions, ...own };
  const all = Object.entries(table);

  it('name reasons of their own that need edits', () => {
    for (const [type, { needEdits = [], reasons }] of all) {
      for (const reason of needEdits) expect(reasons[reason], `${type} ${reason}`).toMatch(/^False: /);
    }
  });

  it('agree on the reasons that need edits, since Ready has the reason alone', () => {
    const needEdits = new Set(all.flatMap(([, each]) => each.needEdits ?? []));
    for (const [type, { reasons, needEdits: own = [] }] of all) {
      const shared = Object.keys(reasons).filter((reason) => needEdits.has(reason));
      expect(shared.sort(), type).toEqual([...own].sort());
    }
  });
});
