import { compiled } from '../api/compiled.ts';
import { MeshSyncStatus } from '../api/meshsync.ts';
import type { FieldError } from '../api/validate.ts';
import { tagOf } from '../kubernetes/images.ts';
import { selectorString } from '../kubernetes/labels.ts';
import type { Manifest } from '../kubernetes/manifest.ts';
import { type ConditionInput, conditionsOf, withTransitionTimes } from '../metacontroller/conditions.ts';
import type { Parent } from '../metacontroller/envelope.ts';
import type { ObservedDeployment } from '../metacontroller/observed.ts';
import { namesAvailable, type Requirement, ready, specApplied } from '../metacontroller/ready.ts';
import { progressing, replicaCounts } from '../metacontroller/rollout.ts';
import { publishingTo } from './broker.ts';
import { MESHSYNC_CONTAINER } from './children/deployment.ts';
import { podSelector } from './labels.ts';
import { isInForce, LIST_IN_FORCE } from './names.ts';
import { FIRST_WITH_HEALTH_ENDPOINTS, type MeshSync } from './spec.ts';
import type { WatchList } from './watch-list.ts';

const check = compiled(MeshSyncStatus);

/** The parent's last status, `undefined` when it has none or one of another shape. */
export function previousMeshSyncStatus(parent: Parent): MeshSyncStatus | undefined {
  return check.Check(parent.status) ? parent.status : undefined;
}

/** What a MeshSync's status is worked out from. */
export interface MeshSyncObservation {
  deployment: ObservedDeployment | undefined;
  /** The URL in use, without credentials; `undefined` while it can't be worked out. */
  brokerUrl: string | undefined;
  /** Whether the broker could be worked out. */
  brokerResolved: Requirement;
  /** The watch-list of the spec as MeshSync reads it, or what is wrong with it. */
  watchList: WatchList | FieldError;
  /** The watch-list of another resource, when that is read instead of this one's. */
  inForce: WatchList | FieldError | undefined;
  /** What is said of names that other objects hold. */
  taken: string[];
  /** Set while MeshSync is to have no pods. */
  hibernation: Requirement | undefined;
}

/**
 * The status of a MeshSync, from what is observed alone.
 * @param previous its last status, `undefined` when it was of no use
 */
export function meshSyncStatus(
  parent: Parent,
  previous: MeshSyncStatus | undefined,
  meshSync: MeshSync,
  wanted: Manifest | undefined,
  { deployment, brokerUrl, brokerResolved, watchList, inForce, taken, hibernation }: MeshSyncObservation,
  now: Date,
): MeshSyncStatus {
  const size = hibernation ? 0 : meshSync.size;
  const rollout = stuck(deployment) ?? progressing(deployment, wanted, size, 'MeshSync pods');
  const names = namesAvailable(taken);
  const applied = specApplied();
  const list = watchListValid(watchList);
  const said = hibernation ? [hibernation] : [];
  const other = watchListInForce(meshSync, inForce);
  const blocking = inForce && 'path' in inForce ? other : [];
  const warnings = [...other, ...publishesOnce(meshSync), ...roleBound(meshSync)];
  const isComing = [names, list, ...blocking, brokerResolved].every(({ status, wanted }) => status === wanted);
  const container = deployment?.spec.template?.spec?.containers?.find(({ name }) => name === MESHSYNC_CONTAINER);
  const image = container?.image ?? (isComing ? meshSync.image.image : undefined);
  const version = image && tagOf(image);
  const url = brokerUrl ?? publishingTo(meshSync.broker);
  const broker = brokerName(meshSync);
  const { replicas, readyReplicas } = replicaCounts(deployment, isComing ? size : 0);
  const { generation } = parent.metadata;
  return {
    replicas,
    readyReplicas,
    selector: selectorString(podSelector(meshSync, deployment)),
    conditions: withTransitionTimes(
      [
        ready([names, ...said, list, ...blocking, brokerResolved, rollout], 'MeshSync publishes.'),
        rollout,
        brokerResolved,
        brokerConnected(meshSync, deployment),
        list,
        applied,
        names,
        ...warnings,
        ...said,
      ],
      previous?.conditions ?? conditionsOf(parent.status),
      parent.metadata,
      now,
    ),
    ...(generation !== undefined && { observedGeneration: generation }),
    ...(version && { version }),
    ...(broker && { broker }),
    ...(url && { 'publishing-to': url }),
  };
}

