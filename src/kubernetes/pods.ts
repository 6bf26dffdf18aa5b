import type { V1PodSpec, V1PodTemplateSpec } from '@kubernetes/client-node';
import { CONTROLLER_UID_LABEL } from '../metacontroller/reapply.ts';
import type { FieldError } from '../schema/validate.ts';
import type { PodTemplate } from './pod-fields.ts';

/** A pod template as a workload has it. */
type Template = V1PodTemplateSpec & { spec: V1PodSpec };

/** Labels that Kubernetes and Metacontroller put on pods and workloads themselves. */
const systemLabels = [
  'apps.kubernetes.io/pod-index',
  'controller-revision-hash',
  CONTROLLER_UID_LABEL,
  'pod-template-hash',
  'statefulset.kubernetes.io/pod-name',
];

/**
 * Why what a spec says of its pods can't be laid over them: it would take the place of what the operator puts there.
 * @param reserved labels that the pods have anyway
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

/** A pod template with what a spec says of its pods laid over it. Without that, it is the same. */
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
