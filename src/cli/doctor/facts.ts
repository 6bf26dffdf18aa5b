import type { Right } from '../cluster/access.ts';
import type { Answer } from '../cluster/answer.ts';
import type { Event, Resource } from '../cluster/objects.ts';
import type { Crd, EndpointSlice, Namespace, Registration, Secret, Service, Workload } from './objects.ts';

/** What the checks judge: all that was asked of a cluster, each with the right that is missing where it was refused. */
export interface Facts {
  now: Date;
  /** Of the operator. */
  namespace: string;
  /** Version of Kubernetes, as the API server says it. */
  version: Answer<string>;
  /** By name: those of this operator and of Metacontroller, as far as they exist. */
  crds: Answer<Map<string, Crd>>;
  /** All Deployments and StatefulSets. */
  workloads: Answer<Workload[]>;
  /** All CompositeControllers. */
  registrations: Answer<Registration[]>;
  deployment: Answer<Workload | undefined>;
  service: Answer<Service | undefined>;
  endpoints: Answer<EndpointSlice[]>;
  /** What the operator's Service answers through the API server; `undefined` where there is no Service. */
  proxied: Answer<Proxied | undefined>;
  /** The rights that Metacontroller needs and has not; `undefined` where there is not exactly one Metacontroller. */
  denied: Answer<Right[] | undefined>;
  /** All Brokers and MeshSyncs. */
  resources: Answer<Resource[]>;
  /** Warnings about them. */
  events: Answer<Event[]>;
  accounts: Answer<MeshSyncAccount[]>;
  /** Those that the resources and the hooks use, by `namespace/name`, as far as they exist. */
  secrets: Answer<Map<string, Secret>>;
  /** Of the operator and the resources, as far as they exist. */
  namespaces: Answer<Namespace[]>;
  /** The releases of Helm in the namespace of the operator that are called as the operator is. */
  releases: Answer<Release[]>;
}

/** A response through the proxy of the API server. */
export interface Proxied {
  status: number;
  /** Why the API server could not reach the Service, where it says so. */
  message?: string;
}

/** The rights that the ServiceAccount of a MeshSync needs, and those of them that it has not. */
export interface MeshSyncAccount {
  meshSync: { namespace: string; name: string };
  account: { namespace: string; name: string };
  needed: number;
  denied: Right[];
  /** The ClusterRole and the ClusterRoleBinding that grant them. */
  grants: { kind: string; metadata: { name: string; labels: Record<string, string> } }[];
}

/** A deployed release of Helm. */
export interface Release {
  namespace: string;
  name: string;
  chart: string;
  version: string;
  /** Whether its chart is that of this operator. */
  isOurs: boolean;
}
