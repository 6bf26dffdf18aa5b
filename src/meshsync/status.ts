import type { MeshSyncStatus } from '../api/meshsync.ts';
import { tagOf } from '../kubernetes/images.ts';
import type { ObservedDeployment } from '../kubernetes/kinds.ts';
import { selectorString } from '../kubernetes/labels.ts';
import { progressing, replicaCounts } from '../kubernetes/rollout.ts';
import { childrenCreated } from '../metacontroller/children-created.ts';
import {
  type ConditionInput,
  conditionsOf,
  type NameConflict,
  namesAvailable,
  ready,
  specApplied,
  withTransitionTimes,
} from '../metacontroller/conditions.ts';
import { hibernation } from '../metacontroller/lifecycle.ts';
import type { Manifest } from '../metacontroller/object.ts';
import type { Parent } from '../metacontroller/request.ts';
import type { FieldError } from '../schema/validate.ts';
import { publishingTo } from './broker.ts';
import { MESHSYNC_CONTAINER } from './children/deployment.ts';
import { condition } from './conditions.ts';
import { isReadVersion, READ_AS } from './known-resources.ts';
import { podSelector } from './labels.ts';
import { ACTIVE_MESHSYNC, isActive } from './names.ts';
import { FIRST_WITH_HEALTH_ENDPOINTS, type MeshSync } from './spec.ts';
import type { WatchList } from './watch-list.ts';

/** The observed state that a MeshSync's status is computed from. */
export interface MeshSyncObservation {
  deployment: ObservedDeployment | undefined;
  /** The Deployment of the response, `undefined` when there is none. */
  desired: Manifest | undefined;
  /** The URL in use, without credentials; `undefined` while the broker is not resolved. */
  brokerUrl: string | undefined;
  /** The condition BrokerResolved. */
  brokerResolved: ConditionInput;
  /** The watch-list of the spec as MeshSync reads it, or its first error. */
  watchList: WatchList | FieldError;
  /** The watch-list of another resource, when that is the active one. */
  activeList: WatchList | FieldError | undefined;
  nameConflicts: NameConflict[];
  /** Why the pods do not meet the restricted Pod Security Standard. */
  podSecurity: ConditionInput[];
  /** The children of the response that are not observed yet. */
  missing: string[];
}

/** The status of a MeshSync, from the observed state alone. */
export function meshSyncStatus(
  parent: Parent,
  meshSync: MeshSync,
  {
    deployment,
    desired,
    brokerUrl,
    brokerResolved,
    watchList,
    activeList,
    nameConflicts,
    podSecurity,
    missing,
  }: MeshSyncObservation,
  now: Date,
): MeshSyncStatus {
  const hibernated = hibernation(parent);
  const size = hibernated.length > 0 ? 0 : meshSync.size;
  const progress = progressing(deployment, desired, size, 'MeshSync pods');
  const rollout = refusedPods(progress, deployment) ?? stalled(deployment) ?? progress;
  const names = namesAvailable(nameConflicts);
  const list = watchListValid(watchList, meshSync.tag);
  const active = watchListActive(meshSync, activeList);
  // Only a list that MeshSync can't read keeps it from being ready.
  const blocking =
    activeList && 'path' in activeList ? active.map((each) => ({ ...each, desired: 'True' as const })) : [];
  const isUnblocked = [names, list, ...blocking, brokerResolved].every(({ status, desired }) => status === desired);
  const container = deployment?.spec.template?.spec?.containers?.find(({ name }) => name === MESHSYNC_CONTAINER);
  const image = container?.image ?? (isUnblocked ? meshSync.image.image : undefined);
  const version = image && tagOf(image);
  const url = brokerUrl ?? publishingTo(meshSync.broker);
  const broker = brokerName(meshSync);
  const { replicas, readyReplicas } = replicaCounts(deployment, isUnblocked ? size : 0);
  const summary = (created: ConditionInput[]) =>
    ready([names, ...hibernated, list, ...blocking, brokerResolved, ...created, rollout], 'MeshSync publishes.');
  const created = childrenCreated(parent, missing, summary([]), now);
  const { generation } = parent.metadata;
  return {
    replicas,
    readyReplicas,
    selector: selectorString(podSelector(meshSync, deployment)),
    conditions: withTransitionTimes(
      [
        summary(created),
        rollout,
        brokerResolved,
        brokerConnected(meshSync, deployment),
        list,
        specApplied(),
        names,
        ...created,
        ...active,
        ...publishesOnce(meshSync),
        ...roleBound(meshSync),
        ...podSecurity,
        ...hibernated,
      ],
      conditionsOf(parent.status),
      parent.metadata,
      now,
    ),
    ...(generation !== undefined && { observedGeneration: generation }),
    ...(version && { version }),
    ...(broker && { broker }),
    ...(url && { 'publishing-to': url }),
  };
}

