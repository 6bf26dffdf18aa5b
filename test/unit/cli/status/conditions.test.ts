import { expect, it } from 'vitest';
import { judgeConditions } from '../../../../src/cli/status/conditions.ts';

it('says which finalizers a deletion waits for', () => {
  const deleted = (finalizers?: string[]) =>
    judgeConditions({
      ...{ apiVersion: 'meshery.io/v1alpha2', kind: 'Broker' },
      metadata: {
        ...{ name: 'meshery-broker', namespace: 'meshery', uid: 'u', deletionTimestamp: '2026-01-01T00:00:00Z' },
        ...(finalizers && { finalizers }),
      },
    }).summary.message;
  expect(deleted()).toBe('The Broker is being deleted.');
  expect(deleted(['example.com/hold'])).toBe(
    'The Broker is being deleted, and waits for its finalizers: example.com/hold.',
  );
});
