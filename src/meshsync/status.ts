import { TypeCompiler } from '@sinclair/typebox/compiler';
import { MeshSyncStatus } from '../api/meshsync.ts';
import { tagOf } from '../kubernetes/images.ts';
import { selectorString } from '../kubernetes/labels.ts';
import type { Manifest } from '../kubernetes/manifest.ts';
import { withTransitionTimes } from '../metacontroller/conditions.ts';
import type { Parent } from '../metacontroller/envelope.ts';
import type { ObservedDeployment } from '../metacontroller/observed.ts';
import { namesAvailable, type Requirement, ready, specApplied } from '../metacontroller/ready.ts';
import { progressing } from '../metacontroller/rollout.ts';
import { publishingTo } from './broker.ts';
import { MESHSYNC_CONTAINER } from './children/deployment.ts';
import { podSelector } from './labels.ts';
import type { MeshSync } from './spec.ts';

const check = TypeCompiler.Compile(MeshSyncStatus);

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
  /** What is said of names that other objects hold. */
  taken: string[];
  /** Set while MeshSync is to have no pods. */
  hibernation: Requirement | undefined;
}

/** The status of a MeshSync, from what is observed alone. */
export function meshSyncStatus(
  parent: Parent,
  meshSync: MeshSync,
  wanted: Manifest | undefined,
  { deployment, brokerUrl, brokerResolved, taken, hibernation }: MeshSyncObservation,
  now: string,
): MeshSyncStatus {
  const rollout =
    stuck(deployment) ?? progressing(deployment, wanted, hibernation ? 0 : meshSync.size, 'MeshSync pods');
  const names = namesAvailable(taken);
  const applied = specApplied();
  const said = hibernation ? [hibernation] : [];
  const container = deployment?.spec.template?.spec?.containers?.find(({ name }) => name === MESHSYNC_CONTAINER);
  const version = container?.image && tagOf(container.image);
  const url = brokerUrl ?? publishingTo(meshSync.broker);
  const broker = brokerName(meshSync);
  const { generation } = parent.metadata;
  return {
    ...(generation !== undefined && { observedGeneration: generation }),
    replicas: deployment?.status?.replicas ?? 0,
    readyReplicas: deployment?.status?.readyReplicas ?? 0,
    selector: selectorString(podSelector(meshSync, deployment)),
    ...(version && { version }),
    ...(broker && { broker }),
    ...(url && { 'publishing-to': url }),
    conditions: withTransitionTimes(
      [
        ready([names, ...said, brokerResolved, rollout], 'MeshSync publishes.'),
        rollout,
        brokerResolved,
        applied,
        names,
        ...said,
      ],
      parent.status,
      generation,
      now,
    ),
  };
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
