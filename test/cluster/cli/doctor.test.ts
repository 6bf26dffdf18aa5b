import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFailed, vi } from 'vitest';
import { type Connection, connect } from '../../../src/cli/cluster/connection.ts';
import { diagnose } from '../../../src/cli/doctor/diagnose.ts';
import { doctor } from '../../../src/cli/doctor/doctor.ts';
import { gather } from '../../../src/cli/doctor/gather.ts';
import { encode } from '../../../src/kubernetes/secrets.ts';
import { version } from '../../../src/server/version.ts';
import { cli } from '../../support/built.ts';
import { authority, issueUntil, tlsSecret } from '../../support/certificates.ts';
import { kubeconfigWith } from '../accounts.ts';
import { broker, eventually, isReady, meshSync, namespace } from '../expectations.ts';
import type { Kubernetes, KubernetesObject } from '../kubernetes.ts';
import type { World } from '../world.ts';
import { metacontroller, startInstallation } from './installation.ts';

const CRD = ['apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'brokers.meshery.io'] as const;
const REGISTRATION = ['metacontroller.k8s.io/v1alpha1', 'CompositeController', 'meshery-broker'] as const;
const RBAC = 'rbac.authorization.k8s.io/v1';

let world: World;
let kubernetes: Kubernetes;
let failed = false;

beforeAll(async () => {
  world = await startInstallation(() => {});
  kubernetes = world.kubernetes;
});
afterAll(() => world?.stop(failed));

const kubeconfig = () => world.controlPlane.kubeconfig;
const connection = () => connect({ kubeconfig: kubeconfig() });

/** What is wrong, as `severity check: message`. */
async function problems(): Promise<string[]> {
  onTestFailed(() => {
    failed = true;
  });
  const found = diagnose(await gather(connection(), new Date()));
  return found
    .filter(({ severity }) => severity !== 'ok')
    .map(({ severity, check, message }) => `${severity} ${check}: ${message}`);
}

/** Until a defect is seen, which may take a sync. */
const become = (expected: unknown[]) => eventually(async () => expect(await problems()).toEqual(expected), 60);

/** Makes a defect, expects what is found, and undoes it, after which nothing is found. */
async function defect(make: () => Promise<unknown>, expected: unknown[], undo: () => Promise<unknown>): Promise<void> {
  await make();
  try {
    await become(expected);
  } finally {
    await undo();
  }
  await become([]);
}

const merge = (apiVersion: string, kind: string, name: string, of: string | undefined, change: object) =>
  kubernetes.patch({
    apiVersion,
    kind,
    ...change,
    metadata: { name, ...(of && { namespace: of }), ...('metadata' in change ? (change.metadata as object) : {}) },
  });

describe('a healthy installation', () => {
  it('has no errors and no warnings, a line for each check, and exits with 0', async () => {
    await become([]);
    const { code, stdout, stderr } = await cli(['doctor'], { KUBECONFIG: kubeconfig() });
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toBe('0 errors, 0 warnings');
    expect(lines.slice(0, -1).map((line) => /^ok {7}(\w+( \w+)?) {2}/.exec(line)?.[1])).toEqual([
      ...['Kubernetes', 'Metacontroller', 'flags', 'rights', 'CRDs', 'registrations', 'operator', 'hooks'],
      ...['resources', 'names', 'MeshSync', 'certificates', 'credentials', 'Go operator', 'Pod Security'],
    ]);
    for (const output of ['json', 'yaml']) {
      const data = await cli(['doctor', '-o', output, '-n', 'meshery'], { KUBECONFIG: kubeconfig() });
      expect(data.code).toBe(0);
      if (output === 'json') expect(JSON.parse(data.stdout)).toMatchObject({ errors: 0, warnings: 0, fixes: [] });
      else expect(data.stdout).toMatch(/\nerrors: 0\nwarnings: 0\n$/);
    }
  });
});

describe('a defect', () => {
  const OTHER = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'second' };

  it('of Metacontroller: two of them', () =>
    defect(
      () => kubernetes.apply(metacontroller('Deployment', OTHER.name)),
      [
        'error Metacontroller: Deployment metacontroller/second and StatefulSet metacontroller/metacontroller would both act on every resource',
      ],
      () => kubernetes.delete(OTHER.apiVersion, OTHER.kind, OTHER.name, 'metacontroller'),
    ));

  it('of its rights', async () => {
    const role = await kubernetes.get(RBAC, 'ClusterRole', 'metacontroller');
    const { rules } = role as unknown as { rules: { resources: string[]; verbs: string[] }[] };
    const without = rules.map((rule) =>
      rule.resources.includes('statefulsets')
        ? { ...rule, verbs: rule.verbs.filter((verb) => verb !== 'delete') }
        : rule,
    );
    await defect(
      () => merge(RBAC, 'ClusterRole', 'metacontroller', undefined, { rules: without }),
      [expect.stringMatching(/^error rights: Metacontroller may not delete statefulsets\.apps/)],
      () => merge(RBAC, 'ClusterRole', 'metacontroller', undefined, { rules }),
    );
  });

  it('of the operator: another version, scaled to zero', async () => {
    const scaled = (replicas: number) =>
      merge('apps/v1', 'Deployment', 'meshery-operator', 'meshery', { spec: { replicas } });
    await defect(
      () => scaled(0),
      ['error operator: Deployment meshery/meshery-operator is scaled to zero'],
      () => scaled(2),
    );
    const image = (tag: string) =>
      kubernetes.request(
        'PATCH',
        '/apis/apps/v1/namespaces/meshery/deployments/meshery-operator',
        { spec: { template: { spec: { containers: [{ name: 'manager', image: `operator:${tag}` }] } } } },
        { 'content-type': 'application/strategic-merge-patch+json' },
      );
    await defect(
      () => image('2.0.0'),
      [`warning operator: runs version 2.0.0, and this command is ${version}`],
      () => image(version),
    );
  });

  it('of a CRD: it is not ours', async () => {
    const labelled = (name: string) =>
      merge(...CRD, undefined, { metadata: { labels: { 'app.kubernetes.io/name': name } } });
    await defect(
      () => labelled('other'),
      ['error CRDs: brokers.meshery.io is not that of this operator'],
      () => labelled('meshery-operator'),
    );
  });

  it('of a resource: a taken name, a finalizer, a failed sync', async () => {
    await namespace(kubernetes, 'taken');
    await kubernetes.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'x-nats-config', namespace: 'taken' },
    });
    const { metadata } = await kubernetes.apply(broker('taken', 'x-broker'));
    const gone = () => kubernetes.delete('meshery.io/v1alpha2', 'Broker', 'x-broker', 'taken');
    await defect(
      async () => {},
      [expect.stringMatching(/^error names: Broker taken\/x-broker: ConfigMap x-nats-config/)],
      () => kubernetes.delete('v1', 'ConfigMap', 'x-nats-config', 'taken'),
    );
    const finalizers = (list: string[]) =>
      merge('meshery.io/v1alpha2', 'Broker', 'x-broker', 'taken', { metadata: { finalizers: list } });
    await defect(
      () => finalizers(['broker.meshery.io/finalizer']),
      [
        'error Go operator: Broker taken/x-broker has finalizer broker.meshery.io/finalizer, and its deletion would hang',
      ],
      () => finalizers([]),
    );
    const event = {
      ...{ apiVersion: 'v1', kind: 'Event', metadata: { name: 'failed', namespace: 'taken' } },
      ...{ type: 'Warning', reason: 'SyncError', message: 'Sync error: unsupported status code: 401' },
      involvedObject: {
        apiVersion: 'meshery.io/v1alpha2',
        kind: 'Broker',
        name: 'x-broker',
        namespace: 'taken',
        uid: metadata.uid,
      },
      lastTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
    };
    await defect(
      () => kubernetes.create(event),
      [
        expect.stringMatching(
          /^warning hooks: a sync of Broker taken\/x-broker failed \d min ago: Sync error: unsupported status code: 401$/,
        ),
      ],
      () => kubernetes.delete('v1', 'Event', 'failed', 'taken'),
    );
    await gone();
  });

  it('of a certificate and of a Secret', async () => {
    await namespace(kubernetes, 'tls');
    const ca = await authority();
    const soon = new Date(Date.now() + 10 * 24 * 3_600_000 + 60_000);
    const pair = await issueUntil(soon, ca, 'x-nats.tls.svc');
    await kubernetes.apply(tlsSecret('nats-tls', pair, ca, 'tls'));
    await kubernetes.apply(broker('tls', 'x-broker', { tls: { secretName: 'nats-tls' } }));
    await become([
      expect.stringMatching(
        /^warning certificates: a certificate in tls.crt of Secret tls\/nats-tls expires in 10 days, at /,
      ),
    ]);
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
    await merge('v1', 'Secret', 'nats-tls', 'tls', { metadata: { annotations: { [annotation]: 's3cret' } } });
    const { stdout, code } = await cli(['doctor'], { KUBECONFIG: kubeconfig() });
    expect(code).toBe(1);
    expect(stdout).toContain(`annotation ${annotation} of Secret tls/nats-tls has a copy of its values`);
    expect(stdout).not.toContain('s3cret');
    await kubernetes.delete('meshery.io/v1alpha2', 'Broker', 'x-broker', 'tls');
    await become([]);
  });

  it('that the Go operator has left: its Deployment, its release', async () => {
    const old = metacontroller('Deployment', 'meshery-operator');
    old.metadata.namespace = 'default';
    old.spec.replicas = 0;
    old.spec.template.spec.containers = [{ name: 'manager', image: 'meshery/meshery-operator:stable-latest' }];
    delete old.spec.template.spec.serviceAccountName;
    await defect(
      () => kubernetes.apply(old),
      ["error Go operator: Deployment default/meshery-operator of Meshery's Go operator is there, scaled to zero"],
      () => kubernetes.delete('apps/v1', 'Deployment', 'meshery-operator', 'default'),
    );
    const chart = {
      metadata: { name: 'meshery-operator', version: '1.0.5', dependencies: [{ name: 'meshery-broker' }] },
    };
    const release = JSON.stringify({
      name: 'meshery-operator',
      namespace: 'meshery',
      chart,
      config: { token: 's3cret' },
    });
    const name = 'sh.helm.release.v1.meshery-operator.v1';
    await defect(
      () =>
        kubernetes.apply({
          ...{ apiVersion: 'v1', kind: 'Secret', type: 'helm.sh/release.v1' },
          metadata: {
            name,
            namespace: 'meshery',
            labels: { owner: 'helm', status: 'deployed', name: 'meshery-operator' },
          },
          data: { release: encode(gzipSync(release).toString('base64')) },
        }),
      [
        "warning Go operator: Helm release meshery/meshery-operator is of chart meshery-operator 1.0.5, the Go operator's",
      ],
      () => kubernetes.delete('v1', 'Secret', name, 'meshery'),
    );
  });
});

