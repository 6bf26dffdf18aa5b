import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Cluster } from '../stand-in/cluster.ts';
import { LAST_APPLIED } from '../stand-in/dynamic-apply.ts';
import { at, clone, isObject, type JsonObject, type KubeObject } from '../stand-in/json.ts';
import { START, testApp } from '../support/app.ts';
import { condition } from '../support/invariants.ts';
import { expectRest } from '../support/rest.ts';
import { STRATEGIES } from '../support/scenarios.ts';

interface Recorded {
  parent: KubeObject;
  children: Record<string, Record<string, KubeObject>>;
  related: Record<string, Record<string, KubeObject>>;
}

function payload(name: string): Recorded {
  return JSON.parse(readFileSync(`test/payloads/${name}.json`, 'utf8')) as Recorded;
}

const TOKEN = 't2b4a2390d3dd47f9dd4a9ac23a9e7dc03e0197da6c51e1a1fbf8f5e6ae1c99d2';

async function respond(route: string, name: string, secrets: KubeObject[] = []) {
  const service = testApp();
  const request = payload(name);
  for (const secret of secrets)
    request.children['Secret.v1'] = { ...request.children['Secret.v1'], [key(secret)]: secret };
  const response = await service.post(route, request);
  expect(response.statusCode).toBe(200);
  const body = response.json();
  const children = (body.children ?? []) as unknown as KubeObject[];
  const find = (kind: string, name: string) =>
    children.find((child) => child.kind === kind && child.metadata.name === name) as KubeObject;
  return { body, children, find, generated: service.generated };
}

const key = ({ metadata: { namespace, name } }: KubeObject) => `${namespace}/${name}`;

/** The response to a request after the Secrets of the first response were created. */
async function respondOnceSeen(route: string, name: string) {
  const { children } = await respond(route, name);
  return respond(
    route,
    name,
    children.filter(({ kind }) => kind === 'Secret'),
  );
}

