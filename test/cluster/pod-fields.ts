import { expect, it, onTestFailed } from 'vitest';
import type { JsonObject } from '../stand-in/json.ts';
import { podOfSpec, REFUSED_PODS } from '../support/refused-pods.ts';
import { countChanges } from './changes.ts';
import { conditionOf, eventually, isReady, rests } from './expectations.ts';
import type { KubernetesObject } from './kubernetes.ts';
import type { Scene } from './scenarios.ts';

/** What a spec adds to the pods and Services of a Broker and a MeshSync, in a cluster. */
export function podFields({ kubernetes: cluster, keepLogs, pair, get, patchSpec }: Scene): void {
  const workloads = async (of: string) => [
    await get('apps/v1', 'StatefulSet', 'meshery-nats', of),
    await get('apps/v1', 'Deployment', 'meshery-meshsync', of),
  ];
  const patchBoth = async (of: string, spec: object) => {
    await patchSpec(of, spec);
    await patchSpec(of, spec, 'MeshSync', 'meshery-meshsync');
  };

  it('a Broker and a MeshSync pass containers, volumes and settings of their pods, and remove them again', async () => {
    onTestFailed(keepLogs);
    const of = 'more-pods';
    await cluster().apply({
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: 'gvisor' },
      handler: 'runsc',
    } as unknown as KubernetesObject);
    const { broker: applied, meshSync: synced } = await pair(of);
    const plain = (await workloads(of)).map(({ spec }) => spec);
    const changes = await countChanges(cluster(), of);
    const spec = {
      env: [
        { name: 'HTTPS_PROXY', value: 'http://proxy.corp.example' },
        { name: 'EMPTY', value: '' },
        { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } },
      ],
      envFrom: [{ configMapRef: { name: 'more', optional: true } }],
      extraVolumeMounts: [{ name: 'scratch', mountPath: '/scratch', readOnly: false }],
      livenessProbe: { periodSeconds: 60, initialDelaySeconds: 0 },
      readinessProbe: { failureThreshold: 9 },
      podTemplate: {
        spec: {
          securityContext: { fsGroup: 2000, supplementalGroups: [3000], seLinuxOptions: { level: 's0:c1' } },
          dnsPolicy: 'None',
          dnsConfig: { nameservers: ['192.0.2.53'], searches: ['a.b'], options: [{ name: 'ndots', value: '1' }] },
          hostAliases: [
            { ip: '192.0.2.7', hostnames: ['nats.corp.example'] },
            { ip: '2001:db8::7', hostnames: ['nats.corp.example'] },
          ],
          runtimeClassName: 'gvisor',
          terminationGracePeriodSeconds: 90,
          enableServiceLinks: true,
          extraVolumes: [
            { name: 'scratch', emptyDir: {} },
            { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1024Ki' } },
            { name: 'identity', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
            { name: 'more', configMap: { name: 'more', optional: true, items: [{ key: 'a', path: 'b', mode: 256 }] } },
          ],
          initContainers: [
            {
              name: 'first',
              image: 'first:1',
              command: ['true'],
              restartPolicy: 'Always',
              env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
            },
          ],
          extraContainers: [
            {
              name: 'side',
              image: 'side:latest',
              ports: [{ name: 'http', containerPort: 9000 }],
              resources: { limits: { cpu: '0.5', memory: '1024Mi' } },
              volumeMounts: [{ name: 'scratch', mountPath: '/a', readOnly: true }],
              readinessProbe: { httpGet: { path: '/', port: 'http' }, initialDelaySeconds: 0 },
            },
          ],
        },
      },
    };
    await patchBoth(of, spec);
    for (const object of [applied, synced]) await isReady(cluster(), object);
    const { extraVolumes, extraContainers, initContainers, ...settings } = spec.podTemplate.spec;
    for (const workload of await workloads(of)) {
      const pod = workload.spec.template.spec;
      expect(pod).toMatchObject(settings);
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      const names = (list: { name: string }[]) => list.map(({ name }) => name);
      expect(names(pod.volumes)).toEqual(expect.arrayContaining(names(extraVolumes)));
      expect(names(pod.initContainers)).toEqual(names(initContainers));
      expect(names(pod.containers)).toEqual(expect.arrayContaining(names(extraContainers)));
      const [own] = pod.containers;
      expect(own.livenessProbe).toMatchObject({ periodSeconds: 60 });
      expect(own.envFrom).toEqual(spec.envFrom);
      expect(names(own.env)).toEqual(expect.arrayContaining(names(spec.env)));
      expect(own.volumeMounts).toContainEqual({ name: 'scratch', mountPath: '/scratch' });
    }
    await rests(cluster(), of);
    await patchBoth(of, Object.fromEntries(Object.keys(spec).map((field) => [field, null])));
    for (const object of [applied, synced]) await isReady(cluster(), object);
    expect((await workloads(of)).map(({ spec }) => spec)).toEqual(plain);
    await rests(cluster(), of);
    expect(await changes()).toMatchObject({ 'StatefulSet/meshery-nats': 2, 'Pod/meshery-nats': 2 });
  });

  it('a Broker with pods that the restricted Pod Security Standard refuses says why', async () => {
    onTestFailed(keepLogs);
    const of = 'not-restricted';
    await pair(of);
    await patchSpec(of, { podTemplate: { spec: { hostNetwork: true, securityContext: { runAsNonRoot: false } } } });
    await eventually(async () => {
      const told = conditionOf(
        await get('meshery.io/v1alpha2', 'Broker', 'meshery-broker', of),
        'PodSecurityRestricted',
      );
      expect(told).toMatchObject({ status: 'False', message: expect.stringContaining('hostNetwork') });
    });
    const [statefulSet] = await workloads(of);
    expect(statefulSet?.spec.template.spec).toMatchObject({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' });
    await patchSpec(of, { podTemplate: null });
    const ready = await eventuallyReady(of);
    expect(conditionOf(ready, 'PodSecurityRestricted')).toBeUndefined();
    expect((await workloads(of))[0]?.spec.template.spec).not.toHaveProperty('hostNetwork');
  });

  const eventuallyReady = (of: string) =>
    isReady(cluster(), { kind: 'Broker', metadata: { name: 'meshery-broker', namespace: of } });

  it('a Broker passes the fields of its Services, its budget and its command line, and removes them again', async () => {
    onTestFailed(keepLogs);
    const of = 'more-services';
    const { broker: applied } = await pair(of, { size: 2 });
    const service = async (name: string) => (await get('v1', 'Service', name, of)).spec;
    const before = await service('meshery-nats');
    const spec = {
      service: {
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 30_997,
        sessionAffinity: 'ClientIP',
        perServer: true,
        extraPorts: [{ name: 'gateway', port: 8080, nodePort: 30_998 }],
        externalEndpointOverride: 'nats.example.com:4222',
      },
      podDisruptionBudget: { minAvailable: 1, unhealthyPodEvictionPolicy: 'IfHealthyBudget' },
      natsBox: { enabled: true },
    };
    await patchSpec(of, spec);
    await isReady(cluster(), applied);
    const affinity = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } };
    expect(await service('meshery-nats')).toMatchObject(affinity);
    expect(await service('meshery-nats-external')).toMatchObject({ ...affinity, healthCheckNodePort: 30_997 });
    for (const name of ['meshery-nats-0', 'meshery-nats-1']) {
      expect((await service(name)).selector['statefulset.kubernetes.io/pod-name']).toBe(name);
    }
    const budget = async () => (await get('policy/v1', 'PodDisruptionBudget', 'meshery-nats', of)).spec;
    expect(await budget()).toMatchObject(spec.podDisruptionBudget);
    expect(await budget()).not.toHaveProperty('maxUnavailable');
    await eventually(async () => {
      const now = await get('meshery.io/v1alpha2', 'Broker', 'meshery-broker', of);
      expect(conditionOf(now, 'NatsBoxAvailable')).toMatchObject({ status: 'True' });
    });
    await rests(cluster(), of);

    // As the messages say.
    await patchSpec(of, { service: { healthCheckNodePort: 30_996 } });
    await isReady(cluster(), applied, 'ImmutableField');
    await patchSpec(of, { service: { healthCheckNodePort: null, clusterIP: '10.96.0.250' } });
    const fixed = await isReady(cluster(), applied, 'ImmutableField');
    const [, name = ''] = /kubectl delete service (\S+) /.exec(conditionOf(fixed, 'SpecApplied')?.message ?? '') ?? [];
    await cluster().delete('v1', 'Service', name, of);
    await isReady(cluster(), applied);
    expect((await service('meshery-nats')).clusterIP).toBe('10.96.0.250');
    await rests(cluster(), of);

    await patchSpec(of, { service: null, podDisruptionBudget: null, natsBox: null });
    await isReady(cluster(), applied);
    expect(await service('meshery-nats')).toEqual({ ...before, clusterIP: '10.96.0.250', clusterIPs: ['10.96.0.250'] });
    expect(await budget()).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    await eventually(async () => {
      const services = (await cluster().list('v1', 'Service', of)).map(({ metadata }) => metadata.name);
      expect(services.sort()).toEqual(['meshery-nats', 'meshery-nats-headless']);
      expect(await cluster().get('apps/v1', 'Deployment', 'meshery-nats-box', of)).toBeUndefined();
    });
    await rests(cluster(), of);
  });

  it('the API server keeps what only the hooks know, and they refuse what is wrong in it', async () => {
    onTestFailed(keepLogs);
    const of = 'loose-fields';
    const { broker: applied } = await pair(of);
    const template = (await workloads(of))[0]?.spec.template;
    await patchSpec(of, { podTemplate: { spec: { extraContainers: [{ name: 'side', image: 'side', stdin: true }] } } });
    const refused = await isReady(cluster(), applied, 'InvalidSpec');
    expect(conditionOf(refused, 'SpecApplied')?.message).toContain(
      'spec.podTemplate.spec.extraContainers[0].stdin is not a field',
    );
    expect((await workloads(of))[0]?.spec.template).toEqual(template);
    await expect(patchSpec(of, { podTemplate: { spec: { extraContainers: [{ image: 'side' }] } } })).rejects.toThrow(
      /422/,
    );
  });

  it('the API server refuses the pods that the hooks refuse', async () => {
    onTestFailed(keepLogs);
    const of = 'refused-pods';
    // Without a Pod Security Standard, which would refuse them first.
    await cluster().apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: of } });
    const create = async (spec: JsonObject) => {
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' }, spec: podOfSpec(spec) };
      return (await cluster().request('POST', `/api/v1/namespaces/${of}/pods?dryRun=All`, pod)).status;
    };
    await eventually(async () => expect(await create({})).toBe(201));
    for (const [spec] of REFUSED_PODS) expect([spec, await create(spec)]).toEqual([spec, expect.toSatisfy(isRefusal)]);
  });
}

/** A value that does not fit its type is refused as a bad request. */
const isRefusal = (status: number) => status === 422 || status === 400;
