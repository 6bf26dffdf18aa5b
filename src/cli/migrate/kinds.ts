import { controllers } from '../../controllers.ts';
import { kinds } from '../../kubernetes/kinds.ts';
import { crdName } from '../../metacontroller/crd.ts';
import { groupOf } from '../../metacontroller/object.ts';
import { API, apiResourceOf } from '../cluster/api.ts';
import type { ApiResource, ClusterObject } from '../cluster/connection.ts';

/** A kind, and its resource of the API. */
export interface Kind extends ApiResource {
  kind: string;
}

const CERT_MANAGER = 'cert-manager.io/v1';
const RBAC = API.roles.apiVersion;

/** What a migration needs of a kind that the hooks know too. */
const known = ({ kind, apiVersion, resource }: Kind): Kind => ({ kind, apiVersion, resource });

/** The kinds of what a migration reads and changes, besides the custom resources. */
export const KINDS = {
  certificate: { kind: 'Certificate', apiVersion: CERT_MANAGER, resource: 'certificates' },
  clusterRole: { kind: 'ClusterRole', ...API.roles },
  clusterRoleBinding: { kind: 'ClusterRoleBinding', ...API.bindings },
  compositeController: { kind: 'CompositeController', ...API.registrations },
  configMap: known(kinds.configMap),
  crd: { kind: 'CustomResourceDefinition', ...API.crds },
  deployment: known(kinds.deployment),
  issuer: { kind: 'Issuer', apiVersion: CERT_MANAGER, resource: 'issuers' },
  job: { kind: 'Job', apiVersion: 'batch/v1', resource: 'jobs' },
  lease: { kind: 'Lease', apiVersion: 'coordination.k8s.io/v1', resource: 'leases' },
  networkPolicy: known(kinds.networkPolicy),
  pod: known(kinds.pod),
  podDisruptionBudget: known(kinds.podDisruptionBudget),
  role: { kind: 'Role', apiVersion: RBAC, resource: 'roles' },
  roleBinding: { kind: 'RoleBinding', apiVersion: RBAC, resource: 'rolebindings' },
  secret: known(kinds.secret),
  service: known(kinds.service),
  serviceAccount: known(kinds.serviceAccount),
  statefulSet: known(kinds.statefulSet),
} satisfies Record<string, Kind>;

/** The custom resources, in the version that is stored: reading it never needs a conversion. */
export const RESOURCES: readonly Kind[] = controllers.map((controller) => ({
  kind: controller.kind,
  ...apiResourceOf(controller),
}));

/** The names of the CustomResourceDefinitions. */
export const CRD_NAMES = controllers.map(crdName);

/** The kind of an object, `undefined` for one that a migration does not know. */
export function kindOf({ kind, apiVersion }: Pick<ClusterObject, 'kind' | 'apiVersion'>): Kind | undefined {
  return [...Object.values(KINDS), ...RESOURCES].find(
    (each) => each.kind === kind && groupOf(each.apiVersion) === groupOf(apiVersion ?? ''),
  );
}
