import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { quantities } from '../support/quantities.ts';
import { type ControlPlane, NODE_ADDRESSES, startControlPlane } from './control-plane.ts';
import { startDriver } from './driver.ts';
import { eventually, names } from './expectations.ts';
import type { Kubernetes, KubernetesObject, Table } from './kubernetes.ts';
import { metacontrollerBinary, startMetacontroller } from './metacontroller.ts';
import { metacontrollerCrds } from './registration.ts';
import { type DriverName, isDouble, strategyOf } from './world.ts';

const SMOKE = 'smoke.example.com/v1';
const binary = metacontrollerBinary();

interface SyncRequest {
  parent: KubernetesObject;
  children: Record<string, Record<string, KubernetesObject>>;
  related: Record<string, Record<string, KubernetesObject>>;
}

/** The harness itself, with a resource and hooks that are independent of the operator. */
describe('the control plane of the tests', () => {
  let controlPlane: ControlPlane;
  let kubernetes: Kubernetes;
  let hooks: Server;
  let failed = false;
  /** Status codes of the next responses of the sync hook. */
  let failures: number[] = [];

  beforeAll(async () => {
    const started = Date.now();
    const log = (line: string) => console.log(`${((Date.now() - started) / 1000).toFixed(1)} s  ${line}`);
    controlPlane = await startControlPlane(log);
    kubernetes = controlPlane.kubernetes;
    log('the control plane is up');
    for (const crd of [...metacontrollerCrds(), widgetCrd()]) await kubernetes.apply(crd);
    hooks = createServer(async (request, response) => {
      const body = (await json(request)) as SyncRequest;
      const failure = request.url === '/sync' ? failures.shift() : undefined;
      response.writeHead(failure ?? 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(request.url === '/sync' ? sync(body) : customize(body)));
    });
    await new Promise<void>((resolve) => hooks.listen(0, '127.0.0.1', resolve));
    const { port } = hooks.address() as AddressInfo;
    await eventually(async () => void (await kubernetes.apply(registration(`http://127.0.0.1:${port}`))));
  });

  afterAll(async () => {
    hooks?.closeAllConnections();
    hooks?.close();
    await controlPlane?.stop(failed);
    if (controlPlane && !failed) expect(existsSync(controlPlane.directory)).toBe(false);
  });

  const start = async (name: DriverName) => {
    if (isDouble(name)) return startDriver(controlPlane, strategyOf(name));
    return startMetacontroller(binary ?? '', controlPlane, strategyOf(name));
  };
  const doubles: DriverName[] = ['test-double', 'test-double-dynamic-apply'];
  const drivers: DriverName[] = binary ? ['server-side-apply', 'dynamic-apply', ...doubles] : doubles;

  it('has the version of Kubernetes that was chosen', async () => {
    const { gitVersion } = (await kubernetes.request('GET', '/version')).body as { gitVersion: string };
    expect(gitVersion.startsWith('v1.30.')).toBe(process.env.KUBERNETES === '1.30');
  });

  it('returns quantities in the form in which the operator writes them', async () => {
    const path = '/api/v1/namespaces/default/pods?dryRun=All';
    const create = async (requested: string, limit: string) => {
      const resources = { requests: { 'ephemeral-storage': requested }, limits: { 'ephemeral-storage': limit } };
      const spec = { containers: [{ name: 'c', image: 'i', resources }] };
      const { status, body } = await kubernetes.request('POST', path, { metadata: { name: 'quantity' }, spec });
      expect(status, JSON.stringify([requested, limit, body])).toBe(201);
      return (body as KubernetesObject).spec?.containers[0].resources.limits['ephemeral-storage'];
    };
    for (const [quantity, canonical] of quantities) {
      // The canonical form is returned unchanged. It is not less, and not more unless a fraction was rounded up.
      expect(await create(quantity, canonical)).toBe(canonical);
      if (!quantity.includes('.')) await create(canonical, quantity);
    }
  });

  it.each(drivers)('reconciles a resource from its creation to its deletion under %s', async (name) => {
    onTestFailed(() => {
      failed = true;
    });
    const of = `smoke-${name}`;
    const widget = { apiVersion: SMOKE, kind: 'Widget', metadata: { name: 'w', namespace: of } };
    const status = async () => (await kubernetes.get(SMOKE, 'Widget', 'w', of))?.status;
    const children = async () =>
      names([
        ...(await kubernetes.list('v1', 'ConfigMap', of)).map((object) => ({ ...object, kind: 'ConfigMap' })),
        ...(await kubernetes.list('apps/v1', 'StatefulSet', of)).map((object) => ({ ...object, kind: 'StatefulSet' })),
      ]).filter((child) => child !== 'ConfigMap/kube-root-ca.crt');

    const driver = await start(name);
    try {
      await kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: of } });
      await kubernetes.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'w', namespace: of } });
      await kubernetes.apply({ ...widget, spec: { replicas: 2, config: true } });
      const selector = 'app=w';
      await eventually(async () =>
        expect(await status()).toEqual({ observedGeneration: 1, replicas: 2, related: [`${of}/w`], selector }),
      );
      expect(await children()).toEqual(['ConfigMap/w', 'StatefulSet/w']);
      const uid = (await kubernetes.get(SMOKE, 'Widget', 'w', of))?.metadata.uid;
      const made = await kubernetes.get('apps/v1', 'StatefulSet', 'w', of);
      expect(made?.metadata.labels?.['controller-uid']).toBe(uid);
      expect(made?.metadata.ownerReferences).toMatchObject([{ kind: 'Widget', name: 'w', uid, controller: true }]);
      const pods = await kubernetes.list('v1', 'Pod', of);
      expect(pods.map(({ status }) => status?.phase)).toEqual(['Running', 'Running']);
      for (const pod of pods) {
        expect(NODE_ADDRESSES).toContain(pod.status?.hostIP);
        expect(pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
      }

      const path = `/apis/${SMOKE}/namespaces/${of}/widgets/w`;
      const accept = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
      expect(((await kubernetes.request('GET', path, undefined, accept)).body as Table).rows[0]?.cells).toEqual([
        'w',
        2,
      ]);
      const merge = { 'content-type': 'application/merge-patch+json' };
      await kubernetes.request('PATCH', `${path}/scale`, { spec: { replicas: 1 } }, merge);
      await eventually(async () => expect(await status()).toMatchObject({ observedGeneration: 2, replicas: 1 }));

      // A failed sync changes nothing and is retried; a child that is not desired any more is deleted.
      failures = [500, 429, 503];
      await kubernetes.patch({ ...widget, spec: { config: false } });
      await eventually(async () => expect(await children()).toEqual(['StatefulSet/w']));
      expect(failures).toEqual([]);

      await kubernetes.delete('apps/v1', 'StatefulSet', 'w', of);
      await eventually(async () => {
        const again = await kubernetes.get('apps/v1', 'StatefulSet', 'w', of);
        expect([again?.metadata.uid === made?.metadata.uid, again?.status?.readyReplicas]).toEqual([false, 1]);
      });

      // A child that the API server rejects stops neither the others nor the status, and is retried until it is accepted.
      await kubernetes.apply(quota(of, 0));
      await eventually(async () =>
        expect((await kubernetes.get('v1', 'ResourceQuota', 'q', of))?.status?.used).toBeTruthy(),
      );
      await kubernetes.patch({ ...widget, spec: { config: true } });
      await eventually(async () => expect(await status()).toMatchObject({ observedGeneration: 4 }));
      expect(await children()).toEqual(['StatefulSet/w']);
      await kubernetes.delete('v1', 'ResourceQuota', 'q', of);
      await eventually(async () => expect(await children()).toEqual(['ConfigMap/w', 'StatefulSet/w']), 60);

      await controlPlane.restartApiServer();
      await kubernetes.patch({ ...widget, spec: { replicas: 3 } });
      await eventually(async () => expect(await status()).toMatchObject({ observedGeneration: 5, replicas: 3 }), 60);

      await kubernetes.delete(SMOKE, 'Widget', 'w', of);
      await eventually(async () => expect(await children()).toEqual([]));
    } finally {
      await driver.stop();
    }
  });
});

