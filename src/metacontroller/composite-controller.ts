import type { Controller } from './controller.ts';

/** The Service of the hooks. */
export interface HookService {
  name: string;
  namespace: string;
}

/**
 * The CompositeController that registers a controller with Metacontroller:
 * - changes of a parent's status alone do not trigger a sync (`ignoreStatusChanges`);
 * - children are selected by a label with the uid of their parent, so two parents never share one (`generateSelector`);
 * - every parent is resynced periodically, in case an event was missed (`resyncPeriodSeconds`);
 * - an unchanged response is not sent again (`etag`, which needs both times).
 * @param name of the CompositeController
 */
export function compositeController(
  { name: path, apiVersion, plural, children }: Controller,
  name: string,
  service: HookService,
  labels: Record<string, string>,
) {
  const hook = (hookName: string) => ({
    version: 'v2',
    webhook: {
      service: { name: service.name, namespace: service.namespace },
      path: `/${path}/${hookName}`,
      timeout: '10s',
      etag: { enabled: true, cacheTimeoutSeconds: 3600, cacheCleanupSeconds: 600 },
    },
  });
  return {
    apiVersion: 'metacontroller.k8s.io/v1alpha1',
    kind: 'CompositeController',
    metadata: { name, labels },
    spec: {
      parentResource: { apiVersion, resource: plural, ignoreStatusChanges: true },
      generateSelector: true,
      resyncPeriodSeconds: 600,
      childResources: children.map(({ apiVersion, resource }) => ({
        apiVersion,
        resource,
        updateStrategy: { method: 'InPlace' },
      })),
      hooks: { sync: hook('sync'), customize: hook('customize') },
    },
  };
}
