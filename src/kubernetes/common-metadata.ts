import { type Static, Type } from '@sinclair/typebox';
import { NamedStrings } from '../schema/fields.ts';
import type { FieldError } from '../schema/validate.ts';
import { LabelMap, type PodTemplate } from './pod-fields.ts';
import { systemLabels } from './pods.ts';

/** Labels and annotations of all children and pods of a resource, such as a policy of the cluster demands. */
export const CommonMetadata = Type.Object(
  {
    labels: Type.Optional(LabelMap('Labels of every child and every pod, besides those of the operator.')),
    annotations: Type.Optional(
      NamedStrings({ description: 'Annotations of every child and every pod, besides those of the operator.' }),
    ),
  },
  {
    description:
      'Labels and annotations of all children and pods, for example those that an admission policy demands. They win over COMMON_LABELS and COMMON_ANNOTATIONS of the operator. Volumes get none. A change rolls the pods.',
  },
);
export type CommonMetadata = Static<typeof CommonMetadata>;

/** Annotations that the operator, Metacontroller or the Deployment controller sets. */
const RESERVED_ANNOTATION = /^(meshery|metacontroller\.k8s|deployment\.kubernetes)\.io\//;

/**
 * The first label or annotation that the operator or Kubernetes itself sets, `undefined` when there is none.
 * @param reserved labels that the operator sets on children or pods
 * @param paths of the labels and of the annotations
 */
export function commonMetadataProblem(
  { labels = {}, annotations = {} }: CommonMetadata,
  reserved: string[],
  paths: Record<keyof CommonMetadata, string> = {
    labels: 'spec.commonMetadata.labels',
    annotations: 'spec.commonMetadata.annotations',
  },
): FieldError | undefined {
  const message = 'is set by the operator';
  const label = Object.keys(labels).find((key) => [...reserved, ...systemLabels].includes(key));
  if (label !== undefined) return { path: `${paths.labels}[${JSON.stringify(label)}]`, message };
  const annotation = Object.keys(annotations).find((key) => RESERVED_ANNOTATION.test(key));
  if (annotation !== undefined) return { path: `${paths.annotations}[${JSON.stringify(annotation)}]`, message };
  return undefined;
}

/** The labels and annotations of two sources; for each key, that of `own` wins. */
export function mergedMetadata(common: CommonMetadata = {}, own: CommonMetadata = {}): CommonMetadata {
  const labels = { ...common.labels, ...own.labels };
  const annotations = { ...common.annotations, ...own.annotations };
  return {
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}

/** A pod template with the common labels and annotations; its own ones win. None leave it unchanged. */
export function withCommonPodMetadata(podTemplate: PodTemplate, common: CommonMetadata): PodTemplate {
  const metadata = mergedMetadata(common, podTemplate.metadata);
  return { ...podTemplate, ...(Object.keys(metadata).length > 0 && { metadata }) };
}

/** A child with the common labels and annotations; its own ones win. Its pod template is left unchanged. */
export function withCommonMetadata<Child extends { metadata: CommonMetadata }>(
  child: Child,
  common: CommonMetadata,
): Child {
  const { labels, annotations } = child.metadata;
  return {
    ...child,
    metadata: {
      ...child.metadata,
      ...mergedMetadata(common, { ...(labels && { labels }), ...(annotations && { annotations }) }),
    },
  };
}
