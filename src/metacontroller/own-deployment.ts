import type { RelatedResourceRule } from './response.ts';

/** The Deployment whose pods serve the hooks. */
export interface OwnDeployment {
  namespace: string;
  name: string;
}

/** The resource of Deployments. */
export const DEPLOYMENTS = { apiVersion: 'apps/v1', resource: 'deployments' };

/**
 * The rule that makes the Deployment of the hooks a related object of a parent. Metacontroller syncs a parent when a related
 * object changes: so what another version or another environment answers takes effect once its pods are available.
 */
export function ownDeploymentRule({ namespace, name }: OwnDeployment): RelatedResourceRule {
  return { ...DEPLOYMENTS, namespace, names: [name] };
}
