import { type Static, Type } from '@sinclair/typebox';
import { commonStatus, IMAGE_TAG_OR_EMPTY, StringEnum, StringMap } from './schema.ts';

/** What an absent field of `Broker.spec` means. */
export const brokerDefaults = {
  size: 1,
  /** Tag of the `nats` image; the CRD does not persist it, so that an upgrade of the operator can move it. */
  version: '2.14.2-alpine',
  serviceType: 'ClusterIP',
} as const;

const BrokerService = Type.Object(
  {
    type: Type.Optional(
      StringEnum(['ClusterIP', 'NodePort', 'LoadBalancer'], {
        description:
          'Type of the client Service; changed in place. Default: ClusterIP, so that a broker gets an address outside the cluster only when asked to.',
      }),
    ),
    annotations: Type.Optional(
      StringMap({ description: 'Annotations put on the client Service, for example for a cloud load balancer.' }),
    ),
    loadBalancerClass: Type.Optional(
      Type.String({
        description:
          'Load balancer implementation that serves the Service. Only with type LoadBalancer; Kubernetes does not let it change while the type stays LoadBalancer.',
        maxLength: 316,
        pattern:
          '^(([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$',
      }),
    ),
    loadBalancerSourceRanges: Type.Optional(
      Type.Array(
        Type.String({
          description: 'An address range in CIDR notation, IPv4 or IPv6.',
          maxLength: 64,
          pattern: '^[0-9A-Fa-f.:]+/[0-9]{1,3}$',
        }),
        { description: 'Client address ranges that the load balancer lets in. Only with type LoadBalancer.' },
      ),
    ),
    externalEndpointOverride: Type.Optional(
      Type.String({
        description:
          'Published as status.endpoint.external as it is (host:port), for a gateway or address translation in front of the broker.',
        maxLength: 1024,
      }),
    ),
  },
  {
    description: 'How clients reach the broker.',
    'x-kubernetes-validations': [
      {
        rule: "!has(self.loadBalancerClass) || self.loadBalancerClass == '' || !has(self.type) || self.type == 'LoadBalancer'",
        message: 'loadBalancerClass is only valid when service type is LoadBalancer',
        fieldPath: '.loadBalancerClass',
      },
      {
        rule: "!has(self.loadBalancerSourceRanges) || size(self.loadBalancerSourceRanges) == 0 || !has(self.type) || self.type == 'LoadBalancer'",
        message: 'loadBalancerSourceRanges is only valid when service type is LoadBalancer',
        fieldPath: '.loadBalancerSourceRanges',
      },
    ],
  },
);

/** `Broker.spec` as a person writes it: every field optional. */
export const BrokerSpec = Type.Object(
  {
    size: Type.Optional(
      Type.Integer({
        description:
          'Number of NATS servers. More than one make a NATS cluster. An even number survives no more failures than one fewer.',
        format: 'int32',
        minimum: 1,
        maximum: 10,
        default: brokerDefaults.size,
      }),
    ),
    version: Type.Optional(
      Type.String({
        description: `Tag of the nats image, optionally with a digest. A v before a semantic version is dropped. Default: ${brokerDefaults.version}.`,
        pattern: IMAGE_TAG_OR_EMPTY,
      }),
    ),
    service: Type.Optional(BrokerService),
  },
  { description: 'The broker that is wanted.', default: {} },
);
export type BrokerSpec = Static<typeof BrokerSpec>;

/** `Broker.status` as the sync hook answers it. */
export const BrokerStatus = Type.Object(
  {
    ...commonStatus,
    endpoint: Type.Optional(
      Type.Object(
        {
          internal: Type.Optional(
            Type.String({ description: 'Where clients in the cluster connect, as host:port without a scheme.' }),
          ),
          external: Type.Optional(
            Type.String({ description: 'Where clients outside the cluster connect, as host:port without a scheme.' }),
          ),
        },
        { description: 'Addresses of the broker.' },
      ),
    ),
  },
  { description: 'What was last seen of the broker.' },
);
export type BrokerStatus = Static<typeof BrokerStatus>;
