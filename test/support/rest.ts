import { expect } from 'vitest';
import type { Cluster } from '../stand-in/cluster.ts';
import type { KubeObject } from '../stand-in/json.ts';
import type { Strategy, SyncOutcome } from '../stand-in/metacontroller.ts';
import type { TestApp } from './app.ts';
import { URL_PASSWORD } from './arbitraries.ts';
import { expectSecret, expectSound } from './invariants.ts';
import { hookOf, sync } from './scenarios.ts';

export const LATER = '2026-12-03T09:00:00Z';

/**
 * Syncs until the cluster must not change any more, at a later time that would show every needless transition, and checks
 * every response.
 * @param steps how many syncs may write children
 * @returns the last outcome, and whether any sync wrote a child or the status
 */
export async function expectRest(
  service: TestApp,
  cluster: Cluster,
  parent: KubeObject,
  how: Strategy,
  steps: number,
): Promise<SyncOutcome & { changed: boolean }> {
  service.clock.time = LATER;
  const outcomes: SyncOutcome[] = [];
  for (let round = 0; round < steps + 2; round++) {
    const outcome = await sync(cluster, parent, hookOf(service), how);
    expectSound(outcome, LATER);
    expectSecret(outcome, [...service.generated.slice(-4), URL_PASSWORD]);
    expect(outcome.errors).toEqual([]);
    outcomes.push(outcome);
  }
  expect(outcomes.slice(steps).flatMap(({ writes }) => writes)).toEqual([]);
  const last = outcomes.at(-1);
  if (!last) throw new Error('no sync');
  expect(last.statusWritten).toBe(false);
  const changed = outcomes.some(({ writes, statusWritten }) => writes.length > 0 || statusWritten);
  return { ...last, changed };
}
