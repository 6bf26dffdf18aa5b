import type { Condition } from '../../metacontroller/condition.ts';

// What `status` knows of a cluster, for people and for programs: `-o json` prints it as it is.

/** The result of `status`. */
export interface Status {
  context: string;
  /** Whether there is a resource, and all are. */
  ready: boolean;
  resources: ResourceStatus[];
  /** What could not be read, and what was left out, a line each. */
  notes: string[];
}

/** A condition as it is reported. */
export type Reported = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** A Broker or a MeshSync, with all that belongs to it. */
export interface ResourceStatus {
  kind: 'Broker' | 'MeshSync';
  namespace: string;
  name: string;
  /** When it was created. */
  created?: string;
  /** Whether it serves as its present spec says. */
  ready: boolean;
  /** The condition Ready, or why it does not count. */
  summary: Omit<Reported, 'type'>;
  /** Whether only a person can help, by an edit. */
  stalled: boolean;
  paused: boolean;
  hibernated: boolean;
  /** The conditions that are not as they should be, or that say something of interest. */
  conditions: Reported[];
  desiredPods: number;
  readyPods: number;
  version?: string;
  children: ChildStatus[];
  /** Why pods are not created, by Kubernetes itself. */
  refusals: string[];
  pods: PodStatus[];
  /** Warning Events of the resource and what belongs to it, newest first. */
  events: EventStatus[];
  /** Of a Broker. */
  broker?: BrokerStatus;
  /** Of a MeshSync. */
  meshSync?: MeshSyncStatus;
}

/** A child that the resource has or should have. */
export interface ChildStatus {
  kind: string;
  name: string;
  /** `unknown` where its kind may not be listed. */
  state: 'present' | 'missing' | 'deleting' | 'unknown';
}

/** A pod, and what stops it. */
export interface PodStatus {
  name: string;
  node?: string;
  ready: boolean;
  /** As in `kubectl get pods`: `Running`, `Pending`. */
  phase: string;
  readyContainers: number;
  containers: number;
  restarts: number;
  /** What keeps it from being ready, where that is known. */
  problem?: PodProblem;
}

/** What keeps a pod from being ready, or what it is waiting for. */
export interface PodProblem {
  /** `Unschedulable`, `ImagePullBackOff`, `CrashLoopBackOff`, `ProbeFailed`, `VolumePending`, `Pulling` and so on. */
  reason: string;
  message: string;
  container?: string;
  image?: string;
  exitCode?: number;
  /** The last lines that the container wrote, without credentials. */
  log?: string[];
}

/** Warning Events of one kind. */
export interface EventStatus {
  /** `Kind name` of the object that they are about. */
  object: string;
  reason: string;
  message: string;
  count: number;
  /** When the last one happened. */
  last?: string;
}

/** What is particular of a Broker. */
export interface BrokerStatus {
  internal?: string;
  external?: string;
  /** What its servers say; only where it was asked for. */
  live?: LiveStatus;
}

/** The servers of a Broker by their monitoring ports. */
export interface LiveStatus {
  servers: ServerStatus[];
  /** Connections of all servers by the name of the client, most first. */
  clients: { name: string; connections: number }[];
  /** The JetStream cluster, where there is one. */
  jetStream?: { leader?: string; peers: { name: string; current: boolean; offline: boolean }[] };
  /** Why no server could be asked. */
  problem?: string;
}

/** A server by its monitoring port. */
export interface ServerStatus {
  pod: string;
  /** Why it could not be asked; nothing else is known then. */
  problem?: string;
  version?: string;
  uptime?: string;
  connections?: number;
  /** Names of the servers that it has routes to. */
  routes?: string[];
  slowConsumers?: number;
  memoryBytes?: number;
  /** With JetStream. */
  jetStream?: { memoryBytes: number; storageBytes: number; streams: number; consumers: number; messages: number };
}

/** What is particular of a MeshSync. */
export interface MeshSyncStatus {
  /** `namespace/name` of a Broker, or `custom`. */
  broker?: string;
  publishingTo?: string;
  /** Whether the broker is known, and its servers are ready. */
  brokerState: string;
  /** Whether MeshSync has connected; `undefined` where it does not say. */
  connected?: boolean;
  watchList: WatchListStatus;
  role: RoleStatus;
}

/** What a MeshSync may see. */
export interface RoleStatus {
  /** `namespace/name` of its ServiceAccount. */
  serviceAccount: string;
  /** The ClusterRoles that ClusterRoleBindings give it; `undefined` where these may not be listed. */
  clusterRoles?: string[];
}

/** The watch-list in force. */
export interface WatchListStatus {
  kind: 'whitelist' | 'blacklist' | 'default' | 'invalid' | 'unknown';
  /** Number of resources that it names. */
  resources: number;
  /** `namespace/name` of the MeshSync that it is of. */
  source: string;
  /** What is wrong with it. */
  message?: string;
}
