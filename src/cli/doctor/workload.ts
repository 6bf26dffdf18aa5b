import type { ClusterObject } from '../cluster/connection.ts';
import { objectInWords } from '../cluster/objects.ts';
import { check, type Finding } from './finding.ts';
import type { Workload } from './objects.ts';

/** An object, for kubectl: `--namespace meshery statefulset/meshery-nats`. */
export function target({ kind = '', metadata: { namespace, name } }: Pick<ClusterObject, 'kind' | 'metadata'>): string {
  return `--namespace ${namespace} ${kind.toLowerCase()}/${name}`;
}

/**
 * Whether all pods of a Deployment or a StatefulSet are ready; nothing where they are.
 * @param installed how many it has as it is installed
 */
export function podsReady(what: string, workload: Workload, installed: number): Finding[] {
  const { error } = check(what);
  const { metadata, spec, status } = workload;
  const { replicas = 1 } = spec;
  if (replicas === 0) {
    const remedy = `kubectl scale --replicas=${installed} ${target(workload)}`;
    return [error(`${objectInWords(workload)} is scaled to zero`, { remedy })];
  }
  const ready = status?.readyReplicas ?? 0;
  const isRolledOut = status?.observedGeneration === metadata.generation;
  if (ready >= replicas && isRolledOut) return [];
  const remedy = `kubectl describe ${target(workload)} and kubectl get events --namespace ${metadata.namespace} say why`;
  if (!isRolledOut)
    return [error(`${objectInWords(workload)} has changed, and Kubernetes has not followed yet`, { remedy })];
  return [error(`${ready} of ${replicas} pods of ${objectInWords(workload)} are ready`, { remedy })];
}
