import { describe, expect, it } from 'vitest';
import { at, type Json, type JsonObject } from '../../stand-in/json.ts';
import { testApp } from '../../support/app.ts';
import { condition } from '../../support/invariants.ts';
import { brokerParent, meshSyncParent } from '../../support/scenarios.ts';

const TOKEN = 'tSECRET0123456789';

function broker(spec?: JsonObject): JsonObject {
  return { parent: brokerParent(spec), children: {}, related: {} };
}

function secret(data: Json): JsonObject {
  const metadata = { name: 'meshery-nats-auth', namespace: 'meshery' };
  return { 'Secret.v1': { 'meshery/meshery-nats-auth': { apiVersion: 'v1', kind: 'Secret', metadata, data } } };
}

describe('an invalid request', () => {
  it.each([
    ['cut off', `{"parent": "${TOKEN}`],
    ['no JSON', TOKEN],
    ['nothing', ''],
    ['two JSON objects', `{}{"a": "${TOKEN}"}`],
  ])('is rejected when its body is %s', async (_what, body) => {
    const response = await testApp().post('/broker/sync', body);
    expect(response.statusCode).toBe(400);
    expect(response.json()).toEqual({
      statusCode: 400,
      error: 'Bad Request',
      message: 'the body must be one JSON object',
    });
  });

  it.each(['a', 'a\nb', '\u2028', '__proto__', ''])(
    'is rejected when the child %j is no object of Kubernetes',
    async (name) => {
      const parent = JSON.stringify(brokerParent());
      const group = `{${JSON.stringify(name)}: {"apiVersion": "v1", "kind": "Secret"}}`;
      for (const kind of ['Secret.v1', 'Other.v1', 'a\nb']) {
        const children = `{${JSON.stringify(kind)}: ${group}}`;
        const response = await testApp().post('/broker/sync', `{"parent": ${parent}, "children": ${children}}`);
        expect([response.statusCode, response.json().error]).toEqual([400, 'Bad Request']);
      }
    },
  );

  it('is accepted when a key of an object has a special meaning in JavaScript', async () => {
    const config = (data: string) =>
      `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other", "namespace": "meshery"}, "data": ${data}}`;
    const data = '{"__proto__": "a", "constructor": {"prototype": "b"}}';
    const children = `{"ConfigMap.v1": {"meshery/other": ${config(data)}}, "Secret.v1": {}}`;
    const body = `{"parent": ${JSON.stringify(brokerParent())}, "children": ${children}}`;
    const response = await testApp().post('/broker/sync', body);
    expect(response.statusCode).toBe(200);
    expect(Object.prototype).not.toHaveProperty('a');
  });

  const { parent } = broker();
  const { metadata } = brokerParent();
  it.each<[string, string, Json]>([
    ['/broker/sync', '', []],
    ['/broker/sync', '', TOKEN],
    ['/broker/sync', '/parent', {}],
    ['/broker/sync', '/parent', { parent: TOKEN, children: {} }],
    ['/broker/sync', '/parent/kind', { parent: meshSyncParent(), children: {} }],
    ['/meshsync/sync', '/parent/kind', { parent: brokerParent(), children: {} }],
    [
      '/broker/sync',
      '/parent/apiVersion',
      { parent: { ...brokerParent(), apiVersion: `apps/${TOKEN}` }, children: {} },
    ],
    [
      '/broker/sync',
      '/parent/metadata/uid',
      { parent: { ...brokerParent(), metadata: { ...metadata, uid: 1 } }, children: {} },
    ],
    [
      '/broker/sync',
      '/parent/metadata/namespace',
      { parent: { ...brokerParent(), metadata: { name: TOKEN, uid: 'u' } }, children: {} },
    ],
    ['/broker/sync', '/children', { parent: parent ?? null }],
    ['/broker/sync', '/children', { parent: parent ?? null, children: TOKEN }],
    ['/broker/sync', '/children/Secret.v1', { ...broker(), children: { 'Secret.v1': TOKEN } }],
    [
      '/broker/sync',
      '/children/Secret.v1/meshery~1meshery-nats-auth/data/token',
      { ...broker(), children: secret({ token: [TOKEN] }) },
    ],
    ['/broker/sync', '/children/Secret.v1/meshery~1meshery-nats-auth/data', { ...broker(), children: secret(TOKEN) }],
    ['/broker/sync', '/related/Secret.v1/meshery~1meshery-nats-auth/data', { ...broker(), related: secret([TOKEN]) }],
    [
      '/broker/sync',
      '/children/Widget.v1/a~1b/metadata',
      { ...broker(), children: { 'Widget.v1': { 'a/b': { apiVersion: 'v1', kind: TOKEN } } } },
    ],
    ['/broker/sync', '/finalizing', { ...broker(), finalizing: TOKEN }],
    ['/broker/customize', '/parent', { parent: null }],
    ['/meshsync/customize', '/parent/kind', { parent: brokerParent() }],
  ])('at %s is rejected with the path %j', async (route, path, body) => {
    const response = await testApp().post(route, JSON.stringify(body));
    expect(response.statusCode).toBe(400);
    expect(response.text).not.toContain(TOKEN);
    const { message, ...rest } = response.json();
    expect(rest).toEqual({ statusCode: 400, error: 'Bad Request', path });
    expect(message).toMatch(path === '' ? /^the body must be / : new RegExp(`^${path} (must|is) `));
  });

  it('is rejected when the last applied configuration of a child is nested too deeply', async () => {
    const deep = `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`;
    const annotations = { 'metacontroller.k8s.io/last-applied-configuration': deep };
    const child = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a', namespace: 'meshery', annotations } };
    const parent = { ...brokerParent(), spec: { size: 'x' } };
    const children = { 'Secret.v1': { 'meshery/a': child } };
    const response = await testApp().post('/broker/sync', { parent, children });
    expect([response.statusCode, response.json()]).toEqual([
      400,
      { statusCode: 400, error: 'Bad Request', message: 'the body is nested too deeply' },
    ]);
  });

  it('is rejected again when it has the ETag of the error response', async () => {
    const service = testApp();
    const { headers } = await service.post('/broker/sync', {});
    const again = await service.post('/broker/sync', {}, { 'if-none-match': String(headers.etag) });
    expect(again.statusCode).toBe(400);
  });

  it.each(['controller', 'parent', 'children', 'related'])(
    'is rejected when its field %s is no JSON',
    async (field) => {
      const body = JSON.stringify({
        controller: {},
        parent: brokerParent(),
        children: {},
        related: {},
        finalizing: false,
      });
      const broken = body.replace(new RegExp(`"${field}":\\{`), `"${field}":{NO JSON `);
      expect(broken).not.toBe(body);
      const response = await testApp().post('/broker/sync', broken);
      expect([response.statusCode, response.json().message]).toEqual([400, 'the body must be one JSON object']);
    },
  );

  it('is rejected when it is too large', async () => {
    const response = await testApp({ bodyLimit: 2048 }).post('/broker/sync', {
      ...broker(),
      padding: 'x'.repeat(2048),
    });
    expect(response.statusCode).toBe(413);
    expect(response.json()).toMatchObject({ error: 'Payload Too Large' });
  });

  it.each(['text/plain', 'application/yaml', 'application/x-www-form-urlencoded', 'nonsense;;'])(
    'is rejected when its content type is %s',
    async (type) => {
      const response = await testApp().post('/broker/sync', JSON.stringify(broker()), { 'content-type': type });
      expect(response.statusCode).toBe(415);
      expect(response.json()).toMatchObject({ statusCode: 415, error: 'Unsupported Media Type' });
    },
  );

  it.each([
    `/${TOKEN}`,
    '/broker',
    '/broker/sync/',
    '/:a(',
    '/docs/:x(',
    '/*',
    '/broker/finalize',
    `/%ff${TOKEN}`,
    '/%E0%A4%A',
  ])('is rejected at %s, which is no route', async (url) => {
    const response = await testApp().post(url, broker());
    expect(response.statusCode).toBe(404);
    expect(response.json()).toEqual({ statusCode: 404, error: 'Not Found', message: 'the route does not exist' });
  });

  it.each([
    ['GET', '/broker/sync', 'POST'],
    ['PUT', '/meshsync/customize?a=b', 'POST'],
    ['POST', '/livez', 'GET, HEAD'],
    ['DELETE', '/', 'GET, HEAD'],
  ] as const)('is rejected for %s %s with the allowed methods', async (method, url, allow) => {
    const response = await testApp().app.inject({ method, url });
    expect(response.statusCode).toBe(405);
    expect(response.headers.allow).toBe(allow);
    expect(response.json()).toMatchObject({ statusCode: 405, error: 'Method Not Allowed' });
  });
});

