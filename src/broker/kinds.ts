import type { BrokerStatus } from '../api/broker.ts';
import { kinds } from '../kubernetes/kinds.ts';
import type { SyncRequest } from '../metacontroller/request.ts';

/** The kinds of a Broker's children. */
export const children = [
  kinds.secret,
  kinds.configMap,
  kinds.service,
  kinds.statefulSet,
  kinds.podDisruptionBudget,
  kinds.networkPolicy,
  kinds.deployment,
];

/** The further kinds of its sync requests. */
export const related = [kinds.pod];

export type BrokerRequest = SyncRequest<(typeof children)[number] | (typeof related)[number], BrokerStatus>;
