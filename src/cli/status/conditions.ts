import { brokerConditions } from '../../broker/conditions.ts';
import { meshSyncConditions } from '../../meshsync/conditions.ts';
import type { Condition } from '../../metacontroller/condition.ts';
import { type ConditionTable, commonConditions, conditionsOf } from '../../metacontroller/conditions.ts';
import type { Resource } from '../cluster/objects.ts';
import type { Reported, ResourceStatus } from './model.ts';

const tables: Record<Resource['kind'], ConditionTable> = {
  Broker: { ...commonConditions, ...brokerConditions },
  MeshSync: { ...commonConditions, ...meshSyncConditions },
};

/** Conditions that are shown elsewhere: as the summary, or as a line of their own. */
const shownElsewhere = ['Ready', 'Stalled', 'Hibernated', 'BrokerConnected', 'RoleBound', 'WatchListActive'];

/** Conditions that say something by their presence, whatever their status. */
const presentOnly = ['Reconciling', 'ReconciliationPaused', 'CredentialsExposed', 'AnnotationIgnored'];

/** Reasons that only follow from servers that are not ready. */
const consequences = ['ServersPending'];

/** Reasons of interest although the condition is met. */
const warnings = ['BrokerNotReady', 'ExpiresSoon', 'ValidWithWarnings'];

/** Ready, and whether it counts for the present spec; and the conditions that matter beside it. */
export function judgeConditions(
  resource: Resource,
): Pick<ResourceStatus, 'ready' | 'summary' | 'stalled' | 'paused' | 'hibernated' | 'conditions'> {
  const all = conditionsOf(resource.status);
  const isTrue = (type: string) => all.some((each) => each.type === type && each.status === 'True');
  const summary = summaryOf(resource, all);
  return {
    ready: summary.status === 'True',
    summary,
    stalled: isTrue('Stalled') && isCurrent(resource, all, 'Stalled'),
    paused: isTrue('ReconciliationPaused'),
    hibernated: isTrue('Hibernated'),
    conditions: all.filter((condition) => matters(tables[resource.kind], condition)).map(reported),
  };
}

const DOCTOR = 'If that lasts, meshery-operator doctor says why.';

function summaryOf({ metadata, kind }: Resource, all: Condition[]): Omit<Reported, 'type'> {
  if (metadata.deletionTimestamp) {
    const { finalizers = [] } = metadata;
    const held = finalizers.length > 0 ? `, and waits for its finalizers: ${finalizers.join(', ')}` : '';
    return { status: 'False', reason: 'Deleting', message: `The ${kind} is being deleted${held}.` };
  }
  const ready = all.find(({ type }) => type === 'Ready');
  if (!ready) {
    const message = `The operator has not answered for it yet. ${DOCTOR}`;
    return { status: 'Unknown', reason: 'NotReconciled', message };
  }
  const { status, reason, message, observedGeneration } = ready;
  if (observedGeneration === metadata.generation) return { status, reason, message };
  const before = `The spec has changed since Ready was last reported (${status}, ${reason}).`;
  const isPaused = all.some(({ type, status }) => type === 'ReconciliationPaused' && status === 'True');
  return { status: 'Unknown', reason: 'NotReconciled', message: isPaused ? before : `${before} ${DOCTOR}` };
}

function isCurrent({ metadata }: Resource, all: Condition[], type: string): boolean {
  return all.find((each) => each.type === type)?.observedGeneration === metadata.generation;
}

function matters(table: ConditionTable, { type, status, reason }: Condition): boolean {
  if (shownElsewhere.includes(type) || consequences.includes(reason)) return false;
  if (warnings.includes(reason) || presentOnly.includes(type)) return true;
  const desired = table[type]?.desired;
  return desired ? status !== desired : status === 'False';
}

function reported({ type, status, reason, message }: Condition): Reported {
  return { type, status, reason, message };
}
