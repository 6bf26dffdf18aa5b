import { expect, it, onTestFailed } from 'vitest';
import {
  broker,
  childrenOf,
  conditionOf,
  eventually,
  isReady,
  meshSync,
  names,
  namespace,
  rests,
  versions,
} from './expectations.ts';
import type { Kubernetes } from './kubernetes.ts';
import { until } from './processes.ts';
import type { Scene } from './scenarios.ts';

const POLICIES = 'admissionregistration.k8s.io/v1';

/** Resources that are refused without the label `team`, by group. */
const LABELLED: [group: string, resources: string[]][] = [
  ['', ['configmaps', 'pods', 'secrets', 'serviceaccounts', 'services']],
  ['apps', ['deployments', 'statefulsets']],
];

/** Refuses objects without the label `team` in a namespace, and waits until that takes effect. */
export async function demandTeam(kubernetes: Kubernetes, of: string): Promise<void> {
  // What the cluster itself creates in a namespace has no label.
  await until(
    'the ServiceAccount default',
    async () => Boolean(await kubernetes.get('v1', 'ServiceAccount', 'default', of)),
    30,
  );
  const name = `team-${of}`;
  await kubernetes.apply({
    apiVersion: POLICIES,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: LABELLED.map(([group, resources]) => ({
          ...{ apiGroups: [group], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources },
        })),
      },
      validations: [
        {
          expression: "has(object.metadata.labels) && 'team' in object.metadata.labels",
          message: 'the label team is required',
        },
      ],
    },
  });
  await kubernetes.apply({
    apiVersion: POLICIES,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: {
      policyName: name,
      validationActions: ['Deny'],
      matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': of } } },
    },
  });
  const probe = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'probe', namespace: of } };
  await until(
    'the policy',
    async () => {
      const { status } = await kubernetes.request('POST', `/api/v1/namespaces/${of}/configmaps?dryRun=All`, probe);
      return status === 422;
    },
    30,
  );
}