/** Whether MeshSync has connected, which its readiness tells from 1.0.1 on. */
function brokerConnected({ hasHealthEndpoints }: MeshSync, deployment: ObservedDeployment | undefined): ConditionInput {
  const type = 'BrokerConnected';
  if (!hasHealthEndpoints) {
    const message = `MeshSync tells whether it has connected from version ${FIRST_WITH_HEALTH_ENDPOINTS} on.`;
    return { type, status: 'Unknown', reason: 'NotTold', message };
  }
  const { readyReplicas = 0 } = deployment?.status ?? {};
  return readyReplicas > 0
    ? { type, status: 'True', reason: 'Connected', message: 'MeshSync has connected to its broker.' }
    : {
        type,
        status: 'False',
        reason: 'NotConnected',
        message: 'No MeshSync pod has connected to the broker yet; its log says what it waits for.',
      };
}

function watchListValid(list: WatchList | FieldError): Requirement {
  const type = 'WatchListValid';
  if ('path' in list) {
    const message = `${list.path} ${list.message}. MeshSync would take it for another list or for none, so it stays as it is until this is corrected.`;
    return { type, wanted: 'True', status: 'False', reason: 'InvalidWatchList', message };
  }
  const names = `names ${list.resources.size} resource(s)`;
  const what = {
    default: 'There is no list: the default set of MeshSync stands.',
    whitelist: `The whitelist ${names}.`,
    blacklist: `The blacklist ${names}.`,
  }[list.kind];
  return {
    type,
    wanted: 'True',
    status: 'True',
    reason: list.warnings.length > 0 ? 'ValidWithWarnings' : 'Valid',
    message: [what, ...list.warnings].join(' '),
  };
}

/** Says which list is read by a MeshSync that is not the one whose list is compiled in. */
function watchListInForce({ name, namespace }: MeshSync, inForce: MeshSyncObservation['inForce']): Requirement[] {
  if (isInForce(name, namespace)) return [];
  const main = `${LIST_IN_FORCE.namespace}/${LIST_IN_FORCE.name}`;
  const says = (reason: string, instead: string): Requirement[] => {
    const message = `MeshSync reads the watch-list of ${main}, whichever resource it runs for: ${instead}`;
    return [{ type: 'WatchListInForce', wanted: 'True', status: 'False', reason, message }];
  };
  if (inForce && 'path' in inForce) {
    return says('OtherListInvalid', `${inForce.path} ${inForce.message} there, so this one stays as it is.`);
  }
  if (!inForce || inForce.kind === 'default')
    return says('DefaultSet', 'there is none, so its default set is in force.');
  return says('OtherList', 'that one is in force here too.');
}

function publishesOnce({ size }: MeshSync): ConditionInput[] {
  if (size === 1) return [];
  const message = `Each of ${size} pods publishes everything. Set size to 1 unless that is meant.`;
  return [{ type: 'PublishesOnce', status: 'False', reason: 'SeveralPods', message }];
}

/** The shipped binding has one subject; whether another one is bound can't be seen from here. */
function roleBound({ namespace, names, serviceAccountName = names.meshsync }: MeshSync): ConditionInput[] {
  if (isInForce(serviceAccountName, namespace)) return [];
  const account = `${namespace}:${serviceAccountName}`;
  const message = `Whether ServiceAccount ${namespace}/${serviceAccountName} may list and watch can't be known from here. Unless it is bound: kubectl create clusterrolebinding meshery-meshsync-${namespace}-${serviceAccountName} --clusterrole=meshery-meshsync --serviceaccount=${account}`;
  return [{ type: 'RoleBound', status: 'Unknown', reason: 'BindingUnknown', message }];
}

/** A rollout that Kubernetes gave up waiting for. */
function stuck(deployment: ObservedDeployment | undefined): Requirement | undefined {
  const condition = deployment?.status?.conditions?.find(({ type }) => type === 'Progressing');
  if (condition?.status !== 'False' || !condition.reason) return undefined;
  return {
    type: 'Progressing',
    wanted: 'False',
    status: 'Unknown',
    reason: condition.reason,
    message: `${condition.message ?? 'The rollout does not progress.'} Look at the events of its pods.`,
  };
}

function brokerName({ broker }: MeshSync): string | undefined {
  if (broker.type === 'native') return `${broker.namespace}/${broker.name}`;
  return broker.type === 'custom' ? 'custom' : undefined;
}
