import { describe, expect, it } from 'vitest';
import { podSecurity } from '../../../../src/cli/doctor/checks/pod-security.ts';
import { diagnose } from '../../../../src/cli/doctor/diagnose.ts';
import type { Facts } from '../../../../src/cli/doctor/facts.ts';
import { version } from '../../../../src/server/version.ts';
import { authority, issueUntil, tlsData } from '../../../support/certificates.ts';
import { crd, healthy, lines, metacontroller, NOW, operator, registration, resource, workload } from './healthy.ts';

type Defect = [what: string, change: (facts: Facts) => Partial<Facts>, expected: string[]];

const APPLY_CRDS = 'meshery-operator crds | kubectl apply --server-side -f -';
const MIGRATE = 'meshery-operator migrate plan';

const syncedAt = (lastTransitionTime: string) => ({
  observedGeneration: 3,
  conditions: [{ type: 'Ready', status: 'True', reason: 'Ready', message: 'ready', lastTransitionTime }],
});

const notReady = (reason: string) => ({
  observedGeneration: 3,
  conditions: [
    { type: 'Ready', status: 'False', reason, message: 'It says why.', lastTransitionTime: '2026-06-15T11:00:00Z' },
  ],
});

it('finds nothing wrong with a healthy installation, and says what was checked', () => {
  const found = diagnose(healthy());
  expect(lines(found)).toEqual([]);
  expect(lines(found, true)).toEqual([
    'ok Kubernetes: version v1.30.2',
    'ok Metacontroller: StatefulSet metacontroller/metacontroller, version v4.17.2',
    'ok flags: as recommended',
    'ok rights: Metacontroller may do all that the operator needs',
    `ok CRDs: there, served, and those of ${version}`,
    `ok registrations: one for each kind, as ${version} has them`,
    `ok operator: runs version ${version} in namespace meshery`,
    'ok hooks: the operator answers through its Service',
    'ok resources: 2 are synced, and Ready',
    'ok names: no other object has the name of a child',
    'ok MeshSync: there is none',
    'ok certificates: none is used',
    'ok credentials: no Secret has a copy of its values in an annotation',
    "ok Go operator: nothing is left of Meshery's Go operator",
    'ok Pod Security: the namespaces enforce restricted or baseline',
  ]);
});

