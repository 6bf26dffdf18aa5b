import { type Static, Type } from '@sinclair/typebox';
import { clusterObject } from './answer.ts';
import { ClusterObject } from './connection.ts';

// Objects that several commands read, each with the fields that they read. The API server writes `null` for times that are not set.

/** A text that may be missing, or `null`. */
export const Text = Type.Optional(Type.Union([Type.String(), Type.Null()]));

/** The conditions of an object of Kubernetes. */
export const Conditions = Type.Optional(
  Type.Array(Type.Object({ type: Type.String(), status: Type.String(), reason: Text, message: Text })),
);

/** A Broker or a MeshSync. Its spec may be one that the operator refuses. */
export const Resource = Type.Object({
  apiVersion: Type.String(),
  kind: Type.Union([Type.Literal('Broker'), Type.Literal('MeshSync')]),
  metadata: Type.Object({
    ...ClusterObject.properties.metadata.properties,
    namespace: Type.String(),
    uid: Type.String(),
  }),
  spec: Type.Optional(Type.Unknown()),
  status: Type.Optional(Type.Unknown()),
});
export type Resource = Static<typeof Resource>;

/** An Event of either API: those of events.k8s.io have a series, and no times of the old kind. */
export const Event = clusterObject({
  involvedObject: Type.Object({ kind: Text, namespace: Text, name: Text, uid: Text }),
  reason: Text,
  message: Text,
  count: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
  lastTimestamp: Text,
  eventTime: Text,
  series: Type.Optional(
    Type.Union([Type.Object({ count: Type.Optional(Type.Integer()), lastObservedTime: Text }), Type.Null()]),
  ),
});
export type Event = Static<typeof Event>;

/** When an Event happened last. */
export function lastSeen({ series, lastTimestamp, eventTime, metadata }: Event): string | undefined {
  return series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp;
}

const Terminated = Type.Object({ exitCode: Type.Integer(), reason: Text, message: Text });
export type Terminated = Static<typeof Terminated>;

const ContainerState = Type.Object({
  waiting: Type.Optional(Type.Object({ reason: Text, message: Text })),
  running: Type.Optional(Type.Object({})),
  terminated: Type.Optional(Terminated),
});

const ContainerStatus = Type.Object({
  name: Type.String(),
  image: Type.Optional(Type.String()),
  ready: Type.Boolean(),
  started: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  restartCount: Type.Integer(),
  state: Type.Optional(ContainerState),
  lastState: Type.Optional(ContainerState),
});
export type ContainerStatus = Static<typeof ContainerStatus>;

const ContainerStatuses = Type.Optional(Type.Array(ContainerStatus));

export const Pod = clusterObject({
  spec: Type.Object({
    nodeName: Type.Optional(Type.String()),
    containers: Type.Array(
      Type.Object({
        name: Type.String(),
        image: Type.Optional(Type.String()),
        readinessProbe: Type.Optional(Type.Object({ httpGet: Type.Optional(Type.Object({ scheme: Text })) })),
      }),
    ),
    volumes: Type.Optional(
      Type.Array(Type.Object({ persistentVolumeClaim: Type.Optional(Type.Object({ claimName: Type.String() })) })),
    ),
  }),
  status: Type.Optional(
    Type.Object({
      phase: Type.Optional(Type.String()),
      reason: Text,
      message: Text,
      conditions: Conditions,
      initContainerStatuses: ContainerStatuses,
      containerStatuses: ContainerStatuses,
    }),
  ),
});
export type Pod = Static<typeof Pod>;

/** The containers of a pod in the order in which they start. */
export function allContainers({ status }: Pod): ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}

/** Whether a pod is ready to serve. */
export function isReady({ metadata, status }: Pod): boolean {
  const isTrue = status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  return isTrue && !metadata.deletionTimestamp;
}

/** The annotation in which kubectl keeps a copy of what it has applied. */
export const KUBECTL_LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** The controller of an object, by its owner references: Kubernetes allows one at most. */
export function controllerOfObject({ metadata: { ownerReferences = [] } }: Pick<ClusterObject, 'metadata'>) {
  return ownerReferences.find(({ controller }) => controller === true);
}

/** An object, for people: `StatefulSet meshery/meshery-nats`. */
export function objectInWords({
  kind = '',
  metadata: { name, namespace },
}: {
  kind?: string | undefined;
  metadata: { name: string; namespace?: string | undefined };
}): string {
  return `${kind} ${namespace ? `${namespace}/` : ''}${name}`;
}
