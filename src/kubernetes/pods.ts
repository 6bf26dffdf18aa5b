import type { V1HostAlias, V1PodSpec, V1PodTemplateSpec } from '@kubernetes/client-node';
import ipaddr from 'ipaddr.js';
import { CONTROLLER_UID_LABEL } from '../metacontroller/reapply.ts';
import type { FieldError } from '../schema/validate.ts';
import {
  additionsProblem,
  type ContainerAdditions,
  extraContainer,
  extrasProblem,
  extraVolume,
  portProblem,
  type ReservedNames,
  securityProblem,
} from './containers.ts';
import type { PodTemplate } from './pod-fields.ts';

/** The pod template of a workload. */
type Template = V1PodTemplateSpec & { spec: V1PodSpec };

/** Labels that Kubernetes and Metacontroller set on pods and workloads. */
export const systemLabels = [
  'apps.kubernetes.io/pod-index',
  'controller-revision-hash',
  CONTROLLER_UID_LABEL,
  'pod-template-hash',
  'statefulset.kubernetes.io/pod-name',
];

/**
 * The first field of a spec about its pods that the operator itself sets or that Kubernetes would refuse, `undefined` when
 * there is none.
 * @param reserved names that the operator uses in the pods
 * @param ports that the containers of the operator listen on, by TCP
 */
export function podsProblem(
  spec: ContainerAdditions & { podTemplate?: PodTemplate },
  reserved: ReservedNames,
  ports: readonly number[],
): FieldError | undefined {
  const { podTemplate = {} } = spec;
  return (
    podTemplateProblem(podTemplate, reserved) ??
    portProblem(podTemplate.spec ?? {}, ports) ??
    additionsProblem(spec, podTemplate.spec?.extraVolumes ?? [], reserved)
  );
}

/** The same of `spec.podTemplate`. */
function podTemplateProblem({ metadata, spec = {} }: PodTemplate, reserved: ReservedNames): FieldError | undefined {
  for (const key of Object.keys(metadata?.labels ?? {})) {
    if (![...reserved.labels, ...systemLabels].includes(key)) continue;
    return { path: `spec.podTemplate.metadata.labels[${JSON.stringify(key)}]`, message: 'is set by the operator' };
  }
  for (const key of Object.keys(metadata?.annotations ?? {})) {
    if (!/^(meshery|metacontroller\.k8s)\.io\//.test(key)) continue;
    return { path: `spec.podTemplate.metadata.annotations[${JSON.stringify(key)}]`, message: 'is set by the operator' };
  }
  const { initContainers = [], extraContainers = [], extraVolumes = [], securityContext = {} } = spec;
  return (
    resolverProblem(spec) ??
    securityProblem(securityContext, 'spec.podTemplate.spec.securityContext') ??
    extrasProblem({ initContainers, extraContainers }, extraVolumes, reserved)
  );
}

/** Most characters of all search domains, with the spaces between them. */
const MAX_SEARCH_LIST = 2048;

function resolverProblem({
  hostAliases = [],
  dnsConfig = {},
}: NonNullable<PodTemplate['spec']>): FieldError | undefined {
  const message = 'must be an IP address, and no IPv4 address in the notation of IPv6';
  const alias = hostAliases.findIndex(({ ip }) => !isAddress(ip));
  if (alias >= 0) return { path: `spec.podTemplate.spec.hostAliases[${alias}].ip`, message };
  const { nameservers = [], searches = [] } = dnsConfig;
  const server = nameservers.findIndex((ip) => !isAddress(ip));
  if (server >= 0) return { path: `spec.podTemplate.spec.dnsConfig.nameservers[${server}]`, message };
  if (searches.join(' ').length <= MAX_SEARCH_LIST) return undefined;
  return {
    path: 'spec.podTemplate.spec.dnsConfig.searches',
    message: `must have at most ${MAX_SEARCH_LIST} characters in all`,
  };
}

/** Whether every version of Kubernetes accepts a text as an address. */
export function isAddress(text: string): boolean {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return true;
  return ipaddr.IPv6.isValid(text) && !ipaddr.IPv6.parse(text).isIPv4MappedAddress();
}

/** Merges `spec.podTemplate` into a pod template. An empty one leaves it unchanged. */
export function withPodTemplate(
  template: Template,
  { metadata = {}, spec = {} }: PodTemplate,
  selector: Record<string, string>,
): Template {
  const { topologySpreadConstraints, securityContext, hostNetwork, ...others } = spec;
  const { extraVolumes = [], extraContainers = [], initContainers = [], ...fields } = others;
  const { containers, volumes = [] } = template.spec;
  return {
    ...template,
    metadata: {
      ...template.metadata,
      ...(metadata.annotations && { annotations: { ...metadata.annotations, ...template.metadata?.annotations } }),
      ...(metadata.labels && { labels: { ...metadata.labels, ...template.metadata?.labels } }),
    },
    spec: {
      ...template.spec,
      // With the policy ClusterFirst, pods in the network of their nodes do not resolve the names of Services.
      ...(hostNetwork && { hostNetwork, dnsPolicy: 'ClusterFirstWithHostNet' }),
      ...fields,
      ...(fields.hostAliases && { hostAliases: mergedAliases(template.spec.hostAliases, fields.hostAliases) }),
      ...(securityContext && { securityContext: { ...template.spec.securityContext, ...securityContext } }),
      ...(initContainers.length > 0 && { initContainers: initContainers.map(extraContainer) }),
      ...(extraContainers.length > 0 && { containers: [...containers, ...extraContainers.map(extraContainer)] }),
      ...(extraVolumes.length > 0 && { volumes: [...volumes, ...extraVolumes.map(extraVolume)] }),
      ...(topologySpreadConstraints && {
        topologySpreadConstraints: topologySpreadConstraints.map((constraint) => ({
          labelSelector: { matchLabels: selector },
          ...constraint,
        })),
      }),
    },
  };
}

/** Aliases of both lists: an address is there once, with the names of both. */
function mergedAliases(own: V1HostAlias[] = [], added: V1HostAlias[]): V1HostAlias[] {
  const addresses = new Set([...own, ...added].map(({ ip }) => ip));
  return [...addresses].map((ip) => ({
    ip,
    hostnames: [...own, ...added].flatMap((alias) => (alias.ip === ip ? (alias.hostnames ?? []) : [])),
  }));
}
