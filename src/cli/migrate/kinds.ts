import { controllers } from '../../controllers.ts';
import type { ApiResource, ClusterObject } from '../cluster/connection.ts';

/** A kind, and its resource of the API. */
export interface Kind extends ApiResource {
  kind: string;
}

const RBAC = 'rbac.authorization.k8s.io/v1';
const CERT_MANAGER = 'cert-manager.io/v1';

/** The kinds of what a migration reads and changes, besides the custom resources. */
export const KINDS = {
  certificate: { kind: 'Certificate', apiVersion: CERT_MANAGER, resource: 'certificates' },
  clusterRole: { kind: 'ClusterRole', apiVersion: RBAC, resource: 'clusterroles' },
  clusterRoleBinding: { kind: 'ClusterRoleBinding', apiVersion: RBAC, resource: 'clusterrolebindings' },
  compositeController: {
    ...{ kind: 'CompositeController', apiVersion: 'metacontroller.k8s.io/v1alpha1', resource: 'compositecontrollers' },
  },
  configMap: { kind: 'ConfigMap', apiVersion: 'v1', resource: 'configmaps' },
  crd: {
    kind: 'CustomResourceDefinition',
    apiVersion: 'apiextensions.k8s.io/v1',
    resource: 'customresourcedefinitions',
  },
  deployment: { kind: 'Deployment', apiVersion: 'apps/v1', resource: 'deployments' },
  issuer: { kind: 'Issuer', apiVersion: CERT_MANAGER, resource: 'issuers' },
  job: { kind: 'Job', apiVersion: 'batch/v1', resource: 'jobs' },
  lease: { kind: 'Lease', apiVersion: 'coordination.k8s.io/v1', resource: 'leases' },
  networkPolicy: { kind: 'NetworkPolicy', apiVersion: 'networking.k8s.io/v1', resource: 'networkpolicies' },
  pod: { kind: 'Pod', apiVersion: 'v1', resource: 'pods' },
  podDisruptionBudget: { kind: 'PodDisruptionBudget', apiVersion: 'policy/v1', resource: 'poddisruptionbudgets' },
  role: { kind: 'Role', apiVersion: RBAC, resource: 'roles' },
  roleBinding: { kind: 'RoleBinding', apiVersion: RBAC, resource: 'rolebindings' },
  secret: { kind: 'Secret', apiVersion: 'v1', resource: 'secrets' },
  service: { kind: 'Service', apiVersion: 'v1', resource: 'services' },
  serviceAccount: { kind: 'ServiceAccount', apiVersion: 'v1', resource: 'serviceaccounts' },
  statefulSet: { kind: 'StatefulSet', apiVersion: 'apps/v1', resource: 'statefulsets' },
} as const satisfies Record<string, Kind>;

/** The custom resources, in the version that is stored: reading it never needs a conversion. */
export const RESOURCES: readonly Kind[] = controllers.map(({ kind, apiVersion, plural }) => ({
  kind,
  apiVersion,
  resource: plural,
}));

/** The names of the CustomResourceDefinitions. */
export const CRD_NAMES = controllers.map(({ group, plural }) => `${plural}.${group}`);

/** The kind of an object, `undefined` for one that a migration does not know. */
export function kindOf({ kind, apiVersion }: Pick<ClusterObject, 'kind' | 'apiVersion'>): Kind | undefined {
  const group = (version = '') => version.split('/').slice(0, -1).join('/');
  return [...Object.values(KINDS), ...RESOURCES].find(
    (each) => each.kind === kind && group(each.apiVersion) === group(apiVersion),
  );
}

/** An object in words: `StatefulSet meshery/meshery-nats`. */
export function inWords({
  kind,
  metadata: { name, namespace },
}: Pick<ClusterObject, 'kind'> & { metadata: { name: string; namespace?: string | undefined } }): string {
  return `${kind} ${namespace ? `${namespace}/` : ''}${name}`;
}
