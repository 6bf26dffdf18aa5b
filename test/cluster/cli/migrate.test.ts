import { describe, expect, it } from 'vitest';
import type { Connection } from '../../../src/cli/cluster/connection.ts';
import { gather } from '../../../src/cli/migrate/gather.ts';
import { planOf } from '../../../src/cli/migrate/plan.ts';
import { refusalOf, rollbackStepsOf } from '../../../src/cli/migrate/rollback.ts';
import { type RunOptions, run } from '../../../src/cli/migrate/run.ts';
import { stepsOf } from '../../../src/cli/migrate/steps.ts';
import type { Strategy } from '../../stand-in/metacontroller.ts';
import { cli } from '../../support/built.ts';
import type { Installation } from '../../support/go-operator.ts';
import { eventually } from '../expectations.ts';
import { identity, isMigrated, oldCluster, refusals, state, templates } from './old-cluster.ts';

const STEPS = [
  'copies',
  'stop',
  'definitions',
  'finalizers',
  'children',
  'room',
  'install',
  'brokers',
  'meshsyncs',
  'rest',
];

const silent = { timeoutMs: 90_000, progress: () => {} };

class Interruption extends Error {}

/**
 * Runs steps again and again, each time until a change was made, and then the connection breaks.
 * @returns how often it broke
 */
async function runInPieces(connection: Connection, options: RunOptions): Promise<number> {
  // What has been applied of the files is applied again by each run, and changes nothing any more.
  const applied = new Set<string>();
  for (let interruptions = 0; ; interruptions += 1) {
    let made = 0;
    const count = () => {
      if (made === 1) throw new Interruption();
      made += 1;
    };
    const breaking: Connection = {
      ...connection,
      create: async (...args) => {
        count();
        return connection.create(...args);
      },
      patch: async (...args) => {
        const [{ resource }, name, { type }] = args;
        const key = `${type} ${resource}/${name}`;
        if (type !== 'apply' || !applied.has(key)) count();
        applied.add(key);
        return connection.patch(...args);
      },
      remove: async (...args) => {
        count();
        return connection.remove(...args);
      },
    };
    const isDone = await run(breaking, options).then(
      () => true,
      (error) => {
        if (!(error instanceof Interruption)) throw error;
        return false;
      },
    );
    if (isDone) return interruptions;
  }
}

const SCENARIOS: [Installation, Strategy][] = [
  ['chart', 'server-side-apply'],
  ['kustomize', 'server-side-apply'],
  ['chart', 'dynamic-apply'],
];

describe.each(SCENARIOS)('a cluster whose Go operator was installed by its %s, with %s', (by, strategy) => {
  it('is migrated, though each run is interrupted after one change', async (context) => {
    const { controlPlane, connection, manifests, log } = await oldCluster(context, { by, strategy });
    const before = await identity(controlPlane);
    expect(await templates(controlPlane)).toEqual({ nats: 1, meshSync: 1 });
    const interruptions = await runInPieces(connection, { ...silent, scope: { manifests }, steps: stepsOf });
    expect(interruptions).toBeGreaterThan(40);
    await isMigrated(controlPlane);
    expect(await identity(controlPlane)).toEqual(before);
    expect(await templates(controlPlane)).toEqual({ nats: 2, meshSync: 2 });
    expect(await refusals(log)).toEqual([]);
    const facts = await gather(connection, {});
    expect(planOf(facts)).toMatchObject({ isComplete: true, obstacles: [] });
    expect(refusalOf(facts)).toMatch(/is complete/);
  });

  it('is as it was after a rollback from each step but the last', async (context) => {
    const { controlPlane, connection, manifests, goOperator } = await oldCluster(context, { by, strategy });
    const before = await identity(controlPlane);
    const old = await state(controlPlane);
    const scope = { manifests };
    for (const last of STEPS.slice(0, -1)) {
      const afterStep = (name: string) => {
        if (name === last) throw new Interruption();
      };
      await expect(run(connection, { ...silent, scope, steps: stepsOf, afterStep })).rejects.toThrow(Interruption);
      const rollback = { ...silent, scope: {}, steps: rollbackStepsOf };
      // From the last one that can be undone, in pieces: it has the most to undo.
      if (last === 'meshsyncs') expect(await runInPieces(connection, rollback)).toBeGreaterThan(20);
      else await run(connection, rollback);
      await run(connection, rollback);
      await goOperator.works();
      await eventually(async () => expect(await state(controlPlane), last).toEqual(old), 60);
      expect(await identity(controlPlane), last).toEqual(before);
    }
    await run(connection, { ...silent, scope, steps: stepsOf });
    await isMigrated(controlPlane);
    expect(await identity(controlPlane)).toEqual(before);
  });
});

it('prints a plan that changes nothing, and migrates in one run', async (context) => {
  const { controlPlane, file, log } = await oldCluster(context, { by: 'chart' });
  const migrate = (...args: string[]) => cli(['migrate', ...args, '--kubeconfig', controlPlane.kubeconfig]);
  const before = await state(controlPlane);
  const { token } = await identity(controlPlane);
  const { stdout: text } = await migrate('plan');
  const plan = JSON.parse((await migrate('plan', '-o', 'json')).stdout);
  expect(plan.steps.map(({ name }: { name: string }) => name)).toEqual(STEPS);
  expect(plan.obstacles).toEqual([]);
  expect(text).toContain("Meshery's Go operator 1.0.5: Deployment meshery/meshery-operator");
  expect(text).toContain(
    '    make the fields of meshery-operator-broker in StatefulSet meshery/meshery-nats those of metacontroller, then label it as that of Broker meshery-broker\n',
  );
  expect(await migrate('apply')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
  expect(await state(controlPlane)).toEqual(before);

  const { code, stdout, stderr } = await migrate('apply', '--yes', '--manifests', file);
  expect(stderr).toContain('nothing of the Go operator is left');
  expect(code).toBe(0);
  expect(`${stdout}${stderr}${text}`).not.toContain(token);
  await isMigrated(controlPlane);
  expect(await templates(controlPlane)).toEqual({ nats: 2, meshSync: 2 });
  expect(await refusals(log)).toEqual([]);
  const again = await migrate('apply', '--yes');
  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing to do') });
  expect(await migrate('rollback', '--yes')).toMatchObject({ code: 1 });
});
