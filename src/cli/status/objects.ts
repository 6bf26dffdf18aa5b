import { type Static, Type } from '@sinclair/typebox';
import { clusterObject } from '../cluster/answer.ts';
import { Conditions } from '../cluster/objects.ts';

// The objects that a status is judged by, each with the fields that are read.

/** A child, a ReplicaSet or a binding: whatever is known by its metadata alone. */
export const Child = clusterObject({});
export type Child = Static<typeof Child>;

/** A StatefulSet or a Deployment. */
export const Workload = clusterObject({ status: Type.Optional(Type.Object({ conditions: Conditions })) });
export type Workload = Static<typeof Workload>;

export const Service = clusterObject({ spec: Type.Object({ type: Type.Optional(Type.String()) }) });
export type Service = Static<typeof Service>;

/** A ClusterRoleBinding. */
export const Binding = clusterObject({
  roleRef: Type.Object({ name: Type.String() }),
  subjects: Type.Optional(
    Type.Array(Type.Object({ kind: Type.String(), name: Type.String(), namespace: Type.Optional(Type.String()) })),
  ),
});
export type Binding = Static<typeof Binding>;
