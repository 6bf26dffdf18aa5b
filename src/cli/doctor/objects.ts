import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { mapOf } from '../../metacontroller/object.ts';
import { clusterObject } from '../cluster/answer.ts';

// The objects that the doctor reads, each with the fields that its checks read.

const Count = Type.Optional(Type.Integer());
const Text = Type.Optional(Type.String());

function listOf<Item extends TSchema>(item: Item) {
  return Type.Optional(Type.Array(item));
}

const SecretVolume = Type.Object({ secret: Type.Optional(Type.Object({ secretName: Text })) });

/** A Deployment or a StatefulSet. */
export const Workload = clusterObject({
  spec: Type.Object({
    replicas: Count,
    template: Type.Object({
      spec: Type.Object({
        serviceAccountName: Text,
        containers: Type.Array(
          Type.Object({
            name: Type.String(),
            image: Text,
            command: listOf(Type.String()),
            args: listOf(Type.String()),
          }),
        ),
        volumes: listOf(SecretVolume),
      }),
    }),
  }),
  status: Type.Optional(Type.Object({ observedGeneration: Count, readyReplicas: Count })),
});
export type Workload = Static<typeof Workload>;

export const Crd = clusterObject({
  spec: Type.Object({
    versions: Type.Array(Type.Object({ name: Type.String(), served: Type.Boolean() })),
  }),
  status: Type.Optional(
    Type.Object({ conditions: listOf(Type.Object({ type: Type.String(), status: Type.String(), message: Text })) }),
  ),
});
export type Crd = Static<typeof Crd>;

const SecretReference = Type.Object({ secretRef: Type.Optional(Type.Object({ name: Text, namespace: Text })) });

const Webhook = Type.Object({
  url: Text,
  service: Type.Optional(Type.Object({ name: Type.String(), namespace: Type.String(), port: Count, protocol: Text })),
  caBundle: Type.Optional(SecretReference),
  clientTLS: Type.Optional(SecretReference),
});
export type Webhook = Static<typeof Webhook>;

/** A CompositeController. */
export const Registration = clusterObject({
  spec: Type.Object({
    parentResource: Type.Object({ apiVersion: Type.String(), resource: Type.String() }),
    hooks: Type.Optional(Type.Record(Type.String(), Type.Object({ webhook: Type.Optional(Webhook) }))),
  }),
});
export type Registration = Static<typeof Registration>;

export const Service = clusterObject({
  spec: Type.Object({
    ports: listOf(Type.Object({ name: Text, port: Type.Integer() })),
  }),
});
export type Service = Static<typeof Service>;

export const EndpointSlice = clusterObject({
  // Without endpoints, the API server sends null.
  endpoints: Type.Optional(
    Type.Union([
      Type.Null(),
      Type.Array(Type.Object({ conditions: Type.Optional(Type.Object({ ready: Type.Optional(Type.Boolean()) })) })),
    ]),
  ),
});
export type EndpointSlice = Static<typeof EndpointSlice>;

/** A Secret. None of its values is ever printed. */
export const Secret = clusterObject({ data: Type.Optional(mapOf(Type.String())) });
export type Secret = Static<typeof Secret>;

export const Namespace = clusterObject({});
export type Namespace = Static<typeof Namespace>;
