import type { ObservedDeployment } from '../kubernetes/kinds.ts';
import { recommendedLabels } from '../kubernetes/labels.ts';

/** Labels of every child of a MeshSync; Meshery Server finds its pods by `component`. */
export function meshSyncLabels({ name }: { name: string }): Record<string, string> {
  return { app: 'meshery', component: 'meshsync', ...recommendedLabels('meshsync', name) };
}

/** Labels of all MeshSync pods, whatever the spec. */
export const podLabelKeys = Object.keys(meshSyncLabels({ name: '' }));

/**
 * Labels that select a MeshSync's pods. The selector of an existing Deployment is immutable, so it is kept; a new one
 * includes the instance, so that two MeshSyncs of a namespace don't share pods.
 */
export function podSelector(
  meshSync: { name: string },
  observed: ObservedDeployment | undefined,
): Record<string, string> {
  return (
    observed?.spec.selector?.matchLabels ?? {
      app: 'meshery',
      'app.kubernetes.io/instance': meshSync.name,
      component: 'meshsync',
    }
  );
}