/** Whether MeshSync has connected, which its readiness reports since 1.0.1. */
function brokerConnected({ hasHealthEndpoints }: MeshSync, deployment: ObservedDeployment | undefined): ConditionInput {
  if (!hasHealthEndpoints) {
    const message = `MeshSync reports whether it has connected since version ${FIRST_WITH_HEALTH_ENDPOINTS}.`;
    return condition('BrokerConnected', 'Unknown', 'NotReported', message);
  }
  if ((deployment?.status?.readyReplicas ?? 0) > 0) {
    return condition('BrokerConnected', 'True', 'Connected', 'MeshSync has connected to its broker.');
  }
  const message = 'No MeshSync pod has connected to the broker yet; see the logs of the pods.';
  return condition('BrokerConnected', 'False', 'NotConnected', message);
}

/** With the version whose rules were applied: another one may read lists otherwise. */
function watchListValid(list: WatchList | FieldError, tag: string): ConditionInput {
  if ('path' in list) {
    const message = `${list.path} ${list.message}. By the rules of MeshSync ${READ_AS}, it would be read as another list or as none, so MeshSync is left unchanged until this is corrected.`;
    return condition('WatchListValid', 'False', 'InvalidWatchList', message);
  }
  const names = `names ${list.resources.size} resource(s)`;
  const what = {
    default: 'There is no list: the default set of MeshSync is watched.',
    whitelist: `The whitelist ${names}.`,
    blacklist: `The blacklist ${names}.`,
  }[list.kind];
  const reason = list.warnings.length > 0 ? 'ValidWithWarnings' : 'Valid';
  const rules = isReadVersion(tag)
    ? `Read by the rules of MeshSync ${READ_AS}.`
    : `Read by the rules of MeshSync ${READ_AS}; ${tag} may have others.`;
  return condition('WatchListValid', 'True', reason, [what, ...list.warnings, rules].join(' '));
}

/** Reports the active list of a MeshSync whose own list is not the active one. */
function watchListActive(
  { name, namespace }: MeshSync,
  activeList: MeshSyncObservation['activeList'],
): ConditionInput[] {
  if (isActive(name, namespace)) return [];
  const reads = `Every MeshSync reads the watch-list of ${ACTIVE_MESHSYNC.namespace}/${ACTIVE_MESHSYNC.name}`;
  if (activeList && 'path' in activeList) {
    const message = `${reads}: ${activeList.path} ${activeList.message} there, so this MeshSync is left unchanged.`;
    return [condition('WatchListActive', 'False', 'OtherListInvalid', message)];
  }
  if (!activeList || activeList.kind === 'default') {
    const message = `${reads}: there is none, so the default set of MeshSync is active.`;
    return [condition('WatchListActive', 'False', 'DefaultSet', message)];
  }
  return [condition('WatchListActive', 'False', 'OtherList', `${reads}, so that list is active here too.`)];
}

function publishesOnce({ size }: MeshSync): ConditionInput[] {
  if (size === 1) return [];
  const message = `Each of ${size} pods publishes everything. Set size to 1 unless that is intended.`;
  return [condition('PublishesOnce', 'False', 'MultipleReplicas', message)];
}

/** The shipped ClusterRoleBinding has one subject; the operator can't read whether another one is bound. */
function roleBound({ namespace, names, serviceAccountName = names.meshsync }: MeshSync): ConditionInput[] {
  if (isActive(serviceAccountName, namespace)) return [];
  const account = `${namespace}:${serviceAccountName}`;
  const message = `Whether ServiceAccount ${namespace}/${serviceAccountName} may list and watch is unknown to the operator. Unless it is bound: kubectl create clusterrolebinding meshery-meshsync-${namespace}-${serviceAccountName} --clusterrole=meshery-meshsync --serviceaccount=${account}`;
  return [condition('RoleBound', 'Unknown', 'BindingUnknown', message)];
}

/** Longest part of a message of Kubernetes in a condition. */
const MAX_MESSAGE = 400;

/** A rollout whose pods Kubernetes refuses to create, with the message of the Deployment. */
function refusedPods(progress: ConditionInput, deployment: ObservedDeployment | undefined): ConditionInput | undefined {
  const failure = deployment?.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
  if (failure?.status !== 'True' || progress.status === 'False' || progress.reason === 'Updating') return undefined;
  // By code points: half a character would be another one in the observed status.
  const text = [...(failure.message ?? failure.reason ?? 'no reason is known').replace(/\s+/g, ' ').trim()];
  const why = text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE).join('')}…` : text.join('');
  const message = `Kubernetes refuses to create pods; change the spec, or the quota or policy that refuses them: ${why}`;
  return condition('Progressing', 'True', 'PodsNotCreated', message);
}

/** A failed rollout, with the reason of the Deployment. */
function stalled(deployment: ObservedDeployment | undefined): ConditionInput | undefined {
  const progressing = deployment?.status?.conditions?.find(({ type }) => type === 'Progressing');
  if (progressing?.status !== 'False' || !progressing.reason) return undefined;
  const message = `${progressing.message ?? 'The rollout does not progress.'} Check the Events of its pods.`;
  return { ...condition('Progressing', 'Unknown', 'ProgressDeadlineExceeded', message), reason: progressing.reason };
}

function brokerName({ broker }: MeshSync): string | undefined {
  if (broker.type === 'native') return `${broker.namespace}/${broker.name}`;
  return broker.type === 'custom' ? 'custom' : undefined;
}
