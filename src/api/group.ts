/** API group of the custom resources. */
export const API_GROUP = 'meshery.io';

/** The served versions, oldest first; the last is the storage version, and the one that Metacontroller watches. */
export const VERSIONS = ['v1alpha1', 'v1alpha2'] as const;

/** `apiVersion` of the resources in hook requests. */
export const API_VERSION = `${API_GROUP}/v1alpha2` as const;

/** What both custom resources have in common. */
export const resourceDefaults = {
  group: API_GROUP,
  versions: VERSIONS,
  categories: ['meshery'],
  scale: {
    specReplicasPath: '.spec.size',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.selector',
  },
};
