import { podSecurityConditions } from '../kubernetes/pod-security.ts';
import { rolloutConditions } from '../kubernetes/rollout.ts';
import { type ConditionTable, conditionFactory } from '../metacontroller/conditions.ts';

/** The conditions of a MeshSync besides the common ones. */
export const meshSyncConditions = {
  ...podSecurityConditions,
  Progressing: {
    ...rolloutConditions.Progressing,
    reasons: {
      ...rolloutConditions.Progressing.reasons,
      PodsNotCreated: 'True: Kubernetes refuses to create pods, because of a quota or a policy for example.',
      ProgressDeadlineExceeded:
        'Unknown: the Deployment exceeded its progress deadline; other reasons of its condition Progressing may appear too.',
    },
  },
  BrokerResolved: {
    description: 'Whether the URL and the credentials of the broker are known.',
    desired: 'True',
    needEdits: [
      'BrokerNotSpecified',
      'AddressNotSupported',
      'ClientCertificateRequired',
      'MonitorEncrypted',
      'SecretInvalid',
    ],
    reasons: {
      Resolved: 'True: the Broker exists.',
      CustomUrl: 'True: the broker is the URL of the spec.',
      BrokerNotReady: 'True: the Broker exists, but is not ready.',
      BrokerNotSpecified: 'False: the spec names neither a Broker nor a URL.',
      AddressNotSupported: 'False: MeshSync can not query an IPv6 address; the message explains what to write.',
      BrokerNotFound: 'False: the Broker does not exist.',
      BrokerTerminating: 'False: the Broker is being deleted.',
      ClientCertificateRequired: 'False: the Broker requires client certificates, and MeshSync has none.',
      MonitorEncrypted: 'False: the monitoring port of the Broker is HTTPS, and MeshSync queries it by HTTP.',
      CredentialsPending: 'False: the Broker has no usable token yet.',
      SecretNotFound: 'False: a Secret that the spec names does not exist.',
      SecretKeyMissing: 'False: a Secret that the spec names lacks a key.',
      SecretInvalid: 'False: a Secret that the spec names has a value that can not be part of a URL.',
    },
  },
  BrokerConnected: {
    description: 'Whether MeshSync has connected to its broker.',
    reasons: {
      Connected: 'True: a pod has.',
      NotConnected: 'False: no pod has.',
      NotReported: 'Unknown: MeshSync does not report it before version 1.0.1.',
    },
  },
  WatchListValid: {
    description: 'Whether MeshSync can read the watch-list of the spec.',
    desired: 'True',
    needEdits: ['InvalidWatchList'],
    reasons: {
      Valid: 'True: MeshSync can read it.',
      ValidWithWarnings: 'True: MeshSync can read it; the message has warnings.',
      InvalidWatchList: 'False: MeshSync would read it as another list or as none.',
    },
  },
  WatchListActive: {
    description: 'Present only for a MeshSync whose own watch-list is not the active one.',
    needEdits: ['OtherListInvalid'],
    reasons: {
      OtherList: 'False: the watch-list of another resource is active.',
      OtherListInvalid: 'False: the watch-list of another resource is active, and invalid.',
      DefaultSet: 'False: there is no active watch-list, so MeshSync watches its default set.',
    },
  },
  PublishesOnce: {
    description: 'Present only while everything is published several times.',
    reasons: { MultipleReplicas: 'False: each of several pods publishes everything.' },
  },
  RoleBound: {
    description: 'Present only when the operator can not know whether the ServiceAccount may list and watch.',
    reasons: { BindingUnknown: 'Unknown: the message has the command that binds it.' },
  },
} as const satisfies ConditionTable;

export const condition = conditionFactory(meshSyncConditions);
