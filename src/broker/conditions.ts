import { podSecurityConditions } from '../kubernetes/pod-security.ts';
import { rolloutConditions } from '../kubernetes/rollout.ts';
import { type ConditionTable, commonConditions, conditionFactory, type Problem } from '../metacontroller/conditions.ts';

/** The conditions of a Broker besides the common ones. */
export const brokerConditions = {
  ...rolloutConditions,
  ...podSecurityConditions,
  SpecApplied: {
    ...commonConditions.SpecApplied,
    needEdits: [
      ...commonConditions.SpecApplied.needEdits,
      ...['ImmutableField', 'StreamsWouldBeLost', 'SecretInvalid', 'UnusableCredential'],
    ],
    reasons: {
      ...commonConditions.SpecApplied.reasons,
      ImmutableField: 'False: a changed field is immutable; the message explains how to apply the change.',
      StreamsWouldBeLost: 'False: NATS would drop streams; the message explains how to keep them.',
      KeyPending:
        'False: the key that streams are encrypted with is replaced as soon as the server runs with the last one.',
      SecretNotFound: 'False: a Secret that the spec names does not exist.',
      SecretKeyMissing: 'False: a Secret that the spec names lacks a key.',
      SecretInvalid: 'False: a Secret that the spec names has a value that NATS can not use.',
      UnusableCredential:
        'False: the Secret of the clients or of the servers was edited and has a value that can not be part of a URL.',
    },
  },
  EndpointPublished: {
    description: 'Whether the desired addresses are known and published.',
    desired: 'True',
    reasons: {
      ClusterInternal: 'True: the broker is exposed inside the cluster only.',
      Published: 'True: the address outside the cluster is known.',
      Overridden: 'True: the address is the override of the spec.',
      ServersPending: 'False: no server has been ready yet.',
      ServicePending: 'False: a Service of clients does not have its address, its ports or its type yet.',
      NodePortPending: 'False: the Service for clients outside the cluster has no node port yet.',
      NodePending: 'False: no pod is on a node yet.',
      LoadBalancerPending: 'False: the load balancer has no address yet.',
    },
  },
  JetStreamResilient: {
    description: 'With JetStream: whether streams stay available when a server fails.',
    reasons: {
      Quorum: 'True: a majority of the servers remains.',
      EvenSize: 'True: a majority remains, and one server fewer would tolerate as many failures.',
      SingleServer: 'False: there is one server, and streams are not available while it restarts.',
      NoQuorumWithoutBoth: 'False: a majority of two servers needs both; three tolerate the failure of one.',
      RemovedServersCount:
        'False: servers that were removed by scaling down still count for the majority; the message explains how to remove them.',
    },
  },
  NatsBoxAvailable: {
    description:
      'Present only with a natsBox, while the Broker does not hibernate: whether the command line of NATS can be used.',
    reasons: {
      Available: 'True: its pod is ready; the message has the command.',
      Unavailable: 'False: its pod is not ready.',
    },
  },
  CertificateCoversService: {
    description:
      'With TLS: whether clients in Go, such as MeshSync, accept the certificate: its names, its dates, its usage, and that an authority in ca.crt, if there is one, has issued it.',
    reasons: {
      Covered: 'True: clients accept it.',
      ExpiresSoon: 'True: clients accept it, and a certificate of the chain expires within 30 days.',
      NameMissing: 'False: the certificate does not cover the name of the client Service.',
      Expired: 'False: a certificate of the chain has expired.',
      NotYetValid: 'False: a certificate of the chain is not valid yet.',
      UnknownAuthority: 'False: the chain does not lead to a CA in ca.crt.',
      NotAnAuthority: 'False: the issuer of the certificate is not a CA.',
      NotForServers: 'False: the extended key usage lacks server auth.',
      KeyRefused: "False: a key is too short, or of a curve that Go's crypto/tls does not accept.",
    },
  },
  RouteCertificateValid: {
    description: 'With TLS on the routes: whether the servers accept the certificates of each other.',
    reasons: {
      Valid: 'True: they accept them.',
      ExpiresSoon: 'True: they accept them, and a certificate of the chain expires within 30 days.',
      Expired: 'False: a certificate of the chain has expired.',
      NotYetValid: 'False: a certificate of the chain is not valid yet.',
    },
  },
} as const satisfies ConditionTable;

export const condition = conditionFactory(brokerConditions);

/** Why the spec of a Broker is not applied in full. */
export interface BrokerProblem extends Problem {
  reason: keyof typeof brokerConditions.SpecApplied.reasons;
}
