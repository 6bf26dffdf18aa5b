import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { type ControlPlane, IPV6_ONLY, startControlPlane } from './control-plane.ts';
import { startDriver } from './driver.ts';
import { broker, eventually, isReady, meshSync, namespace } from './expectations.ts';
import type { Kubernetes } from './kubernetes.ts';
import { type Driver, metacontrollerBinary, startMetacontroller } from './metacontroller.ts';
import { type Operator, ownBuild, startOperator } from './operator.ts';
import { kustomize, metacontrollerCrds, registrations } from './registration.ts';
import { applyPatiently } from './world.ts';

describe('a cluster without IPv4', () => {
  let controlPlane: ControlPlane;
  let kubernetes: Kubernetes;
  let operator: Operator;
  let driver: Driver;
  let failed = false;
  const keepLogs = () => {
    failed = true;
  };

  beforeAll(async () => {
    controlPlane = await startControlPlane(() => {}, IPV6_ONLY);
    kubernetes = controlPlane.kubernetes;
    const objects = [...metacontrollerCrds(), ...(await kustomize('manifests'))];
    for (const object of objects) await applyPatiently(kubernetes, object);
    operator = await startOperator(controlPlane.directory, undefined, {}, ownBuild, '::1');
    for (const controller of await registrations(operator.url)) await applyPatiently(kubernetes, controller);
    const binary = metacontrollerBinary();
    driver = binary
      ? await startMetacontroller(binary, controlPlane, 'server-side-apply')
      : startDriver(controlPlane, 'server-side-apply');
  });
  afterAll(async () => {
    await driver?.stop();
    await operator?.process.stop();
    await controlPlane?.stop(failed);
  });

  it('has ready Brokers and MeshSyncs, with IPv6 addresses in brackets', async () => {
    onTestFailed(keepLogs);
    expect(operator.url).toMatch(/^http:\/\/\[::1\]:/);
    const of = await namespace(kubernetes, 'six');
    const applied = broker(of, 'meshery-broker', {
      size: 3,
      service: { type: 'NodePort' },
      networkPolicy: { enabled: true },
      promExporter: { enabled: true },
    });
    const publisher = meshSync(of, 'meshery-meshsync');
    for (const object of [applied, publisher]) await kubernetes.apply(object);
    const [ready, publishes] = await Promise.all([applied, publisher].map((object) => isReady(kubernetes, object)));

    const service = (await kubernetes.get('v1', 'Service', 'meshery-nats', of))?.spec;
    expect([service.ipFamilies, service.clusterIP]).toEqual([['IPv6'], expect.stringContaining('fd00:10:96:')]);
    const { internal, external } = ready?.status?.endpoint ?? {};
    expect(internal).toBe(`[${service.clusterIP}]:4222`);
    const outside = (await kubernetes.get('v1', 'Service', 'meshery-nats-external', of))?.spec;
    expect(outside.ipFamilies).toEqual(['IPv6']);
    expect(IPV6_ONLY.nodes.map((address) => `[${address}]:${outside.ports[0].nodePort}`)).toContain(external);
    expect(publishes?.status?.['publishing-to']).toBe('nats://meshery-nats.six.svc:4222');
    const pods = await kubernetes.list('v1', 'Pod', of);
    expect(pods).toHaveLength(4);
    for (const { status } of pods) expect(status?.podIP).toContain('fd00:10:244:');

    await kubernetes.patch({ ...applied, spec: { service: { type: 'LoadBalancer' } } });
    await isReady(kubernetes, applied, 'LoadBalancerPending');
    const path = `/api/v1/namespaces/${of}/services/meshery-nats-external/status`;
    const status = { loadBalancer: { ingress: [{ ip: '2001:db8::7' }] } };
    await kubernetes.request('PATCH', path, { status }, { 'content-type': 'application/merge-patch+json' });
    await eventually(async () => {
      expect((await isReady(kubernetes, applied)).status?.endpoint.external).toBe('[2001:db8::7]:4222');
    });
  });
});
