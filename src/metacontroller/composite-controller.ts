import type { Controller } from './controller.ts';

/** The Service that Metacontroller reaches the hooks by. */
export interface HookService {
  name: string;
  namespace: string;
}

/**
 * The CompositeController that registers a controller with Metacontroller:
 * - its own writes of a parent's status are no reason to sync again (`ignoreStatusChanges`);
 * - children are told by a label with the uid of their parent, so two parents never share one (`generateSelector`);
 * - everything is looked at now and then, in case an event was missed (`resyncPeriodSeconds`);
 * - an answer that did not change is not sent again (`etag`, which needs both times).
 * @param name of the registration
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
