import { Type } from '@sinclair/typebox';
import { mapOf, type Observed, ObservedObject, observed, resourceKind } from '../metacontroller/object.ts';

const Strings = mapOf(Type.String());
const Count = Type.Optional(Type.Integer({ minimum: 0 }));

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
            ports: Type.Optional(Type.Array(Type.Object({ name: Type.Optional(Type.String()) }))),
          }),
        ),
      ),
    }),
  ),
});

/** All other fields of a claim are kept, so that it can be re-applied unchanged. */
const VolumeClaimTemplate = Type.Object({
  metadata: Type.Object({
    name: Type.Optional(Type.String()),
    labels: Type.Optional(Strings),
    annotations: Type.Optional(Strings),
  }),
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

const Secret = observed({ data: Type.Optional(Strings) });

const Service = observed({
  spec: Type.Object({
    type: Type.Optional(Type.String()),
    clusterIP: Type.Optional(Type.String()),
    clusterIPs: Type.Optional(Type.Array(Type.String())),
    externalTrafficPolicy: Type.Optional(Type.String()),
    healthCheckNodePort: Type.Optional(Type.Integer()),
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

const Pod = observed({
  status: Type.Optional(
    Type.Object({
      hostIP: Type.Optional(Type.String()),
      hostIPs: Type.Optional(Type.Array(Type.Object({ ip: Type.Optional(Type.String()) }))),
    }),
  ),
});

const StatefulSet = observed({
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

const Deployment = observed({
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

/** The Kubernetes kinds that controllers create or read, each with the fields that are read. */
export const kinds = {
  secret: resourceKind('v1', 'Secret', 'secrets', Secret),
  configMap: resourceKind('v1', 'ConfigMap', 'configmaps', ObservedObject),
  service: resourceKind('v1', 'Service', 'services', Service),
  serviceAccount: resourceKind('v1', 'ServiceAccount', 'serviceaccounts', ObservedObject),
  pod: resourceKind('v1', 'Pod', 'pods', Pod),
  statefulSet: resourceKind('apps/v1', 'StatefulSet', 'statefulsets', StatefulSet),
  deployment: resourceKind('apps/v1', 'Deployment', 'deployments', Deployment),
  podDisruptionBudget: resourceKind('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', ObservedObject),
  networkPolicy: resourceKind('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', ObservedObject),
};

export type ObservedSecret = Observed<typeof kinds.secret>;
export type ObservedService = Observed<typeof kinds.service>;
export type ObservedPod = Observed<typeof kinds.pod>;
export type ObservedStatefulSet = Observed<typeof kinds.statefulSet>;
export type ObservedDeployment = Observed<typeof kinds.deployment>;
