import { allContainers, type ContainerStatus, type Event, isReady, type Pod } from '../cluster/objects.ts';
import { oneLine } from '../foreign-text.ts';
import { endingOf } from './ending.ts';
import { messageOf } from './events.ts';
import type { PodProblem, PodStatus } from './model.ts';

/** What is known of a pod besides itself. */
export interface PodEvidence {
  /** Its Warning Events and those of its volume claims, newest first. */
  events: Event[];
  /** Events of the images that were pulled for it, newest first. */
  pulls: Event[];
  /** The last lines of a container. */
  log: (container: string) => string[];
}

/** A pod as it is shown, with what keeps it from being ready. */
export function podStatus(pod: Pod, evidence: PodEvidence): PodStatus {
  const { metadata, spec, status } = pod;
  const containers = status?.containerStatuses ?? [];
  const ready = isReady(pod);
  const isEnding = metadata.deletionTimestamp !== undefined;
  const problem = ready || isEnding ? undefined : podProblem(pod, evidence);
  return {
    name: metadata.name,
    ...(spec.nodeName && { node: spec.nodeName }),
    ready,
    phase: isEnding ? 'Terminating' : (status?.phase ?? 'Unknown'),
    readyContainers: containers.filter((each) => each.ready).length,
    containers: spec.containers.length,
    restarts: containers.reduce((sum, { restartCount }) => sum + restartCount, 0),
    ...(problem && { problem }),
  };
}

/** The first of what stops a pod, in the order in which it is started; `undefined` where it only takes its time. */
function podProblem(pod: Pod, evidence: PodEvidence): PodProblem | undefined {
  const containers = allContainers(pod);
  return (
    unscheduled(pod, evidence) ??
    ended(pod) ??
    first(containers, (container) => waiting(container, imageOf(pod, container))) ??
    first(containers, (container) => failed(container, evidence)) ??
    unstarted(containers, evidence) ??
    pulling(containers, evidence) ??
    lost(pod) ??
    first(containers, (container) => unready(container, evidence))
  );
}

function unscheduled({ status }: Pod, { events }: PodEvidence): PodProblem | undefined {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status !== 'False') return undefined;
  const message = oneLine(scheduled.message ?? 'The scheduler has not placed it yet.');
  if (!/persistentvolumeclaim/i.test(message)) return { reason: scheduled.reason ?? 'Unschedulable', message };
  const claim = events.find(({ involvedObject }) => involvedObject.kind === 'PersistentVolumeClaim');
  return { reason: 'VolumePending', message: claim ? `${message} ${messageOf(claim)}` : message };
}

/** An evicted pod, or one that its node refuses. */
function ended({ status }: Pod): PodProblem | undefined {
  if (status?.phase !== 'Failed') return undefined;
  return { reason: status.reason ?? 'Failed', message: oneLine(status.message ?? 'The pod has ended.') };
}

/** Reasons of a container that waits for nothing but its turn, or to be started again. */
const IN_TURN = ['ContainerCreating', 'PodInitializing', 'CrashLoopBackOff'];

/** A container that can't be started. */
function waiting({ name, state }: ContainerStatus, image: string | undefined): PodProblem | undefined {
  const { reason, message } = state?.waiting ?? {};
  if (!reason || IN_TURN.includes(reason)) return undefined;
  const isOfImage = /Image/.test(reason) && image;
  return { reason, message: oneLine(message ?? 'no message'), container: name, ...(isOfImage && { image }) };
}

/** A container that ended, also while it is started again. */
function failed(container: ContainerStatus, { events, log }: PodEvidence): PodProblem | undefined {
  const { name, state } = container;
  const ending = endingOf(container);
  // A container that kubelet ends has no error of its own.
  if (!ending || (state?.running && events.some(isFailedLiveness))) return undefined;
  const { exitCode, reason, message } = ending;
  const why = reason && reason !== 'Error' ? ` (${reason})` : '';
  const lines = log(name);
  return {
    reason: state?.waiting?.reason ?? (ending.isPrevious ? 'Restarted' : (reason ?? 'Error')),
    message: `ended with exit code ${exitCode}${why}${message ? `: ${oneLine(message)}` : ''}`,
    container: name,
    exitCode,
    ...(lines.length > 0 && { log: lines }),
  };
}

function isFailedLiveness(event: Event): boolean {
  return event.reason === 'Unhealthy' && messageOf(event).startsWith('Liveness probe');
}

/** What kubelet waits for before it starts containers, which only its Events tell. */
const BEFORE_START = [
  { reasons: ['FailedMount', 'FailedAttachVolume', 'FailedMapVolume'], reason: 'VolumePending' },
  { reasons: ['FailedCreatePodSandBox', 'NetworkNotReady'], reason: 'NoSandbox' },
];

function unstarted(containers: ContainerStatus[], { events }: PodEvidence): PodProblem | undefined {
  if (containers.some(({ state }) => state?.running)) return undefined;
  for (const { reasons, reason } of BEFORE_START) {
    const event = events.find((each) => reasons.includes(each.reason ?? ''));
    if (event) return { reason, message: messageOf(event) };
  }
  return undefined;
}

/** An image is pulled for a container whose turn it is. */
function pulling(containers: ContainerStatus[], { pulls: [latest] }: PodEvidence): PodProblem | undefined {
  const isCreating = containers.some(({ state }) => state?.waiting?.reason === 'ContainerCreating');
  return isCreating && latest ? { reason: 'Pulling', message: messageOf(latest) } : undefined;
}

/** A pod whose node does not answer. */
function lost({ spec, status }: Pod): PodProblem | undefined {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.reason !== 'NodeNotReady' && status?.reason !== 'NodeLost') return undefined;
  return { reason: 'NodeNotReady', message: `node ${spec.nodeName} does not answer` };
}

function unready({ name, ready, started, state }: ContainerStatus, { events }: PodEvidence): PodProblem | undefined {
  if (ready || !state?.running) return undefined;
  const probe = events.find(isFailedLiveness) ?? events.find(({ reason }) => reason === 'Unhealthy');
  if (probe) return { reason: 'ProbeFailed', message: messageOf(probe), container: name };
  const message = `its ${started === false ? 'startup' : 'readiness'} probe has not succeeded yet`;
  return { reason: 'NotReady', message, container: name };
}

function imageOf({ spec }: Pod, { name, image }: ContainerStatus): string | undefined {
  return spec.containers.find((each) => each.name === name)?.image ?? image;
}

function first<Item, Found>(items: Item[], find: (item: Item) => Found | undefined): Found | undefined {
  for (const item of items) {
    const found = find(item);
    if (found) return found;
  }
  return undefined;
}
