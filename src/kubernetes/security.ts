import type { V1PodSecurityContext, V1SecurityContext } from '@kubernetes/client-node';

/** User and group `nonroot` of distroless images, which the broker pods of Meshery's Go operator run as too. */
const NON_ROOT = 65532;

/** Whether the operator sets the user and the groups of pods, or leaves them to the platform, as OpenShift requires. */
export const SECURITY_CONTEXTS = ['restricted', 'platform'] as const;
export type SecurityContexts = (typeof SECURITY_CONTEXTS)[number];

/** Pod-level half of the restricted Pod Security Standard. */
export function podSecurityContext(mode: SecurityContexts = 'restricted'): V1PodSecurityContext {
  const seccompProfile = { type: 'RuntimeDefault' };
  if (mode === 'platform') return { runAsNonRoot: true, seccompProfile };
  return { fsGroup: NON_ROOT, runAsGroup: NON_ROOT, runAsNonRoot: true, runAsUser: NON_ROOT, seccompProfile };
}

/** Container-level half of the restricted Pod Security Standard, with a read-only root besides. */
export const restrictedContainer: V1SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
};
