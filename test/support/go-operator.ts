import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { ClusterObject } from '../../src/cli/cluster/connection.ts';
import { encode } from '../../src/kubernetes/secrets.ts';

/** The namespace that Meshery's Go operator is installed into. */
export const NAMESPACE = 'meshery';

/** The image of the Go operator, as its releases name it. */
export const GO_OPERATOR_IMAGE = 'meshery/meshery-operator:1.0.5';

const List = Type.Object({ items: Type.Array(ClusterObject) });

/** Objects of a cluster with Meshery's Go operator 1.0.5, as recorded: by the plural of their kind. */
export function recorded(plural: string): ClusterObject[] {
  const content: unknown = JSON.parse(readFileSync(`test/payloads/go-operator/${plural}.json`, 'utf8'));
  if (!Value.Check(List, content)) throw new Error(`${plural}: not a list of objects`);
  return content.items;
}

/** What the Go operator made for its Broker and its MeshSync, as recorded. */
export function recordedChildren(): ClusterObject[] {
  return ['secrets', 'configmaps', 'services', 'statefulsets', 'deployments']
    .flatMap(recorded)
    .filter(({ metadata }) => metadata.name !== 'kube-root-ca.crt');
}

/** How the Go operator was installed. */
export type Installation = 'chart' | 'kustomize';

const RELEASE = {
  'meta.helm.sh/release-name': 'meshery-operator',
  'meta.helm.sh/release-namespace': NAMESPACE,
};

const EVERYTHING = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];
const RBAC = 'rbac.authorization.k8s.io/v1';

/** The objects that the Go operator is installed by, with the names and the selectors of its chart or of its kustomization. */
export function installed(by: Installation): ClusterObject[] {
  const isChart = by === 'chart';
  const labels = isChart
    ? { 'app.kubernetes.io/name': 'meshery-operator', 'app.kubernetes.io/instance': 'meshery-operator' }
    : { app: 'meshery', component: 'operator' };
  const metadata = (name: string, namespace?: string) => ({
    name,
    ...(namespace && { namespace }),
    labels: { ...labels, ...(isChart && { 'app.kubernetes.io/managed-by': 'Helm' }) },
    ...(isChart && { annotations: RELEASE }),
  });
  const subjects = [{ kind: 'ServiceAccount', name: 'meshery-operator', namespace: NAMESPACE }];
  const bound = (kind: string, name: string) => ({ roleRef: { apiGroup: RBAC.split('/')[0], kind, name }, subjects });
  const service = (name: string, ports: object[]) => ({
    ...{ apiVersion: 'v1', kind: 'Service', metadata: metadata(name, NAMESPACE) },
    spec: { ports, selector: labels },
  });
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('meshery-operator', NAMESPACE) },
    {
      ...{ apiVersion: RBAC, kind: 'Role', metadata: metadata('meshery-leader-election-role', NAMESPACE) },
      rules: [
        { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: EVERYTHING },
        { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
      ],
    },
    {
      ...{
        apiVersion: RBAC,
        kind: 'RoleBinding',
        metadata: metadata('meshery-leader-election-rolebinding', NAMESPACE),
      },
      ...bound('Role', 'meshery-leader-election-role'),
    },
    {
      ...{ apiVersion: RBAC, kind: 'ClusterRole', metadata: metadata('meshery-operator-role') },
      rules: [
        { apiGroups: [''], resources: ['configmaps', 'secrets', 'services'], verbs: EVERYTHING },
        { apiGroups: ['apps'], resources: ['deployments', 'statefulsets'], verbs: EVERYTHING },
        { apiGroups: ['meshery.io'], resources: ['*'], verbs: EVERYTHING },
      ],
    },
    {
      ...{ apiVersion: RBAC, kind: 'ClusterRoleBinding', metadata: metadata('meshery-operator-rolebinding') },
      ...bound('ClusterRole', 'meshery-operator-role'),
    },
    service('meshery-webhook-service', [{ port: 443, targetPort: 9443 }]),
    ...(isChart
      ? [service('meshery-operator', [{ port: 8443, targetPort: 'https-metrics', name: 'https-metrics' }]), revision()]
      : []),
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata('meshery-operator', NAMESPACE) },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: 'meshery-operator',
            securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532 },
            containers: [
              {
                ...{ name: 'manager', image: GO_OPERATOR_IMAGE, command: ['/manager'] },
                args: ['--enable-leader-election', '--metrics-addr=0', '--health-probe-bind-address=:8081'],
                env: [{ name: 'ENABLE_WEBHOOKS', value: 'false' }],
                imagePullPolicy: 'IfNotPresent',
              },
            ],
          },
        },
      },
    },
  ];
}

/** The Secret in which Helm stores the release, as small as it can be. */
function revision(): ClusterObject {
  const release = { name: 'meshery-operator', chart: { metadata: { name: 'meshery-operator', version: '1.0.5' } } };
  const content = gzipSync(JSON.stringify(release)).toString('base64');
  return {
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'helm.sh/release.v1' },
    metadata: {
      name: 'sh.helm.release.v1.meshery-operator.v1',
      namespace: NAMESPACE,
      labels: { owner: 'helm', name: 'meshery-operator', status: 'deployed', version: '1' },
    },
    data: { release: encode(content) },
  };
}

/** The CRDs of the Go operator: its versions and names, with an open schema. */
export function definitions(): ClusterObject[] {
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec: open, status: open } } };
  const version = (name: string, storage: boolean) => ({
    ...{ name, storage, served: true, schema, subresources: { status: {} } },
    additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
  });
  return [
    ['Broker', 'brokers'],
    ['MeshSync', 'meshsyncs'],
  ].map(([kind = '', plural = '']) => ({
    ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
    metadata: {
      name: `${plural}.meshery.io`,
      annotations: { 'cert-manager.io/inject-ca-from': 'meshery/meshery-serving-cert' },
    },
    spec: {
      ...{ group: 'meshery.io', scope: 'Namespaced' },
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [version('v1alpha1', false), version('v1alpha2', true)],
    },
  }));
}

/** The conversion of the CRDs where the Go operator was installed by its kustomization. */
export const CONVERSION = {
  strategy: 'Webhook',
  webhook: {
    clientConfig: { service: { name: 'meshery-webhook-service', namespace: NAMESPACE, path: '/convert' } },
    conversionReviewVersions: ['v1'],
  },
};

/** The Lease that the Go operator holds while it runs. */
export const LEASE: ClusterObject = {
  ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
  metadata: { name: 'meshery-operator-leader.meshery.io', namespace: NAMESPACE },
  spec: { holderIdentity: 'meshery-operator-0' },
};
