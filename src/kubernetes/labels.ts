/** Annotation that tells Meshery what an object is part of, and its value for the children of the operator. */
export const [COMPONENT_TYPE, MANAGEMENT_PLANE] = ['meshery/component-type', 'management-plane'] as const;

/**
 * The recommended labels (kubernetes.io/docs/concepts/overview/working-with-objects/common-labels) of one child.
 * `instance` distinguishes the parents in one namespace.
 */
export function recommendedLabels(name: string, instance: string, component?: string): Record<string, string> {
  return {
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/instance': instance,
    'app.kubernetes.io/part-of': 'meshery',
    'app.kubernetes.io/managed-by': 'meshery-operator',
    ...(component && { 'app.kubernetes.io/component': component }),
  };
}

/** A label selector in the string form that the scale subresource reads. */
export function selectorString(matchLabels: Record<string, string>): string {
  return Object.entries(matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}
