import type { V1PodSecurityContext, V1SecurityContext } from '@kubernetes/client-node';

/** User and group `nonroot` of distroless images, which the broker pods of Meshery's Go operator run as too. */
const NON_ROOT = 65532;

/** Pod-level half of the restricted Pod Security Standard. */
export const restrictedPod: V1PodSecurityContext = {
  fsGroup: NON_ROOT,
  runAsGroup: NON_ROOT,
  runAsNonRoot: true,
  runAsUser: NON_ROOT,
  seccompProfile: { type: 'RuntimeDefault' },
};

/** Container-level half of the restricted Pod Security Standard, with a read-only root besides. */
export const restrictedContainer: V1SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
};
