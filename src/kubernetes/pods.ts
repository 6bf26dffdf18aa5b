import type { V1PodSpec, V1PodTemplateSpec } from '@kubernetes/client-node';
import { CONTROLLER_UID_LABEL } from '../metacontroller/reapply.ts';
import type { FieldError } from '../schema/validate.ts';
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
 * The first label or annotation of `spec.podTemplate` that the operator itself sets, `undefined` when there is none.
 * @param reserved labels that the operator sets on the pods
 */
export function podTemplateProblem({ metadata }: PodTemplate, reserved: string[]): FieldError | undefined {
  for (const key of Object.keys(metadata?.labels ?? {})) {
    if (![...reserved, ...systemLabels].includes(key)) continue;
    return { path: `spec.podTemplate.metadata.labels[${JSON.stringify(key)}]`, message: 'is set by the operator' };
  }
  for (const key of Object.keys(metadata?.annotations ?? {})) {
    if (!/^(meshery|metacontroller\.k8s)\.io\//.test(key)) continue;
    return { path: `spec.podTemplate.metadata.annotations[${JSON.stringify(key)}]`, message: 'is set by the operator' };
  }
  return undefined;
}

/** Merges `spec.podTemplate` into a pod template. An empty one leaves it unchanged. */
export function withPodTemplate(
  template: Template,
  { metadata = {}, spec = {} }: PodTemplate,
  selector: Record<string, string>,
): Template {
  const { topologySpreadConstraints, ...scheduling } = spec;
  return {
    ...template,
    metadata: {
      ...template.metadata,
      ...(metadata.annotations && { annotations: { ...metadata.annotations, ...template.metadata?.annotations } }),
      ...(metadata.labels && { labels: { ...metadata.labels, ...template.metadata?.labels } }),
    },
    spec: {
      ...template.spec,
      ...scheduling,
      ...(topologySpreadConstraints && {
        topologySpreadConstraints: topologySpreadConstraints.map((constraint) => ({
          labelSelector: { matchLabels: selector },
          ...constraint,
        })),
      }),
    },
  };
}