it('lets no message of a resource write to the terminal', () => {
  const message = 'no\u001b[2J\nok nats://me:secret@host';
  const condition = {
    type: 'Stalled',
    status: 'True',
    reason: 'Bad',
    message,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const stalled = {
    ...resource('Broker', 'meshery-broker'),
    status: { observedGeneration: 3, conditions: [condition] },
  };
  const [found] = lines(diagnose({ ...healthy(), resources: { value: [stalled] } }));
  expect(found).toMatch(/^error resources: Broker \S+ is stalled, Bad: no�\[2J ok nats:\/\/\*\*\*@host /);
});

const withMetacontroller = (change: (one: ReturnType<typeof metacontroller>) => void) => () => {
  const one = metacontroller();
  change(one);
  return { workloads: { value: [one] } };
};
const image = (text: string) =>
  withMetacontroller(({ spec }) => {
    for (const container of spec.template.spec.containers) container.image = text;
  });
const args = (...list: string[]) =>
  withMetacontroller(({ spec }) => {
    for (const container of spec.template.spec.containers) container.args = list;
  });

const crds = (change: (all: Map<string, ReturnType<typeof crd>>) => void) => (facts: Facts) => {
  if ('value' in facts.crds) change(facts.crds.value);
  return facts;
};
const OLD = { 'app.kubernetes.io/version': '2.0.0' };
const changed = (labels: Record<string, string> = OLD) => {
  const one = crd(0, labels);
  Object.assign(one.spec, { scope: 'Cluster' });
  return one;
};

const resources =
  (...value: ReturnType<typeof resource>[]) =>
  () => ({ resources: { value } });
const condition = (type: string, status: string, reason: string) => ({ type, status, reason, message: 'It says why.' });

const event = (message: string, minutes: number, uid = 'uid-meshery-broker') => ({
  metadata: { name: 'event' },
  message,
  lastTimestamp: new Date(NOW.getTime() - minutes * 60_000).toISOString(),
  involvedObject: { uid },
});
const events =
  (...value: ReturnType<typeof event>[]) =>
  () => ({ events: { value } });

const SEE = 'see the findings about Metacontroller, registrations and hooks; kubectl describe shows its Events';

describe('one line says what is wrong, and one what to do about it', () => {
  it.each<Defect>([
    [
      'an old version of Kubernetes',
      () => ({ version: { value: 'v1.29.9' } }),
      ['error Kubernetes: version v1.29.9 is older than 1.30.0 → upgrade the cluster to 1.30.0 or later'],
    ],
    ['a version with a suffix', () => ({ version: { value: 'v1.30.0-gke.1234' } }), []],
    [
      'an unknown version of Kubernetes',
      () => ({ version: { value: 'nightly' } }),
      ["warning Kubernetes: version nightly can't be compared with 1.30.0, the least that is supported"],
    ],
    [
      'no Metacontroller',
      () => ({ workloads: { value: [operator()] }, denied: { value: undefined } }),
      [
        'error Metacontroller: there is none: nothing syncs Brokers and MeshSyncs → install it with the flags of metacontroller/install; the Helm chart of this operator brings it',
      ],
    ],
    [
      'two Metacontrollers',
      () => ({
        workloads: {
          value: [metacontroller(), workload('Deployment', 'other', 'mc', 'mirror:5000/x/metacontroller@sha256:0')],
        },
        denied: { value: undefined },
      }),
      [
        'error Metacontroller: StatefulSet metacontroller/metacontroller and Deployment other/mc would both act on every resource → keep the one that the registrations are for, and scale the others to zero: kubectl scale --replicas=0',
      ],
    ],
    [
      'an old Metacontroller',
      image('ghcr.io/metacontroller/metacontroller:v4.11.0'),
      [
        'error Metacontroller: StatefulSet metacontroller/metacontroller has version v4.11.0, older than 4.17.2 → upgrade it to 4.17.2 or later',
      ],
    ],
    [
      'a Metacontroller by its digest',
      image('localhost:5000/metacontroller@sha256:0123'),
      [
        'warning Metacontroller: StatefulSet metacontroller/metacontroller: its image names no version; 4.17.2 is the least',
      ],
    ],
    [
      'a Metacontroller with several pods and no leader',
      withMetacontroller((one) => {
        one.spec.replicas = 2;
        one.status = { observedGeneration: 2, readyReplicas: 2 };
      }),
      [
        'error Metacontroller: StatefulSet metacontroller/metacontroller has 2 pods without --leader-election, and all would act → kubectl scale --replicas=1 --namespace metacontroller statefulset/metacontroller',
      ],
    ],
    [
      'a Metacontroller that is not ready',
      withMetacontroller((one) => {
        one.status = { observedGeneration: 2 };
      }),
      [
        'error Metacontroller: 0 of 1 pods of StatefulSet metacontroller/metacontroller are ready → kubectl describe --namespace metacontroller statefulset/metacontroller and kubectl get events --namespace metacontroller say why',
      ],
    ],
    [
      'a Metacontroller that is scaled to zero',
      withMetacontroller((one) => {
        one.spec.replicas = 0;
      }),
      [
        'error Metacontroller: StatefulSet metacontroller/metacontroller is scaled to zero → kubectl scale --replicas=1 --namespace metacontroller statefulset/metacontroller',
      ],
    ],
    [
      'a Metacontroller without flags',
      args(),
      [
        'warning flags: --apply-strategy is dynamic-apply: every Secret is copied into an annotation → switch to --apply-strategy=server-side-apply as metacontroller/install describes: stop Metacontroller and run the script there first',
        'warning flags: slower than it could be: --discovery-interval is 20s, --client-go-qps is 5, --client-go-burst is 10, --workers is 5 → start Metacontroller with --discovery-interval=5s --client-go-qps=200 --client-go-burst=400 --workers=20',
      ],
    ],
    [
      'faster flags than recommended, however they are written',
      args(
        '--apply-strategy',
        'server-side-apply',
        '-discovery-interval=1500ms',
        '--client-go-qps=300',
        '--client-go-burst=400',
        '--workers',
        '50',
      ),
      [],
    ],
    [
      'an interval in other units',
      args(
        '--apply-strategy=server-side-apply',
        '--discovery-interval=1m30s',
        '--client-go-qps=200',
        '--client-go-burst=400',
        '--workers=20',
      ),
      [
        'warning flags: slower than it could be: --discovery-interval is 1m30s → start Metacontroller with --discovery-interval=5s',
      ],
    ],
    [
      'missing rights of Metacontroller',
      () => ({
        denied: {
          value: [
            { verb: 'get', group: 'apps', resource: 'statefulsets' },
            { verb: 'list', group: 'apps', resource: 'statefulsets' },
            { verb: 'update', group: 'meshery.io', resource: 'brokers/status' },
            { verb: 'patch', group: '', resource: 'events' },
          ],
        },
      }),
      [
        'error rights: Metacontroller may not get and list statefulsets.apps, update brokers/status.meshery.io, patch events → give it the role of this version: upgrade the chart, or metacontroller/install/least-privilege',
      ],
    ],
    [
      'a missing CRD',
      crds((all) => all.delete('brokers.meshery.io')),
      [`error CRDs: brokers.meshery.io is missing → ${APPLY_CRDS}`],
    ],
    [
      'no CRD of Metacontroller',
      crds((all) => all.delete('compositecontrollers.metacontroller.k8s.io')),
      ['error CRDs: compositecontrollers.metacontroller.k8s.io is missing → install Metacontroller, which brings it'],
    ],
    [
      'a CRD of the Go operator',
      crds((all) => {
        const one = crd(0);
        one.metadata = { name: one.metadata.name, annotations: { 'controller-gen.kubebuilder.io/version': 'v0.14.0' } };
        all.set(one.metadata.name, one);
      }),
      [
        `error CRDs: brokers.meshery.io is that of Meshery's Go operator → do not delete it, which would delete all of its resources: ${MIGRATE} shows how to replace it`,
      ],
    ],
    [
      'a CRD that is not Established',
      crds((all) => {
        const one = crd(0);
        one.status = { conditions: [{ type: 'NamesAccepted', status: 'False', message: '"br" is in use' }] };
        all.set(one.metadata.name, one);
      }),
      [
        'error CRDs: brokers.meshery.io is not Established: "br" is in use → kubectl describe crd brokers.meshery.io says more',
      ],
    ],
    [
      'a version that is not served',
      crds((all) => {
        const one = crd(0);
        for (const each of one.spec.versions) if (each.name === 'v1alpha1') each.served = false;
        all.set(one.metadata.name, one);
      }),
      [`error CRDs: brokers.meshery.io does not serve v1alpha1 → ${APPLY_CRDS}`],
    ],
    [
      'an older CRD',
      crds((all) => all.set('brokers.meshery.io', changed())),
      [`error CRDs: brokers.meshery.io is of 2.0.0, older than ${version} → ${APPLY_CRDS}`],
    ],
    ['an older CRD that is the same', crds((all) => all.set('brokers.meshery.io', crd(0, OLD))), []],
    [
      'a CRD that says no version',
      crds((all) => all.set('brokers.meshery.io', changed({}))),
      [`error CRDs: brokers.meshery.io is of an older version, older than ${version} → ${APPLY_CRDS}`],
    ],
    [
      'a newer CRD',
      crds((all) => all.set('brokers.meshery.io', changed({ 'app.kubernetes.io/version': '9.0.0' }))),
      [
        `warning CRDs: brokers.meshery.io is of version 9.0.0, and this command of ${version} → use the command line of version 9.0.0`,
      ],
    ],
    [
      'a CRD that was edited',
      crds((all) => all.set('brokers.meshery.io', changed({ 'app.kubernetes.io/version': version }))),
      [
        `error CRDs: brokers.meshery.io is of version ${version}, but differs from it in spec.scope → apply it anew, unless somebody changed it on purpose: ${APPLY_CRDS}`,
      ],
    ],
    [
      'no registration of a kind',
      () => ({ registrations: { value: [registration(0)] } }),
      [
        'error registrations: MeshSync has none → kubectl apply -k metacontroller, or install the Helm chart anew: nothing syncs the kind without it',
      ],
    ],
    [
      'two registrations of a kind',
      () => {
        const other = registration(0);
        other.metadata.name = 'other';
        return { registrations: { value: [registration(0), registration(1), other] } };
      },
      [
        'error registrations: CompositeControllers meshery-broker and other are both for Broker → keep meshery-broker, and delete the other: kubectl delete compositecontroller',
      ],
    ],
    [
      'a registration that differs',
      () => {
        const one = registration(0);
        Object.assign(one.spec, { resyncPeriodSeconds: 30, hooks: { ...one.spec.hooks, finalize: {} } });
        return { registrations: { value: [one, registration(1)] } };
      },
      [
        `error registrations: CompositeController meshery-broker differs from ${version} in spec.resyncPeriodSeconds, spec.hooks.finalize → kubectl apply -k metacontroller, or the overlay that is installed, of the version of the operator`,
      ],
    ],
    [
      "somebody's own registration that differs",
      () => {
        const one = registration(1);
        Object.assign(one.spec, { generateSelector: false });
        one.metadata.labels = {};
        return { registrations: { value: [registration(0), one] } };
      },
      [
        `warning registrations: CompositeController meshery-meshsync differs from ${version} in spec.generateSelector → compare it with metacontroller/controllers/meshsync.yaml of this version`,
      ],
    ],
    [
      'no operator',
      () => ({ deployment: { value: undefined }, service: { value: undefined } }),
      [
        'error operator: there is no Deployment meshery-operator in namespace meshery → install it (docs/install.md), or name its namespace by --namespace',
        'error operator: there is no Service meshery-operator in namespace meshery → apply the manifests or the chart of the operator anew',
      ],
    ],
    [
      'another version of the operator',
      () => ({ deployment: { value: operator('mirror:5000/meshery-operator-metacontroller:2.0.0@sha256:0') } }),
      [
        `warning operator: runs version 2.0.0, and this command is ${version} → upgrade the operator, or use the command line of its version`,
      ],
    ],
    ['an operator by its digest', () => ({ deployment: { value: operator('mirror:5000/m@sha256:0') } }), []],
    [
      'an operator that is scaled to zero',
      () => ({
        deployment: { value: { ...operator(), spec: { ...operator().spec, replicas: 0 } } },
        endpoints: { value: [{ metadata: { name: 'a' }, endpoints: null }] },
      }),
      [
        'error operator: Deployment meshery/meshery-operator is scaled to zero → kubectl scale --replicas=2 --namespace meshery deployment/meshery-operator',
      ],
    ],
    [
      'an operator that is not ready',
      () => ({
        deployment: { value: { ...operator(), status: { observedGeneration: 1, readyReplicas: 1 } } },
        endpoints: { value: [{ metadata: { name: 'a' }, endpoints: null }] },
      }),
      [
        'error operator: Deployment meshery/meshery-operator has changed, and Kubernetes has not followed yet → kubectl describe --namespace meshery deployment/meshery-operator and kubectl get events --namespace meshery say why',
        'error operator: its Service leads to no ready pod → compare its selector with the labels of the pods: kubectl describe service meshery-operator --namespace meshery',
      ],
    ],
    [
      'hooks that refuse the token',
      events(event('Sync error: unsupported status code: 401', 2)),
      [
        'warning hooks: a sync of Broker meshery/meshery-broker failed 2 min ago: Sync error: unsupported status code: 401 → install the same overlay of docs/security.md (token, tls, mutual-tls) for the operator and the registrations, then restart Metacontroller, which reads its Secrets when it starts',
      ],
    ],
    [
      'a sync that failed before a later one',
      () => ({
        ...resources(resource('Broker', 'late', [], { status: syncedAt('2026-06-15T11:55:00Z') }))(),
        ...events(event('Sync error: dial tcp: connection refused', 6, 'uid-late'))(),
      }),
      [],
    ],
    [
      'hooks that can not be reached, of a resource that was never synced',
      () => ({
        ...resources(resource('Broker', 'new', [], { status: { observedGeneration: -1 } }))(),
        ...events(
          event('Sync error: older', 9, 'uid-new'),
          event('Sync error: dial tcp 10.96.0.1:80: connect: connection refused', 1, 'uid-new'),
        )(),
      }),
      [
        'error hooks: a sync of Broker meshery/new failed 1 min ago: Sync error: dial tcp 10.96.0.1:80: connect: connection refused → the Service of the operator must have ready pods, and its NetworkPolicy must allow the namespace of Metacontroller',
        `error resources: Broker meshery/new was never synced → ${SEE}`,
      ],
    ],
    [
      'failed syncs of long ago, and other Events',
      events(event('Sync error: 401', 21), event('Back-off restarting', 1), event('Sync error: x', 1, 'another')),
      [],
    ],
    [
      'a Service that does not answer, with nothing synced',
      () => ({ proxied: { value: { status: 504, message: 'no answer within 5 s' } }, ...resources()() }),
      [
        'warning hooks: the operator does not answer the API server: no answer within 5 s → a NetworkPolicy or mutual TLS may keep the API server out: create a Broker, and see whether it is synced',
      ],
    ],
    ['a Service that does not answer, while resources are synced', () => ({ proxied: { value: { status: 503 } } }), []],
    [
      'a resource that has just been created',
      resources(
        resource('Broker', 'new', [], {
          status: undefined,
          metadata: { ...resource('Broker', 'new').metadata, creationTimestamp: '2026-06-15T11:59:30Z' },
        }),
      ),
      [`warning resources: Broker meshery/new was never synced → ${SEE}`],
    ],
    [
      'a resource that is not synced since its edit',
      resources(resource('MeshSync', 'edited', [], { status: { observedGeneration: 2 } })),
      [
        `warning resources: MeshSync meshery/edited is not synced since its last edit: its status is of generation 2, and it is at 3 → ${SEE}`,
      ],
    ],
    [
      'a resource that is not Ready, unless it hibernates',
      resources(
        resource('Broker', 'late', [], { status: notReady('SecretKeyMissing') }),
        resource('Broker', 'asleep', [], { status: notReady('Hibernated') }),
      ),
      [
        'warning resources: Broker meshery/late is not Ready, SecretKeyMissing: It says why. → meshery-operator status broker late --namespace meshery shows what stops it',
      ],
    ],
    [
      'a resource that is stalled',
      resources(resource('Broker', 'b', [condition('Stalled', 'True', 'InvalidSpec')])),
      [
        'error resources: Broker meshery/b is stalled, InvalidSpec: It says why. → kubectl describe --namespace meshery broker/b, then edit what it names',
      ],
    ],
    [
      'a child that Kubernetes refuses',
      resources(resource('Broker', 'b', [condition('ChildrenCreated', 'False', 'ChildNotCreated')])),
      [
        'error resources: Broker meshery/b: Kubernetes refuses a child: It says why. → kubectl describe --namespace meshery broker/b shows why',
      ],
    ],
    [
      'a taken name, once',
      resources(
        resource('Broker', 'b', [
          condition('Stalled', 'True', 'NameConflict'),
          condition('NamesAvailable', 'False', 'NameConflict'),
        ]),
      ),
      [
        'error names: Broker meshery/b: It says why. → rename the resource, or make room once nobody needs that object: it is left unchanged',
      ],
    ],
    [
      'a MeshSync without a binding, and one with a part of its rights',
      () => ({
        accounts: {
          value: [
            {
              meshSync: { namespace: 'shop', name: 'edge' },
              account: { namespace: 'shop', name: 'edge' },
              needed: 2,
              denied: [
                { verb: 'list', group: '*', resource: '*' },
                { verb: 'watch', group: '*', resource: '*' },
              ],
              grants: [],
            },
            {
              meshSync: { namespace: 'meshery', name: 'meshery-meshsync' },
              account: { namespace: 'meshery', name: 'own' },
              needed: 2,
              denied: [{ verb: 'list', group: 'apps', resource: 'deployments' }],
              grants: [],
            },
          ],
        },
      }),
      [
        'error MeshSync: ServiceAccount shop/edge may not list and watch all resources → meshery-operator doctor --fix binds it to a role for its watch-list',
        'warning MeshSync: ServiceAccount meshery/own may not list deployments.apps → meshery-operator doctor --fix binds it to a role for its watch-list',
      ],
    ],
    [
      'Secrets with copies of their values',
      () => ({
        secrets: {
          value: new Map([
            [
              'meshery/a',
              {
                metadata: { name: 'a', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 's3cret' } },
              },
            ],
            [
              'meshery/b',
              {
                metadata: { name: 'b', annotations: { 'metacontroller.k8s.io/last-applied-configuration': 's3cret' } },
              },
            ],
          ]),
        },
      }),
      [
        'error credentials: annotation kubectl.kubernetes.io/last-applied-configuration of Secret meshery/a has a copy of its values → kubectl annotate secret a --namespace meshery kubectl.kubernetes.io/last-applied-configuration-, apply it with --server-side from then on, and replace the credentials',
        'error credentials: annotation metacontroller.k8s.io/last-applied-configuration of Secret meshery/b has a copy of its values → run Metacontroller with --apply-strategy=server-side-apply, which removes it, as metacontroller/install describes; then replace the credentials',
      ],
    ],
    [
      'the Go operator, running and gone',
      (facts) => {
        const gone = workload('Deployment', 'old', 'meshery-operator', 'meshery/meshery-operator:stable-latest');
        gone.spec.replicas = 0;
        const running = workload(
          'Deployment',
          'meshery',
          'meshery-operator',
          'docker.io/meshery/meshery-operator:v1.0.5',
        );
        return { ...facts, workloads: { value: [metacontroller(), running, gone] }, deployment: { value: running } };
      },
      [
        `error Go operator: Deployment meshery/meshery-operator runs Meshery's Go operator, which acts on the same resources → ${MIGRATE} shows how to move to this operator`,
        `error Go operator: Deployment old/meshery-operator of Meshery's Go operator is there, scaled to zero → ${MIGRATE} shows how to move to this operator`,
      ],
    ],
    [
      'what the Go operator has left',
      () => ({
        releases: {
          value: [
            {
              namespace: 'meshery',
              name: 'meshery-operator',
              chart: 'meshery-operator',
              version: '1.0.5',
              isOurs: false,
            },
            {
              namespace: 'meshery',
              name: 'meshery-operator',
              chart: 'meshery-operator',
              version,
              isOurs: true,
            },
          ],
        },
        ...resources(
          resource('Broker', 'b', [], {
            metadata: {
              ...resource('Broker', 'b').metadata,
              finalizers: ['foregroundDeletion', 'broker.meshery.io/finalizer'],
              managedFields: [{ manager: 'kubectl' }, { manager: 'meshery-operator-broker' }],
            },
          }),
        )(),
      }),
      [
        `error Go operator: Broker meshery/b has finalizer broker.meshery.io/finalizer, and its deletion would hang → once the Go operator is gone: kubectl patch --namespace meshery broker/b --type=json -p '[{"op":"test","path":"/metadata/finalizers/1","value":"broker.meshery.io/finalizer"},{"op":"remove","path":"/metadata/finalizers/1"}]'`,
        `warning Go operator: Broker meshery/b has fields of field manager meshery-operator-broker, which stay when nobody wants them → kubectl patch --namespace meshery broker/b --type=json -p '[{"op":"test","path":"/metadata/managedFields/1/manager","value":"meshery-operator-broker"},{"op":"remove","path":"/metadata/managedFields/1"}]'`,
        `warning Go operator: Helm release meshery/meshery-operator is of chart meshery-operator 1.0.5, the Go operator's → an upgrade of it would bring the Go operator back: ${MIGRATE} shows how to leave it`,
      ],
    ],
  ])('%s', (_what, change, expected) => {
    const facts = healthy();
    const found = diagnose({ ...facts, ...change(facts) });
    expect(lines(found)).toEqual(expected);
    expect(JSON.stringify(found)).not.toContain('s3cret');
  });
});

it('hints at namespaces that admit other pods, which is no defect', () => {
  const labelled = (name: string, level: string) => ({
    metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': level } },
  });
  const value = [{ metadata: { name: 'meshery' } }, labelled('b', 'baseline'), labelled('p', 'privileged')];
  expect(lines(podSecurity({ namespaces: { value } }), true)).toEqual([
    'ok Pod Security: pods of this operator need only restricted; meshery, p admit other pods as well → to keep them out, see which of them would be refused, then do it without --dry-run: kubectl label --dry-run=server --overwrite namespace meshery p pod-security.kubernetes.io/enforce=restricted',
  ]);
});

describe('certificates', () => {
  const DAY = 24 * 3_600_000;
  it.each<[days: number, string[]]>([
    [31, []],
    [
      30,
      [
        'warning certificates: a certificate in tls.crt of Secret meshery/nats-tls expires in 30 days, at 2026-07-15T12:00:00Z → renew it in the Secret; if it is the CA of the hooks, restart Metacontroller afterwards',
      ],
    ],
    [
      0,
      [
        'error certificates: a certificate in tls.crt of Secret meshery/nats-tls expired at 2026-06-15T12:00:00Z → renew it in the Secret; if it is the CA of the hooks, restart Metacontroller afterwards',
      ],
    ],
  ])('that end in %i days', async (days, expected) => {
    const ca = await authority();
    const pair = await issueUntil(new Date(NOW.getTime() + days * DAY), ca, 'meshery-nats.meshery.svc');
    const secrets = new Map([['meshery/nats-tls', { metadata: { name: 'nats-tls' }, data: tlsData(pair, ca) }]]);
    const found = diagnose({ ...healthy(), secrets: { value: secrets } });
    expect(lines(found)).toEqual(expected);
    expect(JSON.stringify(found)).not.toMatch(/BEGIN|LS0t/);
  });

  it.each<[string, Pick<Facts, 'secrets'>]>([
    ['', { secrets: { value: new Map() } }],
    [', also to those who may not read Secrets', { secrets: { missing: 'you may not get secrets: ask for a role' } }],
  ])('that clients refuse are reported%s, unless for their end, which the Secret tells', (_, secrets) => {
    const brokers = [
      resource('Broker', 'wrong', [condition('CertificateCoversService', 'False', 'NameMissing')]),
      resource('Broker', 'ended', [condition('CertificateCoversService', 'False', 'Expired')]),
      resource('Broker', 'fine', [condition('CertificateCoversService', 'True', 'Covered')]),
    ];
    const found = lines(diagnose({ ...healthy(), ...resources(...brokers)(), ...secrets }));
    expect(found.filter((line) => / certificates: /.test(line))).toEqual([
      'error certificates: Broker meshery/wrong, NameMissing: It says why. → put one that clients accept into its Secret; docs/broker.md#certificates has one for cert-manager',
    ]);
  });

  it('that can not be read are no matter of this check, since conditions say so', () => {
    const secrets = new Map([['a/b', { metadata: { name: 'b' }, data: { 'tls.crt': 'AAAA', 'ca.crt': '' } }]]);
    expect(lines(diagnose({ ...healthy(), secrets: { value: secrets } }))).toEqual([]);
  });
});

describe('missing rights', () => {
  it('are named by each check that needs them, once, and the others go on', () => {
    const missing = 'you may not list deployments in the cluster: ask for a role that allows it';
    const found = diagnose({ ...healthy(), workloads: { missing } });
    const line = (check: string) =>
      `warning ${check}: not checked: you may not list deployments in the cluster → ask for a role that allows it`;
    expect(lines(found)).toEqual(['Metacontroller', 'flags', 'Go operator'].map(line));
    expect(found.filter(({ unchecked }) => unchecked)).toHaveLength(3);
    expect(lines(found, true)).toContain('ok Kubernetes: version v1.30.2');
  });

  it('for Secrets leave the condition that reports exposed credentials', () => {
    const exposed = condition('CredentialsExposed', 'True', 'LastAppliedAnnotation');
    const facts = { ...healthy(), ...resources(resource('Broker', 'b', [exposed]))() };
    const secrets = { missing: 'you may not get secrets in namespace meshery: ask for a role that allows it' };
    expect(lines(diagnose({ ...facts, secrets }))).toContain(
      'error credentials: Broker meshery/b: It says why. → run Metacontroller with --apply-strategy=server-side-apply, which removes it, as metacontroller/install describes; then replace the credentials',
    );
  });
});
