/**
 * What a cluster makes of an answer, as far as a hook looks at it: for the commands that show the operator's work
 * without a cluster.
 */

/** A parent as a hook is sent it. */
export interface SentParent {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    generation: number;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  spec?: unknown;
  status?: object;
}

interface Child {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
  spec?: Record<string, unknown>;
}

/** Objects as a hook is sent them: by kind, then by namespace and name. */
export type SentObjects = Record<string, Record<string, object>>;

/** The children of an answer as a later request shows them once the cluster has made them and all pods are ready. */
export function observedChildren(parent: SentParent, children: object[]): SentObjects {
  const result: SentObjects = {};
  (children as Child[]).forEach((child, index) => {
    const [group, version] = child.apiVersion.includes('/') ? child.apiVersion.split('/') : ['', child.apiVersion];
    const key = group ? `${child.kind}.${group}/${version}` : `${child.kind}.${version}`;
    result[key] ??= {};
    result[key][`${child.metadata.namespace}/${child.metadata.name}`] = observed(parent, child, index);
  });
  return result;
}

function observed(parent: SentParent, child: Child, index: number): object {
  const { apiVersion, kind, metadata } = parent;
  return {
    ...child,
    metadata: {
      ...child.metadata,
      uid: `${metadata.uid}-${index}`,
      generation: 1,
      labels: { ...child.metadata.labels, 'controller-uid': metadata.uid },
      ownerReferences: [
        { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    ...clusterPart(child, index),
  };
}

function clusterPart({ kind, spec = {} }: Child, index: number): object {
  if (kind === 'Service') {
    const address = spec.clusterIP ?? `10.96.0.${10 + index}`;
    const external = spec.type === 'LoadBalancer' ? { ingress: [{ ip: `203.0.113.${10 + index}` }] } : {};
    const ports = spec.type === 'ClusterIP' || !spec.type ? spec.ports : withNodePorts(spec.ports);
    return { spec: { ...spec, clusterIP: address, ports }, status: { loadBalancer: external } };
  }
  if (kind === 'StatefulSet' || kind === 'Deployment') {
    const { replicas } = spec;
    return {
      status: {
        observedGeneration: 1,
        replicas,
        readyReplicas: replicas,
        updatedReplicas: replicas,
        availableReplicas: replicas,
      },
    };
  }
  return {};
}

function withNodePorts(ports: unknown) {
  return Array.isArray(ports) ? ports.map((port, index) => ({ ...port, nodePort: 30_000 + index })) : ports;
}
