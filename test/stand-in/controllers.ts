import type { Cluster } from './cluster.ts';
import { at, isObject, type JsonObject, type KubeObject } from './json.ts';

export interface Progress {
  /** Whether the pods are ready. */
  ready: boolean;
  /** Whether the load balancers have an address. */
  addresses: boolean;
}

/** The status that the controllers of the cluster write for workloads and Services: running pods, and addresses. */
export function runControllers(cluster: Cluster, { ready, addresses }: Progress): void {
  for (const workload of [...cluster.all('StatefulSet.apps/v1'), ...cluster.all('Deployment.apps/v1')]) {
    const replicas = Number(at(workload, 'spec', 'replicas'));
    const count = ready ? replicas : 0;
    cluster.setStatus(workload, {
      observedGeneration: workload.metadata.generation ?? 0,
      replicas,
      updatedReplicas: replicas,
      ...(count > 0 && { readyReplicas: count, availableReplicas: count }),
    });
    for (let ordinal = 0; ordinal < replicas; ordinal++) makePod(cluster, workload, ordinal);
  }
  for (const service of cluster.all('Service.v1')) {
    const balanced = at(service, 'spec', 'type') === 'LoadBalancer' && addresses;
    cluster.setStatus(service, { loadBalancer: balanced ? { ingress: [{ ip: '203.0.113.10' }] } : {} });
  }
}

function makePod(cluster: Cluster, workload: KubeObject, ordinal: number): void {
  const labels = at(workload, 'spec', 'template', 'metadata', 'labels');
  const pod: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${workload.metadata.name}-${ordinal}`,
      namespace: workload.metadata.namespace,
      labels: isObject(labels) ? (labels as Record<string, string>) : {},
    },
    status: { hostIP: `192.0.2.${10 + ordinal}` } satisfies JsonObject,
  };
  cluster.delete(pod);
  cluster.create(pod, 'kubelet');
}