/** Children and pods that Kubernetes refuses: what the conditions say, and what remedies it. */
export function admission({ kubernetes: cluster, keepLogs, pair, get, patchSpec }: Scene): void {
  const commonMetadata = { labels: { team: 'payments' }, annotations: { 'example.com/note': 'common' } };

  it('children that a policy refuses are named, and created with the labels that it demands', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(cluster(), 'policy');
    await demandTeam(cluster(), of);
    const applied = [
      broker(of, 'meshery-broker', { size: 2, networkPolicy: { enabled: true } }),
      { ...meshSync(of, 'meshery-meshsync'), spec: { broker: { custom: { url: 'nats://nats.example.com' } } } },
    ] as const;
    for (const object of applied) await cluster().apply(object);
    const [refusedBroker, refusedMeshSync] = await Promise.all(
      applied.map((object) => isReady(cluster(), object, 'ChildNotCreated', 90)),
    );
    if (!refusedBroker || !refusedMeshSync) throw new Error('unreachable');
    const message = (what: string, kind: string, name: string) =>
      `Not created: ${what}. The Events of the ${kind} say why, such as an admission policy that refuses it: kubectl describe ${kind.toLowerCase()} ${name} -n ${of}.`;
    // The StatefulSet waits for the Secrets.
    expect(conditionOf(refusedBroker, 'Ready')?.message).toBe(
      message(
        'Secret meshery-nats-auth, Secret meshery-nats-server, ConfigMap meshery-nats-config, Service meshery-nats-headless, Service meshery-nats',
        'Broker',
        'meshery-broker',
      ),
    );
    expect(conditionOf(refusedMeshSync, 'Ready')?.message).toBe(
      message('ServiceAccount meshery-meshsync, Deployment meshery-meshsync', 'MeshSync', 'meshery-meshsync'),
    );
    expect(names(await childrenOf(cluster(), refusedBroker))).toEqual([
      'NetworkPolicy/meshery-nats',
      'PodDisruptionBudget/meshery-nats',
    ]);
    await rests(cluster(), of, 5);

    await patchSpec(of, { commonMetadata });
    await patchSpec(of, { commonMetadata }, 'MeshSync', 'meshery-meshsync');
    for (const object of applied) {
      const ready = await isReady(cluster(), object);
      expect(conditionOf(ready, 'ChildrenCreated')).toBeUndefined();
      for (const child of await childrenOf(cluster(), ready)) expect(child.metadata).toMatchObject(commonMetadata);
    }
    const pods = await cluster().list('v1', 'Pod', of);
    expect(pods).toHaveLength(3);
    for (const pod of pods) expect(pod.metadata).toMatchObject(commonMetadata);
    await rests(cluster(), of, 5);
  });

  it('a child that a policy refuses in a running Broker is named, and the other children stay as they are', async () => {
    onTestFailed(keepLogs);
    const of = 'late-policy';
    const { broker: applied } = await pair(of);
    await rests(cluster(), of, 5);
    const before = await versions(cluster(), of);
    await demandTeam(cluster(), of);
    await cluster().delete('v1', 'ConfigMap', 'meshery-nats-config', of);
    const { status } = await isReady(cluster(), applied, 'ChildNotCreated', 90);
    expect(status?.readyReplicas).toBe(1);
    expect(status?.conditions?.[0]?.message).toContain('Not created: ConfigMap meshery-nats-config. ');
    await rests(cluster(), of, 5);
    const after = await versions(cluster(), of);
    const { 'ConfigMap/meshery-nats-config': _deleted, ...others } = before;
    for (const name of Object.keys(others).filter((each) => !/^(Broker|MeshSync)\//.test(each))) {
      expect([name, after[name]]).toEqual([name, before[name]]);
    }
  });

  it('common labels that are added to a running Broker roll its pods once', async () => {
    onTestFailed(keepLogs);
    const of = 'common-labels';
    const applied = await pair(of);
    await rests(cluster(), of, 5);
    const workloads = async () => [
      await get('apps/v1', 'StatefulSet', 'meshery-nats', of),
      await get('apps/v1', 'Deployment', 'meshery-meshsync', of),
    ];
    const generations = async () => (await workloads()).map(({ metadata }) => metadata.generation ?? 0);
    const before = await generations();
    for (const [spec, rolls] of [
      [{ commonMetadata }, 1],
      [{ commonMetadata: null }, 2],
    ] as const) {
      await patchSpec(of, spec);
      await patchSpec(of, spec, 'MeshSync', 'meshery-meshsync');
      await Promise.all([isReady(cluster(), applied.broker), isReady(cluster(), applied.meshSync)]);
      await rests(cluster(), of, 5);
      expect(await generations()).toEqual(before.map((generation) => generation + rolls));
      const labelled = [
        ...(await childrenOf(cluster(), applied.broker)),
        ...(await childrenOf(cluster(), applied.meshSync)),
        ...(await cluster().list('v1', 'Pod', of)),
      ].filter(({ metadata }) => metadata.labels?.team);
      expect(labelled).toHaveLength(spec.commonMetadata ? 10 : 0);
    }
  });

  it('a quota that refuses pods is reported with its message, or with the place of the Events', async () => {
    onTestFailed(keepLogs);
    const of = await namespace(cluster(), 'quota');
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'compute', namespace: of } };
    await cluster().apply({ ...quota, spec: { hard: { 'limits.memory': '300Mi' } } });
    await eventually(async () => {
      expect((await get('v1', 'ResourceQuota', 'compute', of)).status?.used).toBeDefined();
    });
    const applied = [broker(of, 'meshery-broker'), meshSync(of, 'meshery-meshsync')] as const;
    for (const object of applied) await cluster().apply(object);
    const refused = await isReady(cluster(), applied[1], 'PodsNotCreated');
    expect(conditionOf(refused, 'Ready')?.message).toMatch(/exceeded quota: compute, requested: limits\.memory=4Gi/);
    const starting = await isReady(cluster(), applied[0], 'Starting');
    const hint = 'kubectl describe statefulset meshery-nats -n quota';
    expect(conditionOf(starting, 'Ready')?.message).toContain(
      `0 of 1 servers are ready. If pods are missing, the Events say why: ${hint}.`,
    );
    await eventually(async () => {
      const events = await cluster().list('v1', 'Event', of);
      expect(
        events
          .filter((event) => JSON.stringify(event).includes('exceeded quota'))
          .map((event) => JSON.stringify((event as unknown as { involvedObject: object }).involvedObject)),
      ).toContainEqual(expect.stringContaining('"kind":"StatefulSet"'));
    });

    await cluster().delete('v1', 'ResourceQuota', 'compute', of);
    for (const object of applied) await isReady(cluster(), object, 'Ready', 120);
  });
}
