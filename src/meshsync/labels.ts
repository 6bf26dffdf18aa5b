import type { ObservedDeployment } from '../kubernetes/kinds.ts';
import { recommendedLabels } from '../kubernetes/labels.ts';

/** Labels of every child of a MeshSync; by `component` Meshery Server finds its pods. */
export function meshSyncLabels({ name }: { name: string }): Record<string, string> {
  return { app: 'meshery', component: 'meshsync', ...recommendedLabels('meshsync', name) };
}

/** Labels that a MeshSync's pods have whatever its spec says. */
export const podLabelKeys = Object.keys(meshSyncLabels({ name: '' }));

/**
 * Labels that select a MeshSync's pods. The selector of an existing Deployment can't change, so it stays whatever it is;
 * a new one carries the instance, so that two MeshSyncs of a namespace don't share pods.
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