describe('an internal error', () => {
  it('has a response without details', async () => {
    const service = testApp({
      context: {
        now: () => new Date(0),
        generateToken: () => {
          throw new Error(TOKEN);
        },
      },
    });
    const response = await service.post('/broker/sync', broker());
    expect(response.statusCode).toBe(500);
    expect(response.json()).toEqual({
      statusCode: 500,
      error: 'Internal Server Error',
      message: 'see the log of the operator',
    });
  });
});

describe('a resource that violates its schema', () => {
  const children = {
    'ConfigMap.v1': {
      'meshery/meshery-nats-config': {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          name: 'meshery-nats-config',
          namespace: 'meshery',
          annotations: {
            'metacontroller.k8s.io/last-applied-configuration':
              '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"meshery-nats-config","namespace":"meshery"},"data":{"nats.conf":"port: 1"}}',
          },
        },
        data: { 'nats.conf': 'port: 2' },
      },
    },
  };
  const carriedOver = [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'meshery-nats-config', namespace: 'meshery' },
      data: { 'nats.conf': 'port: 1' },
    },
  ];

  it.each<[string, Json]>([
    ['spec', TOKEN],
    ['spec.size', { size: 11 }],
    ['spec.size', { size: '3' }],
    ['spec.version', { version: TOKEN.repeat(100) }],
    ['spec.service.type', { service: { type: TOKEN } }],
    ['spec.service.loadBalancerClass', { service: { type: 'NodePort', loadBalancerClass: TOKEN } }],
    [
      'spec.service.loadBalancerSourceRanges',
      { service: { type: 'ClusterIP', loadBalancerSourceRanges: ['10.0.0.0/8'] } },
    ],
    [
      'spec.service.loadBalancerSourceRanges[1]',
      { service: { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8', '1/33'] } },
    ],
    [
      'spec.service.loadBalancerSourceRanges[0]',
      { service: { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/33'] } },
    ],
    ['spec.service.annotations.a', { service: { annotations: { a: [TOKEN] } } }],
    ['spec.service.annotations["a b"]', { service: { annotations: { 'a b': TOKEN } } }],
    [
      'spec.service.annotations["metacontroller.k8s.io/x"]',
      { service: { annotations: { 'metacontroller.k8s.io/x': TOKEN } } },
    ],
  ])('keeps its children, and a condition of the Broker names %s', async (field, spec) => {
    const response = await testApp().post('/broker/sync', { parent: { ...brokerParent(), spec }, children });
    expect(response.statusCode).toBe(200);
    expect(response.text).not.toContain(TOKEN);
    const { children: returned, status } = response.json();
    expect(returned).toEqual(carriedOver);
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
    expect(condition(status, 'SpecApplied')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
    expect(at(status, 'conditions', 0, 'message')).toMatch(
      new RegExp(`^${field.replace(/[[\].]/g, '\\$&')} (must|is) `),
    );
  });

  it.each<[string, Json]>([
    ['spec.size', { size: 0 }],
    ['spec.broker', { broker: TOKEN }],
    ['spec.broker.native.name', { broker: { native: { name: 'A Name' } } }],
    ['spec.broker.native.namespace', { broker: { native: { namespace: 'a.b' } } }],
    ['spec.broker.custom.url', { broker: { custom: { url: `nats://${TOKEN}@:4222` } } }],
    ['spec.broker.custom.url', { broker: { custom: { url: `nats://${TOKEN}@host: 4222` } } }],
    ['spec.watch-list.data.whitelist', { 'watch-list': { data: { whitelist: [TOKEN] } } }],
  ])('keeps its children, and a condition of the MeshSync names %s', async (field, spec) => {
    const response = await testApp().post('/meshsync/sync', { parent: { ...meshSyncParent(), spec }, children });
    expect(response.statusCode).toBe(200);
    expect(response.text).not.toContain(TOKEN);
    expect(response.json().children).toEqual(carriedOver);
    const [ready] = at(response.json(), 'status', 'conditions') as JsonObject[];
    expect(ready).toMatchObject({ type: 'Ready', status: 'False', reason: 'InvalidSpec' });
    expect(ready?.message).toMatch(new RegExp(`^${field.replaceAll('.', '\\.')} (must|is) `));
  });

  it('keeps all other fields of the last status', async () => {
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'Ready',
      message: 'm',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const names = { ...ready, type: 'NamesAvailable', reason: 'NoConflicts' };
    const status = { replicas: 3, endpoint: { internal: '10.0.0.1:4222' }, conditions: [ready, names] };
    const parent = { ...brokerParent({ size: 99 }), status };
    const response = await testApp().post('/broker/sync', { parent, children: {} });
    const newStatus = response.json().status as JsonObject;
    expect(newStatus).toMatchObject({ replicas: 3, endpoint: { internal: '10.0.0.1:4222' }, observedGeneration: 1 });
    expect((newStatus.conditions as JsonObject[]).map(({ type }) => type)).toEqual([
      'Ready',
      'SpecApplied',
      'NamesAvailable',
      'Stalled',
    ]);
    expect(condition(newStatus, 'NamesAvailable')).toEqual(names);
  });
});

describe('a resource that is being deleted', () => {
  it('keeps its children and its status', async () => {
    const status = { replicas: 1, conditions: [] };
    const metadata = { ...brokerParent().metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    const response = await testApp().post('/broker/sync', {
      parent: { ...brokerParent({}), metadata, status },
      children: {},
    });
    expect(response.json()).toEqual({ status, children: [] });
  });
});

describe('a response', () => {
  it('is 304 for a client that has it, and is sent in full when it changed', async () => {
    const service = testApp();
    const request = { parent: meshSyncParent({ size: 1 }), children: {} };
    const first = await service.post('/meshsync/sync', request);
    const etag = String(first.headers.etag);
    expect(etag).toMatch(/^"\S+"$/);
    const again = await service.post('/meshsync/sync', request, { 'if-none-match': etag });
    expect([again.statusCode, again.text]).toEqual([304, '']);
    const other = { parent: meshSyncParent({ size: 1 }, 'other'), children: {} };
    const changed = await service.post('/meshsync/sync', other, { 'if-none-match': etag });
    expect(changed.statusCode).toBe(200);
    expect(changed.headers.etag).not.toBe(etag);
    expect((await testApp().post('/meshsync/sync', request)).headers.etag).toBe(etag);
  });

  it.each(['/broker/customize', '/meshsync/customize'])('of %s has an ETag too', async (route) => {
    const parent = route.startsWith('/broker') ? brokerParent() : meshSyncParent();
    const service = testApp();
    const { headers } = await service.post(route, { parent });
    const again = await service.post(route, { parent }, { 'if-none-match': String(headers.etag) });
    expect(again.statusCode).toBe(304);
  });
});

describe('the Deployment of the service', () => {
  const ownDeployment = { namespace: 'tools', name: 'operator' };
  const rule = { apiVersion: 'apps/v1', resource: 'deployments', namespace: 'tools', names: ['operator'] };

  it.each([
    ['/broker/customize', brokerParent()],
    ['/meshsync/customize', meshSyncParent()],
    ['/broker/customize', brokerParent({ size: 'x' })],
  ])('is the last related object in the response of %s', async (route, parent) => {
    const rules = async (options: object) =>
      ((await testApp(options).post(route, { parent })).json() as { relatedResources: object[] }).relatedResources;
    const without = await rules({});
    expect(without).not.toContainEqual(rule);
    expect(await rules({ ownDeployment })).toEqual([...without, rule]);
  });

  it.each([
    ['/broker/sync', brokerParent()],
    ['/meshsync/sync', meshSyncParent()],
  ])('changes nothing in the response of %s', async (route, parent) => {
    const body = { parent, children: {}, related: {} };
    const related = { 'Deployment.apps/v1': { 'meshery/meshery-operator': operatorDeployment } };
    const [without, withIt] = [body, { ...body, related }].map((each) => testApp().post(route, each));
    expect((await withIt)?.json()).toEqual((await without)?.json());
  });

  it('is in the way of a MeshSync of its name and namespace only', async () => {
    const conflict = async (name: string, namespace: string) => {
      const parent = meshSyncParent({ broker: { custom: { url: 'nats://a' } } }, name, namespace);
      const related = { 'Deployment.apps/v1': { 'meshery/meshery-operator': operatorDeployment } };
      const response = (await testApp().post('/meshsync/sync', { parent, children: {}, related })).json();
      const kinds = (response.children as { kind: string }[]).map(({ kind }) => kind);
      return [condition(response.status, 'NamesAvailable')?.reason, kinds.includes('Deployment')];
    };
    expect(await conflict('meshery-operator', 'meshery')).toEqual(['NameConflict', false]);
    expect(await conflict('meshery-operator', 'other')).toEqual(['NoConflicts', true]);
    expect(await conflict('meshery-meshsync', 'meshery')).toEqual(['NoConflicts', true]);
  });
});

/** The Deployment of the operator, as Metacontroller observes it. */
const operatorDeployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'meshery-operator',
    namespace: 'meshery',
    uid: 'operator',
    generation: 2,
    labels: { app: 'meshery' },
  },
  spec: { replicas: 2, template: { spec: { containers: [{ name: 'manager', env: [{ name: 'POD_NAMESPACE' }] }] } } },
  status: { observedGeneration: 2, replicas: 2, availableReplicas: 2 },
};

describe('the health check', () => {
  it.each(['/livez', '/readyz'])('%s responds with 200 while the service runs', async (url) => {
    const response = await testApp().app.inject({ url });
    expect([response.statusCode, response.json()]).toEqual([200, { status: 'ok' }]);
  });
});
