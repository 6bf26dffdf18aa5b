import { rolloutConditions } from '../kubernetes/rollout.ts';
import { type ConditionTable, conditionFactory } from '../metacontroller/conditions.ts';

/** The conditions of a MeshSync besides those of every resource. */
export const meshSyncConditions = {
  Progressing: {
    ...rolloutConditions.Progressing,
    reasons: {
      ...rolloutConditions.Progressing.reasons,
      ProgressDeadlineExceeded:
        'Unknown: Kubernetes has stopped waiting for the Deployment; others of its reasons may stand here too.',
    },
  },
  BrokerResolved: {
    description: 'Whether it is known how to reach the broker.',
    desired: 'True',
    reasons: {
      Resolved: 'True: the Broker is there.',
      CustomUrl: 'True: the broker is the URL of the spec.',
      BrokerNotReady: 'True: the Broker is there, but not ready.',
      BrokerNotSpecified: 'False: the spec names neither a Broker nor a URL.',
      BrokerNotFound: 'False: there is no such Broker.',
      BrokerTerminating: 'False: the Broker is being deleted.',
      ClientCertificateRequired: 'False: the Broker wants a certificate of its clients, and MeshSync has none.',
      CredentialsPending: 'False: the Broker has no usable token yet.',
      SecretNotFound: 'False: a Secret that the spec names is not there.',
      SecretKeyMissing: 'False: a Secret that the spec names lacks a key.',
      SecretInvalid: 'False: a Secret that the spec names holds what can not be part of a URL.',
    },
  },
  BrokerConnected: {
    description: 'Whether MeshSync has connected to its broker.',
    reasons: {
      Connected: 'True: it has.',
      NotConnected: 'False: no pod has.',
      NotReported: 'Unknown: this version of MeshSync does not report it.',
    },
  },
  WatchListValid: {
    description: 'Whether MeshSync reads the watch-list of the spec as it is meant.',
    desired: 'True',
    reasons: {
      Valid: 'True: it does.',
      ValidWithWarnings: 'True: it does, but for what the message says.',
      InvalidWatchList: 'False: MeshSync would take it for another list or for none.',
    },
  },
  WatchListActive: {
    description: 'There only for a MeshSync whose watch-list is not the one that MeshSync reads.',
    desired: 'True',
    reasons: {
      OtherList: 'False: the list of another resource is active.',
      OtherListInvalid: 'False: the list of another resource is active, and invalid.',
      DefaultSet: 'False: there is no active list, so the default set of MeshSync is watched.',
    },
  },
  PublishesOnce: {
    description: 'There only while everything is published several times.',
    reasons: { MultipleReplicas: 'False: each of several pods publishes everything.' },
  },
  RoleBound: {
    description: 'There only where it can not be known whether the ServiceAccount may list and watch.',
    reasons: { BindingUnknown: 'Unknown: the message says how to bind it.' },
  },
} as const satisfies ConditionTable;

export const condition = conditionFactory(meshSyncConditions);
