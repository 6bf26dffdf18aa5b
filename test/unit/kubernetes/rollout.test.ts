import { describe, expect, it } from 'vitest';
import { progressing, REVISION_ANNOTATION, replicaCounts } from '../../../src/kubernetes/rollout.ts';

const manifest = (revision: string) => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'a', namespace: 'b', annotations: { [REVISION_ANNOTATION]: revision } },
});

const counts = { observedGeneration: 2, replicas: 3, readyReplicas: 3, updatedReplicas: 3 };

function observed(status: Partial<typeof counts> | undefined, revision = 'x', generation = 2) {
  const { metadata, ...rest } = manifest(revision);
  return { ...rest, spec: { replicas: 3 }, metadata: { ...metadata, generation }, ...(status && { status }) };
}

describe('the condition Progressing', () => {
  it.each([
    ['there is no workload yet', undefined, 'Starting'],
    ['there is no status yet', observed(undefined, 'x', 1), 'Starting'],
    ['there is no status for a change yet', observed(undefined), 'Updating'],
    ['a workload that never became ready is changed', observed({ ...counts, readyReplicas: 0 }, 'y', 1), 'Updating'],
    [
      'there are only pods of the old revision',
      observed({ ...counts, readyReplicas: 0, updatedReplicas: 0 }),
      'RollingOut',
    ],
    ['a change is still to be applied', observed(counts, 'y'), 'Updating'],
    ['a change is not observed by the controller yet', observed({ ...counts, observedGeneration: 1 }), 'Updating'],
    ['some pods are of the old revision', observed({ ...counts, updatedReplicas: 1 }), 'RollingOut'],
    ['pods are missing', observed({ ...counts, replicas: 2, updatedReplicas: 2, readyReplicas: 2 }), 'Starting'],
    ['some pods are not ready', observed({ ...counts, readyReplicas: 0 }), 'Starting'],
    ['there are too many pods', observed({ ...counts, replicas: 4, updatedReplicas: 4 }), 'ScalingDown'],
  ])('is True while %s', (_what, workload, reason) => {
    expect(progressing(workload, manifest('x'), 3, 'servers')).toMatchObject({
      status: 'True',
      desired: 'False',
      reason,
    });
  });

  it('is False when the workload is as desired, also without a manifest to compare with', () => {
    const complete = { type: 'Progressing', status: 'False', desired: 'False', reason: 'Complete' };
    expect(progressing(observed(counts), manifest('x'), 3, 'servers')).toMatchObject(complete);
    expect(progressing(observed(counts), undefined, 3, 'servers')).toMatchObject(complete);
    expect(progressing(undefined, manifest('x'), 0, 'servers')).toMatchObject(complete);
  });

  it('reports the progress in its message', () => {
    const message = (status: Partial<typeof counts>) =>
      progressing(observed(status), manifest('x'), 3, 'servers').message;
    expect(message({ ...counts, updatedReplicas: 1 })).toBe('1 of 3 servers are up to date.');
    expect(message({ ...counts, readyReplicas: 2 })).toBe('2 of 3 servers are ready.');
  });
});

describe('the number of pods', () => {
  it('includes the desired pods that do not exist yet', () => {
    expect(replicaCounts(undefined, 3)).toEqual({ replicas: 3, readyReplicas: 0 });
    expect(replicaCounts(observed(undefined), 3)).toEqual({ replicas: 3, readyReplicas: 0 });
    expect(replicaCounts(observed({ replicas: 1, readyReplicas: 1 }), 3)).toEqual({ replicas: 3, readyReplicas: 1 });
    expect(replicaCounts(observed(counts), 3)).toEqual({ replicas: 3, readyReplicas: 3 });
  });

  it('includes pods that still exist though fewer are desired', () => {
    expect(replicaCounts(observed({ replicas: 4, readyReplicas: 4 }), 2)).toEqual({ replicas: 4, readyReplicas: 4 });
  });
});
