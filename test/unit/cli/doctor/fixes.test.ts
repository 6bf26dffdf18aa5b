import { expect, it } from 'vitest';
import type { Connection } from '../../../../src/cli/cluster/connection.ts';
import { diagnose } from '../../../../src/cli/doctor/diagnose.ts';
import type { Fix, Write } from '../../../../src/cli/doctor/finding.ts';
import { carryOut, fixesOf } from '../../../../src/cli/doctor/fix.ts';
import { applierOf } from '../../../../src/cli/doctor/ownership.ts';
import { version } from '../../../../src/server/version.ts';
import { fakeConnection } from '../../../support/connection.ts';
import { crd, healthy, operator, registration } from './healthy.ts';

it('nothing of a healthy installation is fixed', () => {
  expect(fixesOf(diagnose(healthy()))).toEqual([]);
});

it('an older CRD of this operator is applied, with the labels and annotations that it has', () => {
  const old = crd(0, { 'app.kubernetes.io/version': '2.0.0', team: 'a' });
  old.metadata.annotations = { kept: 'yes', 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
  Object.assign(old.spec, { scope: 'Cluster' });
  const facts = healthy();
  if ('value' in facts.crds) facts.crds.value.set(old.metadata.name, old);
  const [fix, ...others] = fixesOf(diagnose(facts));
  expect(others).toEqual([]);
  expect(fix?.summary).toBe(`apply CustomResourceDefinition brokers.meshery.io of ${version}, in place of 2.0.0`);
  expect(fix?.writes).toEqual([
    {
      of: { apiVersion: 'apiextensions.k8s.io/v1', resource: 'customresourcedefinitions' },
      name: 'brokers.meshery.io',
      patch: {
        type: 'apply',
        force: true,
        body: {
          apiVersion: 'apiextensions.k8s.io/v1',
          kind: 'CustomResourceDefinition',
          metadata: {
            name: 'brokers.meshery.io',
            labels: {
              'app.kubernetes.io/name': 'meshery-operator',
              'app.kubernetes.io/part-of': 'meshery',
              'app.kubernetes.io/version': version,
              team: 'a',
            },
            annotations: { kept: 'yes' },
          },
          spec: expect.objectContaining({ scope: 'Namespaced' }),
        },
      },
    },
  ]);
});

it.each([
  ['newer', { 'app.kubernetes.io/version': '9.0.0' }],
  ['edited', { 'app.kubernetes.io/version': version }],
  ['of a version that is not known to be older', { 'app.kubernetes.io/version': 'edge' }],
  ["somebody else's", { 'app.kubernetes.io/name': 'other' }],
])('a CRD that is %s is left alone', (_what, labels) => {
  const other = crd(0, labels);
  Object.assign(other.spec, { scope: 'Cluster' });
  const facts = healthy();
  if ('value' in facts.crds) facts.crds.value.set(other.metadata.name, other);
  expect(fixesOf(diagnose(facts))).toEqual([]);
});

function withEdited(change: (spec: object) => void) {
  const edited = registration(0);
  change(edited.spec);
  return { ...healthy(), registrations: { value: [edited, registration(1)] } };
}

it('a registration is applied with the Service, the token and the CA that it names', () => {
  const [fix, ...others] = fixesOf(
    diagnose(withEdited((spec) => Object.assign(spec, { resyncPeriodSeconds: 30, generateSelector: false }))),
  );
  expect(others).toEqual([]);
  expect(fix?.summary).toBe(
    `apply CompositeController meshery-broker of ${version}, which changes spec.generateSelector, spec.resyncPeriodSeconds, and keep how it reaches the hooks`,
  );
  expect(fix?.writes.map(({ patch }) => patch)).toEqual([
    {
      type: 'apply',
      force: true,
      body: expect.objectContaining({
        metadata: expect.objectContaining({ name: 'meshery-broker' }),
        spec: expect.objectContaining({ resyncPeriodSeconds: 600, hooks: registration(0).spec.hooks }),
      }),
    },
  ]);
});

it('a hook that this version does not have is removed, and one that is missing is as the other', () => {
  const edited = registration(0);
  const { sync } = edited.spec.hooks ?? {};
  edited.spec.hooks = { ...(sync && { sync }), finalize: {} };
  const [fix] = fixesOf(diagnose({ ...healthy(), registrations: { value: [edited, registration(1)] } }));
  expect(fix?.writes.map(({ patch }) => patch)).toEqual([
    {
      type: 'apply',
      force: true,
      body: expect.objectContaining({ spec: expect.objectContaining({ hooks: registration(0).spec.hooks }) }),
    },
    { type: 'merge', body: { spec: { hooks: { finalize: null } } } },
  ]);
});

it('a registration is left alone while the operator has another version', () => {
  const facts = withEdited((spec) => Object.assign(spec, { resyncPeriodSeconds: 30 }));
  expect(fixesOf(diagnose(facts))).toHaveLength(1);
  expect(fixesOf(diagnose({ ...facts, deployment: { value: operator('operator:2.0.0') } }))).toEqual([]);
  expect(fixesOf(diagnose({ ...facts, deployment: { value: undefined } }))).toEqual([]);
});

it('the role and the binding of a MeshSync are applied', () => {
  const labels = { 'app.kubernetes.io/part-of': 'meshery' };
  const grant = (kind: string) => ({ kind, metadata: { name: 'meshery-meshsync:shop:edge', labels } });
  const account = { namespace: 'shop', name: 'edge' };
  const grants = [grant('ClusterRole'), grant('ClusterRoleBinding')];
  const denied = [{ verb: 'list', group: '', resource: 'pods' }];
  const accounts = { value: [{ meshSync: account, account, needed: 1, denied, grants }] };
  const [fix] = fixesOf(diagnose({ ...healthy(), accounts }));
  expect(fix?.summary).toBe(
    'apply ClusterRole meshery-meshsync:shop:edge and ClusterRoleBinding meshery-meshsync:shop:edge, as rbac prints them for MeshSync shop/edge',
  );
  expect(fix?.writes).toEqual(
    ['clusterroles', 'clusterrolebindings'].map((resource, index) => ({
      of: { apiVersion: 'rbac.authorization.k8s.io/v1', resource },
      name: 'meshery-meshsync:shop:edge',
      patch: { type: 'apply', force: true, body: grants[index] },
      ownLabels: labels,
    })),
  );
});

it('a role or a binding of somebody else is left alone, and nothing else of the fix is made', async () => {
  const name = 'meshery-meshsync:shop:edge';
  const ownLabels = { 'app.kubernetes.io/part-of': 'meshery' };
  const write = (resource: string): Write => ({
    ...{ of: { apiVersion: 'rbac.authorization.k8s.io/v1', resource }, name, ownLabels },
    patch: { type: 'apply', body: {}, force: true },
  });
  const fix: Fix = { summary: 'apply both', writes: [write('clusterroles'), write('clusterrolebindings')] };
  const object = (kind: string, labels: Record<string, string>) => ({
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: { name, labels } },
  });
  const patched: string[] = [];
  const made = async (labels: Record<string, string>) => {
    const get: Connection['get'] = async ({ resource }) =>
      resource === 'clusterroles' ? object('ClusterRole', ownLabels) : object('ClusterRoleBinding', labels);
    const patch: Connection['patch'] = async ({ resource }) => {
      patched.push(resource);
      return { metadata: { name } };
    };
    return carryOut(fakeConnection('meshery', {}, { get, patch }), [fix]);
  };
  expect(await made({ team: 'payments' })).toEqual([
    {
      fix,
      failure: `ClusterRoleBinding ${name} is not that of this operator, and is left as it is: remove or rename it`,
    },
  ]);
  expect(patched).toEqual([]);
  expect(await made({ ...ownLabels, team: 'payments' })).toEqual([{ fix }]);
  expect(patched).toEqual(['clusterroles', 'clusterrolebindings']);
});

it.each([
  ['kubectl', [{ manager: 'kubectl', operation: 'Apply', fieldsV1: { 'f:metadata': {}, 'f:spec': {} } }]],
  [
    'argocd',
    [
      { manager: 'x', operation: 'Apply', fieldsV1: { 'f:metadata': {} } },
      { manager: 'argocd', operation: 'Apply', fieldsV1: { 'f:rules': {} } },
    ],
  ],
  ['meshery-operator-cli', [{ manager: 'helm', operation: 'Update', fieldsV1: { 'f:spec': {} } }]],
  ['meshery-operator-cli', []],
])('an object is applied as %s, who has applied it', (manager, managedFields) => {
  expect(applierOf({ metadata: { name: 'a', managedFields } })).toBe(manager);
});
