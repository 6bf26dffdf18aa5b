import { childKinds } from './expectations.ts';
import type { Kubernetes, KubernetesObject } from './kubernetes.ts';

/**
 * Counts from now on how often something happens to each child in a namespace. The returned function ends the count and gives,
 * by `Kind/name`, the creations, deletions and writes of anything but the status, and by `Pod/instance` the rolls: how often
 * new pods had another template than those before. What nothing happened to is left out.
 */
export async function countChanges(kubernetes: Kubernetes, of: string): Promise<() => Promise<Record<string, number>>> {
  const counts: Record<string, number> = {};
  const contents = new Map<string, string>();
  const count = (key: string) => {
    counts[key] = (counts[key] ?? 0) + 1;
  };
  const changed = (kind: string) => (type: string, object: KubernetesObject) => {
    const key = `${kind}/${object.metadata.name}`;
    const before = contents.get(key);
    contents.set(key, contentOf(object));
    if (type !== 'LISTED' && (type !== 'MODIFIED' || before !== contents.get(key))) count(key);
  };
  const created = (type: string, { metadata: { labels = {} } }: KubernetesObject) => {
    const key = `Pod/${labels['app.kubernetes.io/instance']}`;
    const template = labels['controller-revision-hash'] ?? labels['pod-template-hash'] ?? '';
    if (type === 'ADDED' && contents.get(key) !== template) count(key);
    if (type === 'ADDED' || type === 'LISTED') contents.set(key, template);
  };
  const watches = await Promise.all([
    ...childKinds.map(([apiVersion, kind]) => kubernetes.watch(apiVersion, kind, of, changed(kind))),
    kubernetes.watch('v1', 'Pod', of, created),
  ]);
  return async () => {
    // The last events may still be on their way.
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const stop of watches) stop();
    return counts;
  };
}

/** The desired state of an object: without its status, and what the API server and the Deployment controller record. */
function contentOf({
  metadata,
  status: _status,
  apiVersion: _group,
  kind: _kind,
  ...fields
}: KubernetesObject): string {
  const { resourceVersion: _version, managedFields: _fields, generation: _generation, ...rest } = metadata;
  const { 'deployment.kubernetes.io/revision': _revision, ...annotations } = rest.annotations ?? {};
  return JSON.stringify([fields, { ...rest, annotations }]);
}
