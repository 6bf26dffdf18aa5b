import { describe, expect, it } from 'vitest';
import { oneOfs, repairEdits } from '../../../src/metacontroller/one-of.ts';
import { at, clone, type JsonObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { applyEdit, editsOf } from '../../support/one-of-edits.ts';
import {
  brokerParent,
  clusterWith,
  hookOf,
  meshSyncParent,
  STRATEGIES,
  settle,
  sync,
} from '../../support/scenarios.ts';

const broker = brokerParent({ size: 3 });
const meshSync = meshSyncParent({ broker: { native: { name: 'meshery-broker' } } });

const children = [
  ['StatefulSet.apps/v1', 'meshery-nats', broker],
  ['Deployment.apps/v1', 'meshery-meshsync', meshSync],
  ['PodDisruptionBudget.policy/v1', 'meshery-nats', broker],
  ['Service.v1', 'meshery-nats', broker],
] as const;

describe.each(STRATEGIES)('under %s', (how) => {
  async function running() {
    const hook = hookOf(testApp());
    const cluster = clusterWith(broker, meshSync);
    await settle(cluster, [broker, meshSync], hook, how);
    return { hook, cluster };
  }

  it.each(children)(
    'every edit by hand of a one-of field of %s is put back within two syncs',
    async (group, name, parent) => {
      const { hook, cluster } = await running();
      const child = () => cluster.get(group, 'meshery', name) ?? expect.fail(`no ${group}`);
      const edits = editsOf(child(), oneOfs);
      expect(edits.length).toBeGreaterThan(0);
      for (const edit of edits) {
        const before = child();
        cluster.edit(before, 'kubectl', (object) => applyEdit(object, edit));
        expect(child().spec, edit.what).not.toEqual(before.spec);
        for (let round = 0; round < 3; round++) {
          const { errors } = await sync(cluster, parent, hook, how);
          expect(errors, edit.what).toEqual([]);
          if (round === 1) expect(child().spec, edit.what).toEqual(before.spec);
        }
        const { writes } = await sync(cluster, parent, hook, how);
        expect(writes, edit.what).toEqual([]);
      }
    },
  );

  it('a paused child keeps such an edit, and is repaired after the pause', async () => {
    const { hook, cluster } = await running();
    const child = () => cluster.get('StatefulSet.apps/v1', 'meshery', 'meshery-nats') ?? expect.fail('no child');
    const pause = (annotations: JsonObject) =>
      cluster.edit(broker, 'kubectl', ({ metadata }) => Object.assign(metadata, { annotations }));
    pause({ 'meshery.io/pause-reconciliation': 'true' });
    const before = child();
    const probe = (object: object) =>
      at(object, 'spec', 'template', 'spec', 'containers', 0, 'livenessProbe') as JsonObject;
    cluster.edit(before, 'kubectl', (object) => {
      delete probe(object).httpGet;
      probe(object).tcpSocket = { port: 4222 };
    });
    const edited = child().spec;
    for (let round = 0; round < 2; round++) expect((await sync(cluster, broker, hook, how)).errors).toEqual([]);
    expect(child().spec).toEqual(edited);
    pause({});
    for (let round = 0; round < 2; round++) expect((await sync(cluster, broker, hook, how)).errors).toEqual([]);
    expect(child().spec).toEqual(before.spec);
  });
});

const observedWith = (resources: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'x', namespace: 'y' },
  spec: { template: { spec: { containers: [{ name: 'c', resources }] } } },
});
const repaired = (desired: object, seen: object) => {
  const [child] = repairEdits([observedWith(desired)], { 'Deployment.apps/v1': { 'y/x': observedWith(seen) } });
  return at(child, 'spec', 'template', 'spec', 'containers', 0, 'resources');
};

describe('limits and requests by hand', () => {
  it.each([
    [
      { requests: { cpu: '100m' } },
      { requests: { cpu: '50m' }, limits: { cpu: '50m' } },
      { cpu: '100m' },
      { cpu: '100m' },
    ],
    [
      { limits: { memory: '1Gi' } },
      { limits: { memory: '4Gi' }, requests: { memory: '2Gi' } },
      { memory: '1Gi' },
      { memory: '1Gi' },
    ],
  ])('that contradict %j become ours with its quantity', (desired, seen, limits, requests) => {
    expect(repaired(desired, seen)).toEqual({ limits, requests });
  });

  it('that do not contradict are left alone', () => {
    const desired = { requests: { cpu: '100m' }, limits: { memory: '1Gi' } };
    expect(repaired(desired, { limits: { cpu: '200m', memory: '1Gi' }, requests: { memory: '1Mi' } })).toEqual(desired);
  });
});

it('a child without such an edit is returned as it is', () => {
  const child = observedWith({ requests: { cpu: '1' } });
  expect(repairEdits([child], { 'Deployment.apps/v1': { 'y/x': clone(child) } })[0]).toBe(child);
});
