import { describe, expect, it } from 'vitest';
import { allChildren, reapplyLastApplied } from '../../../src/metacontroller/reapply.ts';
import { LAST_APPLIED } from '../../stand-in/dynamic-apply.ts';
import type { JsonObject, KubeObject } from '../../stand-in/json.ts';

const UID = 'uid-of-the-parent';

/** A Deployment as a cluster stores it: with defaults, a status and the fields of other managers. */
function observed(metadata: JsonObject = {}): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'meshery-meshsync',
      namespace: 'meshery',
      uid: 'uid-of-the-child',
      resourceVersion: '7',
      generation: 3,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'meshery', 'controller-uid': UID, theirs: 'x' },
      annotations: { 'meshery.io/revision': 'abc', 'deployment.kubernetes.io/revision': '1' },
      ownerReferences: [
        { apiVersion: 'meshery.io/v1alpha2', kind: 'MeshSync', name: 'meshery-meshsync', uid: UID, controller: true },
      ],
      finalizers: ['ours', 'theirs'],
      ...metadata,
    },
    spec: {
      progressDeadlineSeconds: 600,
      replicas: 2,
      selector: { matchLabels: { app: 'meshery' } },
      template: {
        spec: {
          containers: [
            { name: 'sidecar', image: 'injected:1' },
            {
              name: 'meshsync',
              image: 'meshery/meshsync:1.0.3',
              args: ['--outputNamespaces', 'a'],
              env: [
                { name: 'DEBUG', value: 'true' },
                { name: 'BROKER_URL', value: 'nats://a:4222' },
              ],
              ports: [{ containerPort: 11000, name: 'client', protocol: 'TCP' }],
              imagePullPolicy: 'IfNotPresent',
            },
          ],
        },
      },
    },
    status: { replicas: 2 },
  };
}

const name = { name: 'meshery-meshsync', namespace: 'meshery' };

/** The fields of `observed` that an Apply of Metacontroller owns. */
const fieldsV1 = {
  'f:metadata': {
    'f:labels': { 'f:app': {}, 'f:controller-uid': {} },
    'f:annotations': { 'f:meshery.io/revision': {}, 'f:gone': {} },
    'f:finalizers': { 'v:"ours"': {} },
    'f:ownerReferences': { [`k:{"uid":"${UID}"}`]: {} },
  },
  'f:spec': {
    'f:replicas': {},
    'f:selector': {},
    'f:template': {
      'f:spec': {
        'f:containers': {
          'k:{"name":"meshsync"}': {
            '.': {},
            'f:name': {},
            'f:image': {},
            'f:env': { 'k:{"name":"BROKER_URL"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
            'f:ports': {
              'k:{"containerPort":11000,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:name': {} },
            },
          },
          'k:{"name":"gone"}': { '.': {}, 'f:name': {} },
        },
      },
    },
  },
};

const projected = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    ...name,
    labels: { app: 'meshery', 'controller-uid': UID },
    annotations: { 'meshery.io/revision': 'abc' },
    finalizers: ['ours'],
  },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'meshery' } },
    template: {
      spec: {
        containers: [
          {
            name: 'meshsync',
            image: 'meshery/meshsync:1.0.3',
            env: [{ name: 'BROKER_URL', value: 'nats://a:4222' }],
            ports: [{ containerPort: 11000, name: 'client' }],
          },
        ],
      },
    },
  },
};

const apply = (manager: string, fields: JsonObject) => ({
  manager,
  operation: 'Apply',
  apiVersion: 'apps/v1',
  fieldsType: 'FieldsV1',
  fieldsV1: fields,
});

