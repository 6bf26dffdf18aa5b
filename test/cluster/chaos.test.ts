import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { broker, childKinds, eventually, isReady, meshSync, names, namespace } from './expectations.ts';
import { metacontrollerBinary } from './metacontroller.ts';
import { startOperator } from './operator.ts';
import { until } from './processes.ts';
import { startWorld, type World } from './world.ts';

const OF = 'chaos';
const PAIRS = 50;

describe.each(metacontrollerBinary() ? (['server-side-apply', 'test-double'] as const) : (['test-double'] as const))(
  'a cluster driven by %s, in which one program after the other is killed',
  (name) => {
    let world: World;
    let failed = false;
    beforeAll(async () => {
      world = await startWorld(name, () => {});
    });
    afterAll(() => world?.stop(failed));

    /** All objects of our kinds in the namespace, except those that Kubernetes itself creates in each namespace. */
    async function objects(): Promise<string[]> {
      const kinds = [...childKinds, ['meshery.io/v1alpha2', 'Broker'], ['meshery.io/v1alpha2', 'MeshSync']] as const;
      const lists = kinds.map(async ([apiVersion, kind]) => {
        const list = await world.kubernetes.list(apiVersion, kind, OF);
        return list.map((object) => ({ ...object, kind }));
      });
      const all = names((await Promise.all(lists)).flat());
      return all.filter((object) => !['ConfigMap/kube-root-ca.crt', 'ServiceAccount/default'].includes(object));
    }

    it(`has exactly the desired objects after ${PAIRS} creations and deletions`, async () => {
      onTestFailed(() => {
        failed = true;
      });
      const { kubernetes, controlPlane } = world;
      await namespace(kubernetes, OF);
      const pair = (n: number) => [broker(OF, `p${n}-broker`), meshSync(OF, `p${n}-meshsync`, `p${n}-broker`)];
      const deletes = (n: number) => n % 2 === 0;
      /** Repeats a call until the API server is available. */
      const carriedOut = (work: () => Promise<unknown>) => until('the API server', () => work().then(() => true), 90);

      let killed = 0;
      const kill = async () => {
        const program = killed % 3;
        killed += 1;
        if (program === 0) {
          await world.operator.process.stop('SIGKILL');
          world.operator = await startOperator(controlPlane.directory);
        }
        if (program === 1) await world.restartDriver();
        if (program === 2) await controlPlane.restartApiServer();
      };
      let killing = Promise.resolve();
      for (let n = 0; n < PAIRS + 10; n++) {
        if (n % 6 === 3) {
          await killing; // one at a time, while the pairs are created and deleted
          killing = kill();
        }
        if (n < PAIRS) for (const object of pair(n)) await carriedOut(() => kubernetes.apply(object));
        const old = n - 10;
        if (old >= 0 && deletes(old)) {
          for (const { apiVersion, kind, metadata } of pair(old)) {
            await carriedOut(() => kubernetes.delete(apiVersion, kind, metadata.name, OF));
          }
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await killing;
      expect(killed).toBeGreaterThanOrEqual(9);

      const left = Array.from({ length: PAIRS }, (_, n) => n).filter((n) => !deletes(n));
      for (const n of left) for (const object of pair(n)) await isReady(kubernetes, object, 'Ready', 120);
      const desired = left.flatMap((n) => [
        ...[
          `Broker/p${n}-broker`,
          `MeshSync/p${n}-meshsync`,
          `Secret/p${n}-nats-auth`,
          `Secret/p${n}-nats-server`,
          `ConfigMap/p${n}-nats-config`,
        ],
        ...[`Service/p${n}-nats`, `Service/p${n}-nats-headless`, `StatefulSet/p${n}-nats`],
        ...[`ServiceAccount/p${n}-meshsync`, `Deployment/p${n}-meshsync`],
      ]);
      await eventually(async () => expect(await objects()).toEqual(desired.sort()), 120);
      // A sync that sees neither the status of a new Broker nor its Secrets of a moment ago, as while the API server is killed,
      // generates other ones, which is one more write each.
      for (const { metadata } of [
        ...(await kubernetes.list('apps/v1', 'StatefulSet', OF)),
        ...(await kubernetes.list('apps/v1', 'Deployment', OF)),
      ]) {
        expect(metadata.generation, metadata.name).toBeLessThanOrEqual(4);
      }
    }, 600_000);
  },
);
