import { describe, expect, it } from 'vitest';
import { at } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { condition } from '../../support/invariants.ts';
import {
  brokerParent,
  clusterWith,
  hookOf,
  meshSyncParent,
  STRATEGIES,
  settle,
  sync,
} from '../../support/scenarios.ts';

const hook = hookOf(testApp());
const NATIVE = { broker: { native: { name: 'meshery-broker', namespace: 'brokers' } } };
const broker = brokerParent({}, 'meshery-broker', 'brokers');
const meshSync = meshSyncParent(NATIVE);

describe.each(STRATEGIES)('under %s, a MeshSync', (how) => {
  it('starts no pods before its Broker has credentials, so that no pod restarts for nothing', async () => {
    const cluster = clusterWith(meshSync);
    const [waiting] = await settle(cluster, [meshSync], hook, how);
    expect(waiting?.children.map(({ kind }) => kind)).toEqual(['ServiceAccount']);
    expect(condition(waiting?.status, 'Ready')).toMatchObject({ status: 'False', reason: 'BrokerNotFound' });
    cluster.create(broker, 'kubectl');
    const pending = await sync(cluster, meshSync, hook, how);
    expect(condition(pending.status, 'BrokerResolved')).toMatchObject({ status: 'True', reason: 'Resolved' });
    expect(condition(pending.status, 'Ready')).toMatchObject({ status: 'False', reason: 'Starting' });
    expect(pending.children.map(({ kind }) => kind)).toEqual(['ServiceAccount']);
    const [, ready] = await settle(cluster, [broker, meshSync], hook, how);
    expect(ready?.children.map(({ kind }) => kind)).toEqual(['ServiceAccount', 'Secret', 'Deployment']);
    expect(condition(ready?.status, 'Ready')).toMatchObject({ status: 'True' });
  });

  it('reports that credentials are missing when its Broker has none and is not ready', async () => {
    const cluster = clusterWith(broker, meshSync);
    cluster.setStatus(broker, { conditions: [{ type: 'Ready', status: 'False', reason: 'NameConflict' }] });
    const { status, children } = await sync(cluster, meshSync, hook, how);
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'CredentialsPending' });
    expect(children.map(({ kind }) => kind)).toEqual(['ServiceAccount']);
  });

  it('reports that credentials are missing when its Broker was paused before they were generated', async () => {
    const cluster = clusterWith(broker, meshSync);
    cluster.edit(broker, 'kubectl', ({ metadata }) => {
      metadata.annotations = { 'meshery.io/pause-reconciliation': 'true' };
    });
    const [, status] = (await settle(cluster, [broker, meshSync], hook, how)).map((outcome) => outcome.status);
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'CredentialsPending' });
  });

  it('is not ready while its Broker is re-created, and keeps its children', async () => {
    const cluster = clusterWith(broker, meshSync);
    await settle(cluster, [broker, meshSync], hook, how);
    cluster.delete(broker);
    cluster.delete({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'meshery-nats-auth', namespace: 'brokers' } });
    cluster.create({ ...broker, metadata: { ...broker.metadata, uid: 'another' } }, 'kubectl');
    const { status, writes } = await sync(cluster, meshSync, hook, how);
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'CredentialsPending' });
    expect(writes).toEqual([]);
  });

  it.each<[string, string, string, object]>([
    ['is starting', 'Starting', 'Resolved', {}],
    ['is not ready because of a name conflict', 'NameConflict', 'BrokerNotReady', {}],
    ['was ready before', 'Starting', 'BrokerNotReady', { endpoint: { internal: '10.0.0.1:4222' } }],
  ])('reports the state of a Broker that %s', async (_what, reason, reported, more) => {
    const cluster = clusterWith(broker, meshSync);
    await settle(cluster, [broker], hook, how);
    cluster.setStatus(broker, {
      ...more,
      conditions: [
        { type: 'Ready', status: 'False', reason },
        { type: 'Progressing', status: 'True', reason: 'Starting' },
      ],
    });
    const { status } = await sync(cluster, meshSync, hook, how);
    expect(condition(status, 'BrokerResolved')).toMatchObject({ status: 'True', reason: reported });
  });

  it('copies the token of a Broker in another namespace into a Secret of its own', async () => {
    const cluster = clusterWith(broker, meshSync);
    await settle(cluster, [broker, meshSync], hook, how);
    const original = cluster.get('Secret.v1', 'brokers', 'meshery-nats-auth');
    const copy = cluster.get('Secret.v1', 'meshery', 'meshery-meshsync-broker-auth');
    expect(copy?.data).toEqual({ token: at(original, 'data', 'token') });
  });

  it('keeps its children while its Broker is being deleted and after it is deleted', async () => {
    const cluster = clusterWith(broker, meshSync);
    await settle(cluster, [broker, meshSync], hook, how);
    const before = cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync');
    cluster.edit(broker, 'kubectl', ({ metadata }) => {
      metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    });
    const [terminating] = await settle(cluster, [meshSync], hook, how);
    expect(condition(terminating?.status, 'Ready')).toMatchObject({ status: 'False', reason: 'BrokerTerminating' });
    cluster.delete(broker);
    const [notFound] = await settle(cluster, [meshSync], hook, how);
    expect(condition(notFound?.status, 'Ready')).toMatchObject({ status: 'False', reason: 'BrokerNotFound' });
    expect(notFound?.children.map(({ kind }) => kind).sort()).toEqual(['Deployment', 'Secret', 'ServiceAccount']);
    const after = cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync');
    expect(after?.spec).toEqual(before?.spec);
  });

  it('does not use the token of a Secret that its Broker does not own', async () => {
    const cluster = clusterWith(broker, meshSync, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'meshery-nats-auth', namespace: 'brokers' },
      data: { token: 'c29tZWJvZHk=' },
    });
    const [waiting] = await settle(cluster, [meshSync], hook, how);
    expect(condition(waiting?.status, 'Ready')).toMatchObject({ reason: 'CredentialsPending' });
    expect(JSON.stringify(waiting?.children)).not.toContain('c29tZWJvZHk=');
  });

  it('reports that its spec names no broker, and keeps its children', async () => {
    const cluster = clusterWith(broker, meshSync);
    await settle(cluster, [broker, meshSync], hook, how);
    cluster.edit(meshSync, 'kubectl', (object) => {
      object.spec = { broker: { native: {}, custom: {} } };
    });
    const [unspecified] = await settle(cluster, [meshSync], hook, how);
    expect(condition(unspecified?.status, 'Ready')).toMatchObject({ status: 'False', reason: 'BrokerNotSpecified' });
    expect(unspecified?.children.map(({ kind }) => kind).sort()).toEqual(['Deployment', 'Secret', 'ServiceAccount']);
    expect(unspecified?.status).not.toHaveProperty('publishing-to');
  });

  it('rolls its pods when the watch-list changes, and only then', async () => {
    const pods = '[{"Resource":"pods.v1.","Events":["ADDED"]}]';
    const services = '[{"Resource":"services.v1.","Events":["ADDED"]}]';
    const watching = (whitelist: string, other = '') => ({ ...NATIVE, 'watch-list': { data: { whitelist, other } } });
    const cluster = clusterWith(broker, meshSyncParent(watching(pods)));
    await settle(cluster, [broker, meshSync], hook, how);
    const template = () => at(cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync'), 'spec', 'template');
    const first = template();
    expect(first).toBeDefined();
    const change = async (spec: ReturnType<typeof watching>) => {
      cluster.edit(meshSync, 'kubectl', (object) => {
        object.spec = spec;
      });
      await settle(cluster, [meshSync], hook, how);
    };
    await change(watching(pods, 'not read'));
    expect(template()).toEqual(first);
    await change(watching(services));
    expect(template()).not.toEqual(first);
  });
});