describe('reapplyLastApplied', () => {
  it('returns the configuration that dynamic-apply applied last, with the name of the observed object', () => {
    const lastApplied = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        ...name,
        labels: { app: 'meshery', 'controller-uid': UID },
        annotations: { 'meshery.io/revision': 'x' },
      },
      spec: { replicas: 5 },
    };
    expect(reapplyLastApplied(observed({ annotations: { [LAST_APPLIED]: JSON.stringify(lastApplied) } }))).toEqual(
      lastApplied,
    );
  });

  it('removes fields that a hook may not return', () => {
    const lastApplied = {
      metadata: {
        ...name,
        annotations: { [LAST_APPLIED]: '{}', gone: null },
        ownerReferences: [{ uid: UID }],
      },
      status: { replicas: 1 },
      spec: { replicas: 5 },
    };
    expect(reapplyLastApplied(observed({ annotations: { [LAST_APPLIED]: JSON.stringify(lastApplied) } }))).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: name,
      spec: { replicas: 5 },
    });
  });

  it('returns the fields that Metacontroller owns under server-side-apply, with their observed values', () => {
    const managedFields = [
      { manager: 'kube-controller-manager', operation: 'Update', fieldsType: 'FieldsV1', fieldsV1: { 'f:status': {} } },
      apply('meshery-server', { 'f:metadata': { 'f:labels': { 'f:theirs': {} } } }),
      apply('metacontroller', fieldsV1),
    ];
    expect(reapplyLastApplied(observed({ managedFields }))).toEqual(projected);
  });

  it('recognises Metacontroller by any field manager name', () => {
    expect(reapplyLastApplied(observed({ managedFields: [apply('another-name', fieldsV1)] }))).toEqual(projected);
  });

  it('does not mistake a user who applied the label for Metacontroller', () => {
    const label = { 'f:metadata': { 'f:labels': { 'f:controller-uid': {} } } };
    expect(
      reapplyLastApplied(observed({ managedFields: [apply('kubectl', label), apply('metacontroller', fieldsV1)] })),
    ).toEqual(projected);
  });

  it.each(['{"apiVersion":', '"text"', '[]', 'null', ''])(
    'uses the managed fields when the annotation is %j',
    (text) => {
      const annotations = { 'meshery.io/revision': 'abc', [LAST_APPLIED]: text };
      expect(reapplyLastApplied(observed({ annotations, managedFields: [apply('metacontroller', fieldsV1)] }))).toEqual(
        projected,
      );
    },
  );

  it('returns only the name of an object that was never applied', () => {
    const managedFields = [
      { manager: 'kubectl', operation: 'Update', fieldsType: 'FieldsV1', fieldsV1 },
      apply('somebody', { 'f:spec': { 'f:replicas': {} } }),
    ];
    const nameAlone = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: name };
    expect(reapplyLastApplied(observed({ managedFields }))).toEqual(nameAlone);
    expect(reapplyLastApplied(observed({ annotations: { [LAST_APPLIED]: 'broken' } }))).toEqual(nameAlone);
    expect(reapplyLastApplied(observed())).toEqual(nameAlone);
  });

  it('returns the whole value for a set without members, and skips invalid keys', () => {
    const fields = {
      'f:metadata': { 'f:labels': { 'f:controller-uid': {} }, 'f:ownerReferences': { [`k:{"uid":"${UID}"}`]: {} } },
      'f:spec': {
        'f:selector': {},
        'f:template': { 'f:spec': { 'f:containers': { 'k:{broken': {}, 'i:0': {}, 'k:{"name":"sidecar"}': {} } } },
      },
    };
    expect(reapplyLastApplied(observed({ managedFields: [apply('metacontroller', fields)] }))).toMatchObject({
      spec: {
        selector: { matchLabels: { app: 'meshery' } },
        template: { spec: { containers: [{ name: 'sidecar', image: 'injected:1' }] } },
      },
    });
  });
});

describe('allChildren', () => {
  it('returns every child of every kind, unknown kinds included', () => {
    const widget = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w', namespace: 'meshery' } };
    const children = {
      'Deployment.apps/v1': { a: observed() },
      'Widget.example.com/v1': { w: widget },
      'Secret.v1': undefined,
    };
    expect(allChildren(children)).toEqual([observed(), widget]);
  });
});
