import { describe, expect, it } from 'vitest';
import type { Event, Pod } from '../../../../src/cli/cluster/objects.ts';
import { type PodEvidence, podStatus } from '../../../../src/cli/status/pods.ts';

type State = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

const container = (more: Partial<State> = {}): State => ({ name: 'nats', ready: false, restartCount: 0, ...more });

function pod(status: Pod['status'], more: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name: 'meshery-nats-0', namespace: 'meshery', ...more },
    spec: {
      nodeName: 'node-1',
      containers: [{ name: 'nats', image: 'nats:2.14.2-alpine' }, { name: 'reloader' }],
      volumes: [{ persistentVolumeClaim: { claimName: 'data-meshery-nats-0' } }],
    },
    ...(status && { status }),
  };
}

function event(reason: string, message: string, kind = 'Pod'): Event {
  return { metadata: { name: 'e' }, involvedObject: { kind }, reason, message };
}

const none: PodEvidence = { events: [], pulls: [], log: () => [] };
const waiting = (reason: string, message?: string) => ({ state: { waiting: { reason, message: message ?? null } } });
const unschedulable = (message: string) => ({
  phase: 'Pending',
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
});

it('has no problem when it is ready, whatever happened before', () => {
  const status = {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [container({ ready: true, restartCount: 2 }), container({ name: 'reloader', ready: true })],
  };
  expect(podStatus(pod(status), { ...none, events: [event('Unhealthy', 'Readiness probe failed')] })).toEqual({
    ...{ name: 'meshery-nats-0', node: 'node-1', ready: true, phase: 'Running' },
    ...{ readyContainers: 2, containers: 2, restarts: 2 },
  });
});

it('has no problem while it ends', () => {
  const status = podStatus(pod({ phase: 'Running' }, { deletionTimestamp: '2026-01-01T00:00:00Z' }), none);
  expect(status).toMatchObject({ phase: 'Terminating', ready: false });
  expect(status.problem).toBeUndefined();
});