const names = (children: KubeObject[]) =>
  children.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.namespace}/${metadata.name}`);

const BROKER_CHILDREN = [
  'apps/v1 StatefulSet meshery/meshery-nats',
  'v1 ConfigMap meshery/meshery-nats-config',
  'v1 Secret meshery/meshery-nats-auth',
  'v1 Secret meshery/meshery-nats-server',
  'v1 Service meshery/meshery-nats',
  'v1 Service meshery/meshery-nats-headless',
];

describe.each(['broker-first-sync', 'broker-children-created', 'broker-ready'])('%s', (name) => {
  it('gets a response with every child and a status, and nothing else', async () => {
    const { body, children } = await respond('/broker/sync', name);
    expect(Object.keys(body).sort()).toEqual(['children', 'status']);
    expect(names(children).sort()).toEqual(BROKER_CHILDREN);
    for (const child of children) {
      const known = ['apiVersion', 'kind', 'metadata', 'data', 'spec'];
      expect(Object.keys(child).filter((key) => !known.includes(key))).toEqual([]);
    }
  });
});

describe('broker-first-sync', () => {
  it('creates a Broker with the immutable fields that Brokers have always had', async () => {
    const { find, generated, body } = await respond('/broker/sync', 'broker-first-sync');
    const { spec } = find('StatefulSet', 'meshery-nats');
    expect(spec).toMatchObject({ podManagementPolicy: 'Parallel', serviceName: 'meshery-nats-headless', replicas: 1 });
    expect(at(spec, 'selector')).toEqual({
      matchLabels: {
        'app.kubernetes.io/component': 'nats',
        'app.kubernetes.io/instance': 'meshery-nats',
        'app.kubernetes.io/name': 'nats',
      },
    });
    expect(Object.keys(spec as JsonObject)).not.toContain('volumeClaimTemplates');
    expect(generated).toHaveLength(2);
    expect(body.status).not.toHaveProperty('endpoint');
    expect(condition(body.status, 'Ready')).toMatchObject({ status: 'False', reason: 'Starting' });
  });
});

describe.each(['broker-children-created', 'broker-ready'])('%s', (name) => {
  it('keeps the observed immutable fields, in every child that depends on them', async () => {
    const { find } = await respondOnceSeen('/broker/sync', name);
    const selector = { 'app.kubernetes.io/instance': 'meshery-broker', 'app.kubernetes.io/name': 'nats' };
    const { spec } = find('StatefulSet', 'meshery-nats');
    expect(spec).toMatchObject({ podManagementPolicy: 'OrderedReady', serviceName: 'meshery-nats-headless' });
    expect(at(spec, 'selector', 'matchLabels')).toEqual(selector);
    expect(at(spec, 'template', 'metadata', 'labels')).toMatchObject(selector);
    expect(at(find('Service', 'meshery-nats'), 'spec', 'selector')).toEqual(selector);
    expect(at(find('Service', 'meshery-nats-headless'), 'spec', 'selector')).toEqual(selector);
    expect(at(find('Service', 'meshery-nats-headless'), 'spec', 'clusterIP')).toBe('None');
  });

  it('keeps the token and generates only the missing password', async () => {
    const { find, generated } = await respond('/broker/sync', name);
    const encode = (text = '') => Buffer.from(text).toString('base64');
    expect(find('Secret', 'meshery-nats-auth').data).toEqual({ token: encode(TOKEN) });
    expect(generated).toHaveLength(1);
    expect(at(find('Secret', 'meshery-nats-server'), 'data', 'route-password')).toBe(encode(generated[0]));
  });

  it('is not reported ready while children of the Go operator are still to be changed', async () => {
    const { body } = await respond('/broker/sync', name);
    expect(at(body, 'status', 'endpoint')).toEqual({ internal: '10.0.82.167:4222' });
    const wasReady = name === 'broker-ready';
    expect(condition(body.status, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'Updating',
      lastTransitionTime: wasReady ? START : '2026-11-23T16:41:26Z',
    });
  });
});

describe('meshsync-customize', () => {
  it('requests the Broker, its Secret, and objects with the names of children as related objects', async () => {
    const { body } = await respond('/meshsync/customize', 'meshsync-customize');
    const namespace = 'meshery';
    expect(body).toEqual({
      relatedResources: [
        { apiVersion: 'apps/v1', resource: 'deployments', namespace, names: ['meshery-meshsync'] },
        { apiVersion: 'v1', resource: 'serviceaccounts', namespace, names: ['meshery-meshsync'] },
        {
          ...{ apiVersion: 'v1', resource: 'secrets', namespace },
          names: ['meshery-meshsync-broker-auth', 'meshery-nats-auth'],
        },
        { apiVersion: 'meshery.io/v1alpha2', resource: 'brokers', namespace, names: ['meshery-broker'] },
      ],
    });
  });
});

describe('meshsync-ready', () => {
  it('keeps the last applied configuration of the Deployment, since the Secret of the Broker is missing', async () => {
    const { body, children, find } = await respond('/meshsync/sync', 'meshsync-ready');
    expect(Object.keys(body).sort()).toEqual(['children', 'status']);
    expect(names(children).sort()).toEqual([
      'apps/v1 Deployment meshery/meshery-meshsync',
      'v1 ServiceAccount meshery/meshery-meshsync',
    ]);
    const observed = payload('meshsync-ready').children['Deployment.apps/v1']?.['meshery/meshery-meshsync'];
    const lastApplied: unknown = JSON.parse(observed?.metadata.annotations?.[LAST_APPLIED] ?? '');
    expect(find('Deployment', 'meshery-meshsync')).toEqual(lastApplied);
    expect(condition(body.status, 'Ready')).toMatchObject({ status: 'False', reason: 'CredentialsPending' });
    expect(at(body, 'status', 'publishing-to')).toBe('nats://meshery-nats.meshery.svc:4222');
  });

  it('keeps the selector and labels of the Deployment once the Secret exists', async () => {
    const request = payload('meshsync-ready');
    const [secret] = Object.values(payload('broker-ready').children['Secret.v1'] ?? {});
    const response = await testApp().post('/meshsync/sync', {
      ...request,
      related: { ...request.related, 'Secret.v1': { 'meshery/meshery-nats-auth': secret } },
    });
    const children = response.json().children as unknown as KubeObject[];
    const deployment = children.find(({ kind }) => kind === 'Deployment');
    const selector = { 'app.kubernetes.io/instance': 'meshery-meshsync', 'app.kubernetes.io/name': 'meshsync' };
    expect(at(deployment, 'spec', 'selector', 'matchLabels')).toEqual(selector);
    expect(at(deployment, 'spec', 'template', 'metadata', 'labels')).toMatchObject({
      ...selector,
      app: 'meshery',
      component: 'meshsync',
    });
    expect(children.map(({ kind }) => kind)).not.toContain('Secret');
  });
});

describe.each(STRATEGIES)('under %s', (how) => {
  it.each(['broker-first-sync', 'broker-children-created', 'broker-ready', 'meshsync-ready'])(
    '%s needs no more writes after its response is applied',
    async (name) => {
      const { parent, children, related } = payload(name);
      const cluster = new Cluster();
      const objects = [children, related].flatMap(Object.values).flatMap((group) => Object.values(group));
      for (const object of [parent, ...objects]) cluster.restore(clone(object) as KubeObject);
      // Pods of the Go operator get their new password once it has been seen.
      const { status } = await expectRest(testApp(), cluster, parent, how, 2);
      expect(isObject(status)).toBe(true);
    },
  );
});
