import type { V1Container, V1PodSpec, V1PodTemplateSpec, V1Volume } from '@kubernetes/client-node';
import { type ConditionInput, type ConditionTable, conditionFactory } from '../metacontroller/conditions.ts';

/** The condition of resources with pods. */
export const podSecurityConditions = {
  PodSecurityRestricted: {
    description: 'Present only while the pods do not meet the restricted Pod Security Standard.',
    reasons: {
      NotRestricted: 'False: the message names the fields. A namespace that enforces the standard refuses the pods.',
    },
  },
} as const satisfies ConditionTable;

const condition = conditionFactory(podSecurityConditions);

/** Why pods do not meet the restricted Pod Security Standard; none where they do. */
export function podSecurity(template: V1PodTemplateSpec | undefined): ConditionInput[] {
  if (!template?.spec) return [];
  const found = [...violations(template.spec), ...unconfined(template.metadata?.annotations)];
  if (found.length === 0) return [];
  const message = `The pods do not meet the restricted Pod Security Standard: ${found.join('; ')}. A namespace that enforces it refuses them.`;
  return [condition('PodSecurityRestricted', 'False', 'NotRestricted', message)];
}

/** From kubernetes.io/docs/concepts/security/pod-security-standards, as far as specs can set its fields. */
function violations(pod: V1PodSpec): string[] {
  const { securityContext = {}, volumes = [], initContainers = [], containers } = pod;
  const { seLinuxOptions } = securityContext;
  const isNetwork = pod.hostNetwork === true;
  return [
    ...(isNetwork
      ? ['hostNetwork is true, so that NetworkPolicies do not apply and all ports are open on the node']
      : []),
    ...volumes.filter(isHostPath).map(({ name }) => `volume ${name} is a hostPath`),
    ...(seLinuxOptions?.user || seLinuxOptions?.role ? ['seLinuxOptions has a user or a role'] : []),
    ...(isOneOf(seLinuxOptions?.type, SELINUX_TYPES) ? [] : [`seLinuxOptions.type is ${seLinuxOptions?.type}`]),
    ...(securityContext.runAsUser === 0 ? ['runAsUser is 0'] : []),
    ...[...initContainers, ...containers].flatMap((container) => containerViolations(container, securityContext)),
  ];
}

const APP_ARMOR = 'container.apparmor.security.beta.kubernetes.io/';

/** AppArmor profiles by annotation, as before Kubernetes 1.30. */
function unconfined(annotations: Record<string, string> = {}): string[] {
  return Object.entries(annotations)
    .filter(([key, profile]) => key.startsWith(APP_ARMOR) && !/^($|runtime\/default$|localhost\/)/.test(profile))
    .map(([key]) => `container ${key.slice(APP_ARMOR.length)}: an annotation turns AppArmor off`);
}

const SELINUX_TYPES = ['container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'];
const SECCOMP_TYPES = ['RuntimeDefault', 'Localhost'];

function containerViolations(
  { name, securityContext: own = {} }: V1Container,
  pod: NonNullable<V1PodSpec['securityContext']>,
): string[] {
  const { capabilities = {}, allowPrivilegeEscalation, privileged, runAsUser } = own;
  const added = (capabilities.add ?? []).filter((capability) => capability !== 'NET_BIND_SERVICE');
  const seccomp = own.seccompProfile ?? pod.seccompProfile;
  return [
    ...((own.runAsNonRoot ?? pod.runAsNonRoot) === true ? [] : ['runAsNonRoot is not true']),
    ...(runAsUser === 0 ? ['runAsUser is 0'] : []),
    ...(SECCOMP_TYPES.includes(seccomp?.type ?? '') ? [] : ['seccompProfile is neither RuntimeDefault nor Localhost']),
    ...(privileged === true ? ['privileged is true'] : []),
    ...(allowPrivilegeEscalation === false ? [] : ['allowPrivilegeEscalation is not false']),
    ...(capabilities.drop?.includes('ALL') ? [] : ['capabilities do not drop ALL']),
    ...(added.length > 0 ? [`capabilities add ${added.join(', ')}`] : []),
  ].map((violation) => `container ${name}: ${violation}`);
}

function isHostPath({ hostPath }: V1Volume): boolean {
  return hostPath !== undefined;
}

function isOneOf(value: string | undefined, values: string[]): boolean {
  return !value || values.includes(value);
}
