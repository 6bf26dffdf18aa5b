import type { Resource } from '../../../../src/cli/cluster/objects.ts';
import type { Facts } from '../../../../src/cli/doctor/facts.ts';
import type { Finding } from '../../../../src/cli/doctor/finding.ts';
import type { Crd, Registration, Workload } from '../../../../src/cli/doctor/objects.ts';
import { controllers } from '../../../../src/controllers.ts';
import { compositeController } from '../../../../src/metacontroller/composite-controller.ts';
import { customResourceDefinition } from '../../../../src/metacontroller/crd.ts';
import { OPERATOR, OPERATOR_LABELS } from '../../../../src/operator.ts';
import { version } from '../../../../src/server/version.ts';

export const NOW = new Date('2026-06-15T12:00:00Z');

export const FLAGS = [
  '--apply-strategy=server-side-apply',
  '--discovery-interval=5s',
  '--client-go-qps=200',
  '--client-go-burst=400',
  '--workers=20',
];

/** A Deployment or a StatefulSet whose pods are ready. */
export function workload(kind: string, namespace: string, name: string, image: string, args: string[] = []): Workload {
  return {
    kind,
    metadata: { namespace, name, generation: 2 },
    spec: {
      replicas: 1,
      template: {
        spec: {
          serviceAccountName: name,
          containers: [{ name: name.replace('meshery-operator', 'manager'), image, args }],
        },
      },
    },
    status: { observedGeneration: 2, readyReplicas: 1 },
  };
}

export const metacontroller = () =>
  workload('StatefulSet', 'metacontroller', 'metacontroller', 'ghcr.io/metacontroller/metacontroller:v4.17.2', FLAGS);

export const operator = (image = `ghcr.io/meshery/meshery-operator-metacontroller:${version}`) =>
  workload('Deployment', 'meshery', 'meshery-operator', image);

/** The CRD of a controller, as the API server stores it. */
export function crd(index: number, labels: Record<string, string> = { 'app.kubernetes.io/version': version }): Crd {
  const [controller] = controllers.slice(index);
  if (!controller) throw new Error(`there is no controller ${index}`);
  const stored: unknown = JSON.parse(
    JSON.stringify({
      ...customResourceDefinition(controller, { labels: { ...OPERATOR_LABELS, ...labels } }),
      status: { conditions: [{ type: 'Established', status: 'True' }] },
    }),
  );
  return stored as Crd;
}

const registrationsCrd: Crd = {
  metadata: { name: 'compositecontrollers.metacontroller.k8s.io' },
  spec: { versions: [{ name: 'v1alpha1', served: true }] },
  status: { conditions: [{ type: 'Established', status: 'True' }] },
};

/** The registration of a controller, with a token and TLS, in another namespace than the default. */
export function registration(index: number): Registration {
  const [controller] = controllers.slice(index);
  if (!controller) throw new Error(`there is no controller ${index}`);
  const service = { name: 'hooks', namespace: 'elsewhere' };
  const made = structuredClone(compositeController(controller, `meshery-${controller.name}`, service, OPERATOR_LABELS));
  for (const { webhook } of Object.values(made.spec.hooks)) {
    const secretRef = { name: 'ca', namespace: OPERATOR.namespace, key: 'ca.crt' };
    Object.assign(webhook.service, { protocol: 'https', port: 443 });
    Object.assign(webhook, { caBundle: { secretRef }, authorization: { type: 'Bearer', secretRef } });
  }
  return made;
}

/** A Broker or a MeshSync that is ready. */
export function resource(kind: Resource['kind'], name: string, conditions: object[] = [], more: object = {}): Resource {
  const ready = { type: 'Ready', status: 'True', reason: 'Ready', message: 'ready' };
  const transition = { lastTransitionTime: '2026-06-15T11:00:00Z' };
  return {
    apiVersion: 'meshery.io/v1alpha2',
    kind,
    metadata: {
      namespace: 'meshery',
      name,
      uid: `uid-${name}`,
      generation: 3,
      creationTimestamp: '2026-06-15T11:00:00Z',
    },
    spec: {},
    status: {
      observedGeneration: 3,
      conditions: [ready, ...conditions].map((condition) => ({ ...condition, ...transition })),
    },
    ...more,
  };
}

/** An installation in which nothing is wrong. */
export function healthy(): Facts {
  const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return {
    now: NOW,
    namespace: 'meshery',
    version: { value: 'v1.30.2' },
    crds: { value: new Map([crd(0), crd(1), registrationsCrd].map((each) => [each.metadata.name, each])) },
    workloads: { value: [metacontroller(), operator()] },
    registrations: { value: [registration(0), registration(1)] },
    deployment: { value: operator() },
    service: { value: { metadata: { name: 'meshery-operator' }, spec: { ports: [{ port: 80 }] } } },
    endpoints: { value: [{ metadata: { name: 'a' }, endpoints: [{ conditions: { ready: true } }] }] },
    proxied: { value: { status: 200 } },
    denied: { value: [] },
    resources: { value: [resource('Broker', 'meshery-broker'), resource('MeshSync', 'meshery-meshsync')] },
    events: { value: [] },
    accounts: { value: [] },
    secrets: { value: new Map() },
    namespaces: { value: [{ metadata: { name: 'meshery', labels: restricted } }] },
    releases: { value: [] },
  };
}

/** Findings as lines; those that are fine are left out unless they are wanted. */
export function lines(findings: Finding[], fine = false): string[] {
  return findings
    .filter(({ severity }) => fine || severity !== 'ok')
    .map(({ severity, check, message, remedy }) => `${severity} ${check}: ${message}${remedy ? ` → ${remedy}` : ''}`);
}
