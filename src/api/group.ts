/** API group of the custom resources. */
export const API_GROUP = 'meshery.io';

/** Every served version, oldest first; the last is stored, and the one that Metacontroller watches. */
export const VERSIONS = ['v1alpha1', 'v1alpha2'] as const;

/** `apiVersion` of the resources as hooks are sent them. */
export const API_VERSION = `${API_GROUP}/v1alpha2` as const;

/** What both custom resources have. */
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
