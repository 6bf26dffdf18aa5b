import { type Static, type TSchema, Type } from '@sinclair/typebox';

/** An object with whatever keys. Without a pattern, what stands under a key with a line break would not be looked at. */
export function mapOf<Item extends TSchema>(item: Item) {
  return Type.Record(Type.String({ pattern: '^[\\s\\S]*$' }), item);
}

// The objects that a hook is sent, each with the fields that are read here and no more. They are checked once, with the
// envelope, so what follows needs no casts; all other fields pass through untouched.

const Strings = mapOf(Type.String());
const Count = Type.Optional(Type.Integer({ minimum: 0 }));

const OwnerReference = Type.Object({
  apiVersion: Type.String(),
  kind: Type.String(),
  name: Type.String(),
  uid: Type.String(),
  controller: Type.Optional(Type.Boolean()),
});

const ObjectMeta = Type.Object({
  name: Type.String({ minLength: 1 }),
  namespace: Type.String({ minLength: 1 }),
  uid: Type.Optional(Type.String()),
  generation: Count,
  deletionTimestamp: Type.Optional(Type.String()),
  labels: Type.Optional(Strings),
  annotations: Type.Optional(Strings),
  ownerReferences: Type.Optional(Type.Array(OwnerReference)),
  // An array, or its text: see `managedFields()`.
  managedFields: Type.Optional(Type.Unknown()),
});

function observed<Fields extends Record<string, TSchema>>(fields: Fields) {
  return Type.Object({ apiVersion: Type.String(), kind: Type.String(), metadata: ObjectMeta, ...fields });
}

const LabelSelector = Type.Object({ matchLabels: Type.Optional(Strings) });

const PodTemplate = Type.Object({
  metadata: Type.Optional(Type.Object({ annotations: Type.Optional(Strings) })),
  spec: Type.Optional(
    Type.Object({
      serviceAccountName: Type.Optional(Type.String()),
      containers: Type.Optional(
        Type.Array(
          Type.Object({
            name: Type.String(),
            image: Type.Optional(Type.String()),
            env: Type.Optional(Type.Array(Type.Object({ name: Type.String() }))),
          }),
        ),
      ),
    }),
  ),
});

/** Every other field of a claim passes through, to be asked for again as it is. */
const VolumeClaimTemplate = Type.Object({
  metadata: Type.Object({ name: Type.Optional(Type.String()) }),
  spec: Type.Optional(
    Type.Object({
      storageClassName: Type.Optional(Type.String()),
      resources: Type.Optional(
        Type.Object({ requests: Type.Optional(Type.Object({ storage: Type.Optional(Type.String()) })) }),
      ),
    }),
  ),
});

const ReplicaCounts = {
  observedGeneration: Count,
  replicas: Count,
  readyReplicas: Count,
  updatedReplicas: Count,
};

/** Any object, as far as carrying it over and telling its owner need. */
export const ObservedObject = observed({});
export type ObservedObject = Static<typeof ObservedObject>;

export const ObservedSecret = observed({ data: Type.Optional(Strings) });
export type ObservedSecret = Static<typeof ObservedSecret>;

export const ObservedService = observed({
  spec: Type.Object({
    type: Type.Optional(Type.String()),
    clusterIP: Type.Optional(Type.String()),
    clusterIPs: Type.Optional(Type.Array(Type.String())),
    externalTrafficPolicy: Type.Optional(Type.String()),
    ipFamilies: Type.Optional(Type.Array(Type.String())),
    ipFamilyPolicy: Type.Optional(Type.String()),
    loadBalancerClass: Type.Optional(Type.String()),
    ports: Type.Optional(
      Type.Array(
        Type.Object({
          name: Type.Optional(Type.String()),
          port: Type.Integer(),
          nodePort: Type.Optional(Type.Integer()),
        }),
      ),
    ),
  }),
  status: Type.Optional(
    Type.Object({
      loadBalancer: Type.Optional(
        Type.Object({
          ingress: Type.Optional(
            Type.Array(Type.Object({ ip: Type.Optional(Type.String()), hostname: Type.Optional(Type.String()) })),
          ),
        }),
      ),
    }),
  ),
});
export type ObservedService = Static<typeof ObservedService>;

export const ObservedStatefulSet = observed({
  spec: Type.Object({
    replicas: Count,
    selector: Type.Optional(LabelSelector),
    serviceName: Type.Optional(Type.String()),
    podManagementPolicy: Type.Optional(Type.String()),
    template: Type.Optional(PodTemplate),
    volumeClaimTemplates: Type.Optional(Type.Array(VolumeClaimTemplate)),
  }),
  status: Type.Optional(
    Type.Object({
      ...ReplicaCounts,
      currentRevision: Type.Optional(Type.String()),
      updateRevision: Type.Optional(Type.String()),
    }),
  ),
});
export type ObservedStatefulSet = Static<typeof ObservedStatefulSet>;

export const ObservedDeployment = observed({
  spec: Type.Object({
    replicas: Count,
    selector: Type.Optional(LabelSelector),
    template: Type.Optional(PodTemplate),
  }),
  status: Type.Optional(
    Type.Object({
      ...ReplicaCounts,
      availableReplicas: Count,
      conditions: Type.Optional(
        Type.Array(
          Type.Object({
            type: Type.String(),
            status: Type.String(),
            reason: Type.Optional(Type.String()),
            message: Type.Optional(Type.String()),
          }),
        ),
      ),
    }),
  ),
});
export type ObservedDeployment = Static<typeof ObservedDeployment>;

export const ObservedPod = observed({
  status: Type.Optional(
    Type.Object({
      hostIP: Type.Optional(Type.String()),
      hostIPs: Type.Optional(Type.Array(Type.Object({ ip: Type.Optional(Type.String()) }))),
    }),
  ),
});
export type ObservedPod = Static<typeof ObservedPod>;

export const ObservedMeshSync = observed({
  spec: Type.Optional(Type.Object({ 'watch-list': Type.Optional(Type.Object({ data: Type.Optional(Strings) })) })),
});
export type ObservedMeshSync = Static<typeof ObservedMeshSync>;

export const ObservedBroker = observed({
  spec: Type.Optional(Type.Object({ tls: Type.Optional(Type.Object({ verify: Type.Optional(Type.Unknown()) })) })),
  status: Type.Optional(
    Type.Object({
      endpoint: Type.Optional(Type.Object({ internal: Type.Optional(Type.String()) })),
      conditions: Type.Optional(
        Type.Array(Type.Object({ type: Type.String(), status: Type.String(), reason: Type.Optional(Type.String()) })),
      ),
    }),
  ),
});
export type ObservedBroker = Static<typeof ObservedBroker>;