describe('is stopped by', () => {
  const problem = (status: Pod['status'], evidence: Partial<PodEvidence> = {}) =>
    podStatus(pod(status), { ...none, ...evidence }).problem;

  it('the scheduler, with its message', () => {
    const message = '0/3 nodes are available: 3 Insufficient cpu.';
    expect(problem(unschedulable(message))).toEqual({ reason: 'Unschedulable', message });
  });

  it('a volume that is not bound, with what its claim says', () => {
    const message = '0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.';
    const events = [event('ProvisioningFailed', 'storageclass "fast" not found', 'PersistentVolumeClaim')];
    expect(problem(unschedulable(message), { events })).toEqual({
      reason: 'VolumePending',
      message: `${message} storageclass "fast" not found`,
    });
  });

  it('a volume that its node can not mount', () => {
    const events = [event('FailedMount', 'MountVolume.SetUp failed for volume "tls":\n secret "x" not found')];
    const containerStatuses = [container(waiting('ContainerCreating'))];
    expect(problem({ phase: 'Pending', containerStatuses }, { events })).toEqual({
      reason: 'VolumePending',
      message: 'MountVolume.SetUp failed for volume "tls": secret "x" not found',
    });
    expect(problem({ phase: 'Pending', containerStatuses })).toBeUndefined();
  });

  it.each(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull'])(
    '%s, with the image',
    (reason) => {
      expect(problem({ phase: 'Pending', containerStatuses: [container(waiting(reason, 'not found'))] })).toEqual({
        ...{ reason, message: 'not found', container: 'nats', image: 'nats:2.14.2-alpine' },
      });
    },
  );

  it('a crash, with exit code, reason and the last lines', () => {
    const lastState = { terminated: { exitCode: 137, reason: 'OOMKilled' } };
    const crashed = container({ ...waiting('CrashLoopBackOff', 'back-off 10s'), lastState, restartCount: 4 });
    const log = (name: string) => (name === 'nats' ? ['one', 'two'] : []);
    expect(problem({ phase: 'Running', containerStatuses: [crashed] }, { log })).toEqual({
      ...{ reason: 'CrashLoopBackOff', container: 'nats', exitCode: 137, log: ['one', 'two'] },
      message: 'ended with exit code 137 (OOMKilled)',
    });
  });

  it('a crash of which kubelet has not said yet that it waits', () => {
    const ended = container({
      state: { terminated: { exitCode: 1, reason: 'Error', message: 'token nats://abc@host' } },
    });
    expect(problem({ phase: 'Running', containerStatuses: [ended] })).toEqual({
      ...{ reason: 'Error', container: 'nats', exitCode: 1 },
      message: 'ended with exit code 1: token nats://***@host',
    });
  });

  it('a crash also while it runs again, but for one that kubelet ended', () => {
    const lastState = { terminated: { exitCode: 2, reason: 'Error' } };
    const containerStatuses = [container({ state: { running: {} }, lastState, restartCount: 1 })];
    const events = [event('Unhealthy', 'Readiness probe failed: connection refused')];
    expect(problem({ phase: 'Running', containerStatuses }, { events, log: () => ['one'] })).toEqual({
      ...{ reason: 'Restarted', container: 'nats', exitCode: 2, log: ['one'] },
      message: 'ended with exit code 2',
    });
    const liveness = event('Unhealthy', 'Liveness probe failed: timeout');
    expect(problem({ phase: 'Running', containerStatuses }, { events: [...events, liveness] })).toEqual({
      ...{ reason: 'ProbeFailed', container: 'nats', message: 'Liveness probe failed: timeout' },
    });
    const again = [container({ ready: true, state: { running: {} }, lastState })];
    expect(problem({ phase: 'Running', containerStatuses: again })).toBeUndefined();
  });

  it('an image that is being pulled, but not one that was', () => {
    const pulls = [event('Pulling', 'Pulling image "nats:2.14.2-alpine"')];
    const creating = container(waiting('ContainerCreating'));
    expect(problem({ phase: 'Pending', containerStatuses: [creating] }, { pulls })).toEqual({
      ...{ reason: 'Pulling', message: 'Pulling image "nats:2.14.2-alpine"' },
    });
    const running = container({ ready: true, state: { running: {} } });
    expect(problem({ phase: 'Running', containerStatuses: [running] }, { pulls })).toBeUndefined();
  });

  it('a Secret that is missing', () => {
    const status = container(waiting('CreateContainerConfigError', 'secret "x" not found'));
    expect(problem({ phase: 'Pending', containerStatuses: [status] })).toEqual({
      ...{ reason: 'CreateContainerConfigError', message: 'secret "x" not found', container: 'nats' },
    });
  });

  it('a probe that fails, or has not succeeded yet', () => {
    const running = { state: { running: {} } };
    const status = (more: Partial<State>) => ({
      phase: 'Running',
      containerStatuses: [container({ ...running, ...more })],
    });
    const events = [event('Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 503')];
    expect(problem(status({}), { events })).toEqual({
      ...{ reason: 'ProbeFailed', container: 'nats' },
      message: 'Readiness probe failed: HTTP probe failed with statuscode: 503',
    });
    expect(problem(status({ started: false }))?.message).toBe('its startup probe has not succeeded yet');
    expect(problem(status({ started: true }))?.message).toBe('its readiness probe has not succeeded yet');
  });

  it('its node', () => {
    const containerStatuses = [container({ ready: true, state: { running: {} } })];
    const lost = {
      phase: 'Running',
      containerStatuses,
      conditions: [{ type: 'Ready', status: 'False', reason: 'NodeNotReady' }],
    };
    expect(problem(lost)).toEqual({ reason: 'NodeNotReady', message: 'node node-1 does not answer' });
    expect(problem({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on memory.' })).toEqual({
      ...{ reason: 'Evicted', message: 'The node was low on memory.' },
    });
  });
});