function sync({ parent, children, related }: SyncRequest): object {
  const { name, namespace } = parent.metadata;
  const { replicas, config } = parent.spec;
  const made = children['StatefulSet.apps/v1']?.[`${namespace}/${name}`];
  const labels = { app: name };
  const statefulSet = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace },
    spec: {
      replicas,
      serviceName: name,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'pause', image: 'pause' }] } },
    },
  };
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { key: 'value' } };
  return {
    status: {
      replicas: made?.status?.readyReplicas ?? 0,
      related: Object.keys(related['Secret.v1'] ?? {}),
      selector: `app=${name}`,
    },
    // The child that may be rejected comes first: the other must be applied anyway.
    children: [...(config ? [configMap] : []), statefulSet],
  };
}

function customize({ parent }: SyncRequest): object {
  const { name, namespace } = parent.metadata;
  return { relatedResources: [{ apiVersion: 'v1', resource: 'secrets', namespace, names: [name] }] };
}

function quota(namespace: string, configMaps: number): object {
  const hard = { 'count/configmaps': `${configMaps}` };
  return { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q', namespace }, spec: { hard } };
}

function registration(url: string): object {
  const updateStrategy = { method: 'InPlace' };
  const hook = (path: string) => ({ version: 'v2', webhook: { url: `${url}/${path}` } });
  return {
    apiVersion: 'metacontroller.k8s.io/v1alpha1',
    kind: 'CompositeController',
    metadata: { name: 'widgets' },
    spec: {
      generateSelector: true,
      parentResource: { apiVersion: SMOKE, resource: 'widgets' },
      childResources: [
        { apiVersion: 'v1', resource: 'configmaps', updateStrategy },
        { apiVersion: 'apps/v1', resource: 'statefulsets', updateStrategy },
      ],
      hooks: { sync: hook('sync'), customize: hook('customize') },
    },
  };
}

function widgetCrd(): object {
  const integer = { type: 'integer' };
  const text = { type: 'string' };
  const schema = {
    type: 'object',
    properties: {
      spec: { type: 'object', properties: { replicas: integer, config: { type: 'boolean' } } },
      status: {
        type: 'object',
        properties: {
          observedGeneration: integer,
          replicas: integer,
          related: { type: 'array', items: text },
          selector: text,
        },
      },
    },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.smoke.example.com' },
    spec: {
      group: 'smoke.example.com',
      names: { kind: 'Widget', plural: 'widgets', singular: 'widget', listKind: 'WidgetList' },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          additionalPrinterColumns: [{ name: 'Replicas', type: 'integer', jsonPath: '.status.replicas' }],
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
        },
      ],
    },
  };
}
