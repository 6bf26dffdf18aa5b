import type { Controller } from '../../metacontroller/controller.ts';
import type { ApiResource } from './connection.ts';

const RBAC = 'rbac.authorization.k8s.io/v1';

/** The resources of the API that commands read and write, besides the children of the controllers. */
export const API = {
  crds: { apiVersion: 'apiextensions.k8s.io/v1', resource: 'customresourcedefinitions' },
  registrations: { apiVersion: 'metacontroller.k8s.io/v1alpha1', resource: 'compositecontrollers' },
  endpoints: { apiVersion: 'discovery.k8s.io/v1', resource: 'endpointslices' },
  events: { apiVersion: 'v1', resource: 'events' },
  namespaces: { apiVersion: 'v1', resource: 'namespaces' },
  replicaSets: { apiVersion: 'apps/v1', resource: 'replicasets' },
  roles: { apiVersion: RBAC, resource: 'clusterroles' },
  bindings: { apiVersion: RBAC, resource: 'clusterrolebindings' },
} as const satisfies Record<string, ApiResource>;

/** Name of the CRD of the registrations. */
export const REGISTRATIONS_CRD = `${API.registrations.resource}.metacontroller.k8s.io`;

/** The resource of the API of a controller, in the version that is stored: reading it never needs a conversion. */
export function apiResourceOf({ apiVersion, plural }: Pick<Controller, 'apiVersion' | 'plural'>): ApiResource {
  return { apiVersion, resource: plural };
}
