import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { type RunningProcess, until } from '../cluster/processes.ts';
import { kustomize } from '../cluster/registration.ts';
import { applyPatiently } from '../cluster/world.ts';
import type { JsonObject, KubeObject } from '../stand-in/json.ts';
import { START, testApp } from '../support/app.ts';
import { authority, issueUntil, tlsSecret } from '../support/certificates.ts';
import { brokerParent, clusterWith, hookOf, meshSyncParent, type ParentObject, settle } from '../support/scenarios.ts';
import { goTool } from '../tools.ts';
import { startStateMetrics } from './state-metrics.ts';

const run = promisify(execFile);
const NAMESPACE = 'meshery';

let controlPlane: ControlPlane;
let stateMetrics: RunningProcess;
let url: string;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kube-state-metrics-'));
  controlPlane = await startControlPlane((line) => console.log(line));
  const { kubernetes } = controlPlane;
  for (const crd of await kustomize('manifests/crds')) await kubernetes.apply(crd);
  await kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  for (const resource of await resources()) await create(resource);
  const started = await startStateMetrics(controlPlane);
  stateMetrics = started.process;
  url = `http://${started.address}/metrics`;
});

afterAll(async () => {
  await stateMetrics?.stop();
  await controlPlane?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** A Broker and a MeshSync in every state that an alert distinguishes, with the status that the operator writes. */
async function resources(): Promise<KubernetesObject[]> {
  const annotated = (parent: ParentObject, annotations: Record<string, string>) => ({
    ...parent,
    metadata: { ...parent.metadata, annotations },
  });
  const starting = brokerParent({}, 'starting');
  const paused = annotated(brokerParent({}, 'paused'), { 'meshery.io/pause-reconciliation': 'true' });
  const asleep = annotated(brokerParent({ size: 3 }, 'asleep'), { 'meshery.io/hibernation': 'on' });
  return [
    await synced(brokerParent({ size: 3 }, 'ready'), true),
    await synced(starting, false),
    await synced({ ...paused, status: (await synced(starting, false)).status as JsonObject }, false),
    await synced(asleep, true),
    brokerParent({}, 'unseen'),
    await synced(meshSyncParent({ broker: { custom: { url: 'nats://192.0.2.1:4222' } } }, 'ready'), true),
    await synced(meshSyncParent({ broker: { native: { name: 'missing' } } }, 'without-broker'), true),
    meshSyncParent({ size: 2 }, 'unseen'),
    await certified('expired', -1),
    await certified('ending', 29),
    await shrunk(),
  ] as unknown as KubernetesObject[];
}

/** A Broker whose certificate ends some days after the start. */
async function certified(name: string, days: number): Promise<ParentObject> {
  const ca = await authority();
  const end = new Date(Date.parse(START) + days * 86_400_000);
  const pair = await issueUntil(end, ca, `${name}-nats.${NAMESPACE}.svc`);
  return synced(brokerParent({ tls: { secretName: 'nats-tls' } }, name), true, tlsSecret('nats-tls', pair, ca));
}

/** A Broker that was scaled down, while JetStream counts the removed servers. */
async function shrunk(): Promise<ParentObject> {
  const streams = { jetstream: { memoryStore: { maxSize: '16Mi' } } };
  const parent = brokerParent({ ...streams, size: 5 }, 'shrunk');
  const cluster = clusterWith(parent);
  const hook = hookOf(testApp());
  await settle(cluster, [parent], hook, 'server-side-apply');
  cluster.edit(parent, 'kubectl', (object) => {
    object.spec = { ...streams, size: 3 };
  });
  const [outcome] = await settle(cluster, [parent], hook, 'server-side-apply');
  return { ...parent, spec: { ...streams, size: 3 }, ...(outcome && { status: outcome.status }) };
}

/** A resource with the status that the operator writes once nothing changes any more. */
async function synced(parent: ParentObject, ready: boolean, ...secrets: KubeObject[]): Promise<ParentObject> {
  const cluster = clusterWith(parent, ...secrets);
  const [outcome] = await settle(cluster, [parent], hookOf(testApp()), 'dynamic-apply', { ready, addresses: true });
  return { ...parent, ...(outcome && { status: outcome.status }) };
}

/** Creates a resource, and writes its status as Metacontroller does. */
async function create({ apiVersion, kind, metadata, spec, status }: KubernetesObject): Promise<void> {
  const { name, namespace, annotations } = metadata;
  await applyPatiently(controlPlane.kubernetes, { apiVersion, kind, metadata: { name, namespace, annotations }, spec });
  if (!status) return;
  const path = `/apis/${apiVersion}/namespaces/${namespace}/${kind.toLowerCase()}s/${name}/status`;
  const patch = { 'content-type': 'application/merge-patch+json' };
  const response = await controlPlane.kubernetes.request('PATCH', path, { status }, patch);
  expect(response).toMatchObject({ status: 200 });
}

/** Every series of kube-state-metrics, with its value. */
type Scrape = Map<string, number>;

async function text(): Promise<string> {
  return (await fetch(url)).text();
}

function series(exposition: string): Scrape {
  const lines = exposition.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** The series expected for a resource, from the object in the API server. */
function expectedSeries({ kind, metadata, spec, status }: KubernetesObject): [string, number][] {
  const one = (name: string, value: number, more: Record<string, string> = {}): [string, number] => {
    const gvk = { group: 'meshery.io', kind, version: 'v1alpha2' };
    const labels = {
      ...Object.fromEntries(Object.entries(gvk).map(([key, each]) => [`customresource_${key}`, each])),
      ...{ name: metadata.name, resource_namespace: metadata.namespace ?? '' },
      ...more,
    };
    const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
    return [`meshery_resource_${name}{${sorted.map(([key, each]) => `${key}="${each}"`).join(',')}}`, value];
  };
  const always = [one('generation', metadata.generation ?? 0)];
  if (kind === 'MeshSync') always.push(one('replicas_desired', spec.size));
  if (!status) return always;
  const conditions = (status.conditions ?? []).flatMap(({ type, status: is, reason, lastTransitionTime = '' }) => [
    one('condition', is === 'True' ? 1 : 0, { type, status: is, reason }),
    one('condition_transition_timestamp_seconds', Date.parse(lastTransitionTime) / 1_000, { type, status: is, reason }),
  ]);
  // A resource that was never synced has no more than its generation.
  const given = (name: string, value: number | undefined) => (value === undefined ? [] : [one(name, value)]);
  return [
    ...always,
    ...(kind === 'Broker' ? given('replicas_desired', status.desiredReplicas) : []),
    ...[one('observed_generation', status.observedGeneration), ...given('replicas', status.replicas)],
    ...[...given('replicas_ready', status.readyReplicas), ...conditions],
    ...(status.version ? [one('info', 1, { version: status.version })] : []),
  ];
}

const bySeries = ([a]: [string, number], [b]: [string, number]) => (a < b ? -1 : 1);

/** Waits until kube-state-metrics reports exactly the series expected for the existing resources. */
async function upToDate(): Promise<Scrape> {
  const { kubernetes } = controlPlane;
  const lists = await Promise.all(['Broker', 'MeshSync'].map((kind) => kubernetes.list('meshery.io/v1alpha2', kind)));
  const expected = lists.flat().flatMap(expectedSeries).sort(bySeries);
  return until(
    'the series of kube-state-metrics',
    async () => {
      const scrape = series(await text());
      expect([...scrape].sort(bySeries)).toEqual(expected);
      return scrape;
    },
    60,
    stateMetrics,
  );
}

it('kube-state-metrics reports conditions, replicas, versions and generations of every Broker and MeshSync', async () => {
  const scrape = await upToDate();
  const of = (kind: string, name: string) =>
    `customresource_group="meshery.io",customresource_kind="${kind}",customresource_version="v1alpha2",name="${name}"`;
  const here = `resource_namespace="${NAMESPACE}"`;
  const start = Date.parse(START) / 1_000;
  expect(Object.fromEntries(scrape)).toMatchObject({
    [`meshery_resource_condition{${of('Broker', 'ready')},reason="Ready",${here},status="True",type="Ready"}`]: 1,
    [`meshery_resource_condition_transition_timestamp_seconds{${of('Broker', 'ready')},reason="Ready",${here},status="True",type="Ready"}`]:
      start,
    [`meshery_resource_condition{${of('Broker', 'asleep')},reason="Hibernated",${here},status="False",type="Ready"}`]: 0,
    [`meshery_resource_condition{${of('Broker', 'asleep')},reason="Hibernated",${here},status="True",type="Hibernated"}`]: 1,
    [`meshery_resource_condition{${of('Broker', 'paused')},reason="AnnotationSet",${here},status="True",type="ReconciliationPaused"}`]: 1,
    [`meshery_resource_replicas_desired{${of('Broker', 'ready')},${here}}`]: 3,
    [`meshery_resource_replicas_ready{${of('Broker', 'ready')},${here}}`]: 3,
    [`meshery_resource_replicas_desired{${of('MeshSync', 'unseen')},${here}}`]: 2,
    [`meshery_resource_info{${of('MeshSync', 'ready')},${here},version="1.0.3"}`]: 1,
  });
});

it('promtool finds no problem in the metrics of kube-state-metrics, and its log has no errors', async () => {
  await upToDate();
  const checking = run(await goTool('promtool'), ['check', 'metrics']);
  checking.child.stdin?.end(await text());
  expect(await checking).toEqual({ stdout: '', stderr: '' });
  const log = await readFile(stateMetrics.log, 'utf8');
  expect(log.split('\n').filter((line) => /^E\d{4} /.test(line))).toEqual([]);
});

it('every query of the dashboard for resources finds series of kube-state-metrics', async () => {
  const { kubernetes } = controlPlane;
  await kubernetes.apply({ ...resource('Broker', 'starting'), spec: { size: 3 } });
  const scrape = await upToDate();
  const { panels } = parse(await readFile('manifests/monitoring/dashboard.json', 'utf8'));
  const queries: string[] = panels
    .flatMap(({ targets = [] }: { targets: { expr: string }[] }) => targets.map(({ expr }) => expr))
    .filter((expr: string) => expr.includes('meshery_resource_'));
  expect(queries.length).toBeGreaterThan(6);
  const promql_expr_test = queries.map((expr) => ({
    expr: `count(${expr}) > bool 0`,
    eval_time: '5m',
    exp_samples: [{ labels: '{}', value: 1 }],
  }));
  await promtool([{ interval: '1m', input_series: timeline(scrape, scrape), promql_expr_test }]);
});

it('alerts on the metrics of kube-state-metrics name resources that are not ready, until they are ready or deleted', async () => {
  const before = await upToDate();
  const { kubernetes } = controlPlane;
  await kubernetes.delete('meshery.io/v1alpha2', 'Broker', 'unseen', NAMESPACE);
  await create((await synced(brokerParent({}, 'starting'), true)) as unknown as KubernetesObject);
  const after = await upToDate();
  const alertname = 'MesheryResourceNotReady';
  const alerts = (at: string, ...names: [kind: string, name: string][]) => ({
    eval_time: at,
    alertname,
    exp_alerts: names.map(([kind, name]) => ({
      exp_labels: { severity: 'warning', customresource_kind: kind, resource_namespace: NAMESPACE, name },
      exp_annotations: {
        summary: `${kind} ${NAMESPACE}/${name} is not ready`,
        description: `It has not been ready for more than 10 minutes. Its conditions show why: kubectl describe ${kind} -n ${NAMESPACE} ${name}`,
        runbook_url: `https://meshery.github.io/meshery-operator-metacontroller/runbooks/${alertname}`,
      },
    })),
  });
  const lasting: [string, string][] = [
    ['MeshSync', 'unseen'],
    ['MeshSync', 'without-broker'],
  ];
  const alert_rule_test = [
    alerts('9m'),
    alerts('19m', ['Broker', 'starting'], ['Broker', 'unseen'], ...lasting),
    alerts('20m', ...lasting),
  ];
  await promtool([{ interval: '1m', input_series: timeline(before, after), alert_rule_test }]);
});

it('alerts on what Ready does not depend on name the resources that have it, after their time', async () => {
  const scrape = await upToDate();
  const input_series = [...scrape].map(([series, value]) => ({ series, values: `${value}x1500` }));
  // Without metrics of the operator, it is missing, and no resource is one that nobody syncs.
  const expr =
    'count by (alertname, name) (ALERTS{alertstate="firing",alertname!~"MesheryResourceNotReady|MesheryOperatorDown"})';
  const firing = (eval_time: string, ...alerts: [alert: string, ...names: string[]][]) => ({
    expr,
    eval_time,
    exp_samples: alerts.flatMap(([alert, ...names]) =>
      names.map((name) => ({ labels: `{alertname="Meshery${alert}", name="${name}"}`, value: 1 })),
    ),
  });
  const refused: [string, string] = ['CertificateRefused', 'expired'];
  const forgotten: [string, string] = ['JetStreamCountsRemovedServers', 'shrunk'];
  const exposed: [string, ...string[]] = ['CredentialsExposed', 'asleep', 'ending', 'expired', 'ready', 'starting'];
  // A test before this one has edited it.
  const edited: [string, string] = ['EditNotSynced', 'starting'];
  await promtool([
    {
      interval: '1m',
      input_series,
      promql_expr_test: [
        firing('11m', refused),
        firing('61m', refused, exposed, edited, forgotten),
        firing('24h1m', ['CertificateExpiresSoon', 'ending'], refused, exposed, edited, forgotten),
      ],
    },
  ]);
});

const resource = (kind: string, name: string) => ({
  apiVersion: 'meshery.io/v1alpha2',
  kind,
  metadata: { name, namespace: NAMESPACE },
});

/** Series for promtool: one scrape for 20 minutes, then another one. */
function timeline(before: Scrape, after: Scrape): { series: string; values: string }[] {
  return [...new Set([...before.keys(), ...after.keys()])].map((each) => {
    const [first, second] = [before.get(each), after.get(each)];
    const values = [first === undefined ? '_x20' : `${first}x19`, second === undefined ? 'stale' : `${second}x20`];
    return { series: each, values: values.join(' ') };
  });
}

/** Runs unit tests of promtool against the alerts of the manifests. */
async function promtool(tests: object[]): Promise<void> {
  const { spec } = parse(await readFile('manifests/monitoring/prometheus-rule.yaml', 'utf8'));
  await writeFile(join(directory, 'rules.yaml'), stringify(spec));
  const file = join(directory, 'tests.yaml');
  await writeFile(
    file,
    stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests }, { aliasDuplicateObjects: false }),
  );
  const { stdout } = await run(await goTool('promtool'), ['test', 'rules', file]);
  expect(stdout).toContain('SUCCESS');
}
