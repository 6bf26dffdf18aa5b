import { rolloutConditions } from '../kubernetes/rollout.ts';
import { type ConditionTable, commonConditions, conditionFactory } from '../metacontroller/conditions.ts';

/** The conditions of a Broker besides those of every resource. */
export const brokerConditions = {
  ...rolloutConditions,
  SpecApplied: {
    ...commonConditions.SpecApplied,
    reasons: {
      ...commonConditions.SpecApplied.reasons,
      ImmutableField: 'False: Kubernetes does not let a field change; the message says how to get there.',
      StreamsWouldBeLost: 'False: NATS would drop streams; the message says how to keep them.',
      SecretNotFound: 'False: a Secret that the spec names is not there.',
      SecretKeyMissing: 'False: a Secret that the spec names lacks a key.',
      SecretInvalid: 'False: a Secret that the spec names holds what NATS can not use.',
      UnusableCredential: 'False: the auth Secret was edited to what can not be part of a URL.',
    },
  },
  EndpointPublished: {
    description: 'Whether the addresses that the spec says are known and published.',
    desired: 'True',
    reasons: {
      ClusterInternal: 'True: the broker is reached inside the cluster only.',
      Published: 'True: the address outside of the cluster is known.',
      Overridden: 'True: the address is the override of the spec.',
      ServersPending: 'False: no server has been ready yet.',
      ServicePending: 'False: the client Service lacks an address, a port or its type.',
      NodePortPending: 'False: the client Service has no node port.',
      NodePending: 'False: no pod is on a node.',
      LoadBalancerPending: 'False: the load balancer has no address.',
    },
  },
  JetStreamResilient: {
    description: 'With JetStream: whether streams outlive the failure of a server.',
    reasons: {
      Quorum: 'True: they do.',
      EvenSize: 'True: they do, and one server fewer would do as well.',
      SingleServer: 'False: there is one server.',
      NoQuorumWithoutBoth: 'False: of two servers both are needed.',
    },
  },
  CertificateCoversService: {
    description: 'With TLS: whether clients in the cluster, MeshSync among them, can trust the certificate.',
    reasons: {
      Covered: 'True: they can.',
      NameMissing: 'False: the certificate lacks the name by which they connect.',
      Expired: 'False: the certificate, or one of its chain, has expired.',
      NotYetValid: 'False: the certificate, or one of its chain, is not valid yet.',
      UnknownAuthority: 'False: ca.crt did not issue the certificate.',
      NotAnAuthority: 'False: what issued the certificate may not issue any.',
      NotForServers: 'False: the certificate is for other purposes than a server.',
      KeyRefused: 'False: a key is too short.',
    },
  },
} as const satisfies ConditionTable;

export const condition = conditionFactory(brokerConditions);
