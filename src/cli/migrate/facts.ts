import type { ClusterObject } from '../cluster/connection.ts';
import type { Backup, FoundRecord } from './backup.ts';
import type { Workload } from './go-operator.ts';
import type { Revision } from './helm.ts';
import type { Kind } from './kinds.ts';
import type { Manager } from './managed-fields.ts';

/** What a migration knows of a cluster. Everything is decided by it: nothing is remembered between two runs. */
export interface Facts {
  context: string;
  /** The namespace of the Go operator. */
  namespace: string;
  crds: ClusterObject[];
  goOperators: Workload[];
  /** The Deployments of this operator. */
  operators: Workload[];
  /** Pods of the Go operator. */
  pods: ClusterObject[];
  /** The Service with the name of the operator's Deployment, and what else this operator has under that name. */
  named: ClusterObject[];
  /** The revisions of the Helm release that the Go operator was installed by. */
  revisions: Revision[];
  /** Brokers and MeshSyncs. */
  resources: ClusterObject[];
  /** Why they can't be read. */
  unreadable?: string;
  /** What the Go operator has made for them. */
  children: Child[];
  /** What only this operator has made for them. */
  ownChildren: ClusterObject[];
  registrations: ClusterObject[];
  metacontroller?: Metacontroller;
  /** What else belongs to the Go operator. */
  belongings: ClusterObject[];
  record?: FoundRecord;
  backups: Backup[];
  /** The objects of the files that the caller wants applied. */
  manifests: ClusterObject[];
}

/** A child, and the resource that it belongs to. */
export interface Child {
  kind: Kind;
  object: ClusterObject;
  owner: ClusterObject;
}

/** The Metacontroller of the cluster. */
export interface Metacontroller {
  object: ClusterObject;
  image: string;
  isDynamic: boolean;
  manager: Manager;
}