/** A connection that counts what it changes. */
function counting(): { connection: Connection; writes: string[] } {
  const inner = connection();
  const writes: string[] = [];
  const counted: Connection = {
    ...inner,
    request: (method, path, ...rest) => {
      if (method !== 'GET' && !path.endsWith('/subjectaccessreviews')) writes.push(`${method} ${path}`);
      return inner.request(method, path, ...rest);
    },
    create: (of, ...rest) => {
      writes.push(`create ${of.resource}`);
      return inner.create(of, ...rest);
    },
    patch: (of, name, ...rest) => {
      writes.push(`patch ${of.resource} ${name}`);
      return inner.patch(of, name, ...rest);
    },
    remove: (of, name, ...rest) => {
      writes.push(`remove ${of.resource} ${name}`);
      return inner.remove(of, name, ...rest);
    },
  };
  return { connection: counted, writes };
}

/** Runs `doctor --fix --yes` in this process. */
async function fix(): Promise<{ code: number; stdout: string; stderr: string; writes: string[] }> {
  const { connection, writes } = counting();
  const spies = ([process.stdout, process.stderr] as const).map((stream) =>
    vi.spyOn(stream, 'write').mockReturnValue(true),
  );
  try {
    const code = await doctor({ fix: true, yes: true, output: 'text', color: false }, connection);
    const [stdout = '', stderr = ''] = spies.map((spy) => spy.mock.calls.map(([text]) => String(text)).join(''));
    return { code, stdout, stderr, writes };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe('--fix', () => {
  it('applies an older CRD, a registration that differs and a missing binding; a second run changes nothing', async () => {
    // As version 2.0 could have been installed by kubectl: with a field less, and an annotation of its own.
    const installed = (await kubernetes.get(...CRD)) as KubernetesObject;
    const versions = structuredClone(installed.spec.versions);
    for (const { schema } of versions) delete schema.openAPIV3Schema.properties.spec.properties.commonMetadata;
    await kubernetes.apply({
      apiVersion: installed.apiVersion,
      kind: installed.kind,
      metadata: {
        name: installed.metadata.name,
        labels: { ...installed.metadata.labels, 'app.kubernetes.io/version': '2.0.0' },
        annotations: { team: 'a' },
      },
      spec: { ...installed.spec, versions },
    });
    await merge(...REGISTRATION, undefined, { spec: { resyncPeriodSeconds: 30 } });
    const before = (await kubernetes.get(...REGISTRATION)) as KubernetesObject;
    await namespace(kubernetes, 'shop');
    await kubernetes.apply(meshSync('shop', 'edge', 'meshery-broker', 'meshery'));
    await become([
      `error CRDs: brokers.meshery.io is of 2.0.0, older than ${version}`,
      `error registrations: CompositeController meshery-broker differs from ${version} in spec.resyncPeriodSeconds`,
      'error MeshSync: ServiceAccount shop/edge may not list and watch all resources, get meshsyncs.meshery.io, get namespaces',
    ]);

    // Pods of earlier tests may still be ending.
    const pods = async () =>
      (await kubernetes.list('v1', 'Pod'))
        .filter(({ metadata }) => !metadata.deletionTimestamp)
        .map(({ metadata }) => metadata.uid)
        .sort();
    await isReady(kubernetes, meshSync('shop', 'edge'));
    const running = await pods();
    const first = await fix();
    expect(first.writes).toEqual([
      'patch customresourcedefinitions brokers.meshery.io',
      'patch compositecontrollers meshery-broker',
      'patch clusterroles meshery-meshsync:shop:edge',
      'patch clusterrolebindings meshery-meshsync:shop:edge',
    ]);
    expect(first.stderr.split('\n')).toEqual([
      `would apply CustomResourceDefinition brokers.meshery.io of ${version}, in place of 2.0.0`,
      `would apply CompositeController meshery-broker of ${version}, which changes spec.resyncPeriodSeconds, and keep how it reaches the hooks`,
      'would apply ClusterRole meshery-meshsync:shop:edge and ClusterRoleBinding meshery-meshsync:shop:edge, as rbac prints them for MeshSync shop/edge',
      '',
    ]);
    expect(first.stdout).toMatch(/\n3 errors, 0 warnings\nfixed: .*\nfixed: .*\nfixed: .*\n0 errors, 0 warnings\n$/);
    expect(first.code).toBe(0);
    expect(await pods()).toEqual(running);

    const crd = (await kubernetes.get(...CRD)) as KubernetesObject;
    expect(crd.spec.versions).toEqual(installed.spec.versions);
    expect(crd.metadata).toMatchObject({
      annotations: { team: 'a' },
      labels: { 'app.kubernetes.io/version': version },
    });
    const after = (await kubernetes.get(...REGISTRATION)) as KubernetesObject;
    expect(after.spec).toEqual({ ...before.spec, resyncPeriodSeconds: 600 });
    // Whoever installed it applies the next version without a conflict.
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${CRD[2]}?fieldManager=kubectl&dryRun=All`;
    const apply = { 'content-type': 'application/apply-patch+yaml' };
    const { managedFields: _, resourceVersion: __, ...metadata } = installed.metadata;
    const next = {
      ...installed,
      metadata: { ...metadata, labels: { ...metadata.labels, 'app.kubernetes.io/version': '9.0.0' } },
    };
    expect(await kubernetes.request('PATCH', path, next, apply)).toMatchObject({ status: 200 });

    const second = await fix();
    expect(second).toMatchObject({ code: 0, writes: [], stderr: 'there is nothing to fix that is safe to do\n' });
    await kubernetes.delete('meshery.io/v1alpha2', 'MeshSync', 'edge', 'shop');
  });

  it('changes nothing without consent: without a terminal it needs --yes', async () => {
    const { code, stdout, stderr } = await cli(['doctor', '--fix'], { KUBECONFIG: kubeconfig() });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toBe('meshery-operator: --fix asks before it changes anything: without a terminal, add --yes\n');
    expect(await cli(['doctor', '--yes'], { KUBECONFIG: kubeconfig() })).toMatchObject({ code: 2, stdout: '' });
  });

  it('says what it may not do', async () => {
    const rules = [
      { apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list'] },
      { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
    ];
    const role = { apiVersion: RBAC, kind: 'ClusterRole', metadata: { name: 'reader' }, rules };
    const reader = await kubeconfigWith(world.controlPlane, role, 'default', 'reader');
    await merge(...REGISTRATION, undefined, { spec: { resyncPeriodSeconds: 30 } });
    const { code, stdout } = await cli(['doctor', '--fix', '--yes'], { KUBECONFIG: reader });
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /\nnot fixed: apply CompositeController meshery-broker .*: you may not patch compositecontrollers in the cluster: ask for a role that allows it\n1 error, 0 warnings\n$/,
    );
    expect((await kubernetes.get(...REGISTRATION))?.spec.resyncPeriodSeconds).toBe(30);
    await merge(...REGISTRATION, undefined, { spec: { resyncPeriodSeconds: 600 } });
  });
});

describe('without an answer', () => {
  it('for want of rights, each check says which one is missing, and the command exits with 3', async () => {
    const role = { apiVersion: RBAC, kind: 'ClusterRole', metadata: { name: 'nobody' }, rules: [] };
    const nobody = await kubeconfigWith(world.controlPlane, role, 'default', 'nobody');
    const { code, stdout, stderr } = await cli(['doctor'], { KUBECONFIG: nobody });
    expect([code, stderr]).toEqual([3, '']);
    const lines = stdout.split('\n').filter((line) => /^\w/.test(line));
    expect(lines[0]).toMatch(/^ok {7}Kubernetes +version v/);
    expect(lines).toHaveLength(20);
    for (const line of lines.slice(1, -1))
      expect(line).toMatch(/^warning {2}\w+( \w+)? +not checked: you may not (list|get|create) \S+ in /);
    expect(lines.at(-1)).toBe('0 errors, 18 warnings');
  });

  it('from an API server that is away: one line, exit code 3', async () => {
    const config = JSON.parse(await readFile(kubeconfig(), 'utf8'));
    config.clusters[0].cluster.server = 'https://127.0.0.1:1';
    const away = join(world.controlPlane.directory, 'away');
    await writeFile(away, JSON.stringify(config));
    expect(await cli(['doctor'], { KUBECONFIG: away })).toEqual({
      code: 3,
      stdout: '',
      stderr:
        'meshery-operator: the API server https://127.0.0.1:1 gives no answer: connect ECONNREFUSED 127.0.0.1:1\n',
    });
  });

  it('to a question that can not be understood: one line, exit code 2', async () => {
    expect(await cli(['doctor', '--kubeconfig', '/nowhere'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'meshery-operator: /nowhere: there is no such kubeconfig\n',
    });
    expect(await cli(['doctor', 'more'])).toMatchObject({ code: 2, stdout: '' });
  });
});
