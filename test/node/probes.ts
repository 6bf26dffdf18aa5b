import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../cluster/expectations.ts';
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { patchBroker, type Scene, startBroker } from './scene.ts';

const OPERATOR = 'meshery';
const DEPLOYMENT = ['deployment/meshery-operator', '-n', OPERATOR];

/** Programs that hang, need too much memory or restart: what kubelet does about it, and that no change is lost meanwhile. */
export function probes({ world, measured }: Scene): void {
  const seconds = (since: number) => (Date.now() - since) / 1_000;
  const container = async (name: string, of: string) => {
    const { status } = (await world().kubernetes.get('v1', 'Pod', name, of)) ?? {};
    return status?.containerStatuses?.[0] as { restartCount: number; lastState: { terminated?: { reason: string } } };
  };
  /** Addresses of the pods that a Service leads to. */
  const addresses = async (service: string, of: string): Promise<string[]> => {
    const slices = (await world().kubernetes.list('discovery.k8s.io/v1', 'EndpointSlice', of)) as Slice[];
    return slices
      .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service)
      .flatMap(({ endpoints }) => endpoints ?? [])
      .flatMap((endpoint) => (endpoint.conditions.ready ? endpoint.addresses : []));
  };

  it('a NATS server that hangs gets no connections any more, and is restarted', async () => {
    const of = 'hanging';
    const name = 'meshery-nats-1';
    await startBroker(world(), of, { size: 3, resources: { requests: { cpu: '50m', memory: '32Mi' } } });
    const { status } = (await world().kubernetes.get('v1', 'Pod', name, of)) ?? {};
    await eventually(async () => expect(await addresses('meshery-nats', of)).toContain(status?.podIP));
    const since = Date.now();
    await world().signal({ namespace: of, name, container: 'nats' }, 'SIGSTOP');
    await eventually(async () => expect(await addresses('meshery-nats', of)).not.toContain(status?.podIP), 60);
    measured('times', 'a NATS server hangs: until it gets no more connections', seconds(since));
    await eventually(async () => expect((await container(name, of)).restartCount).toBe(1), 180);
    measured('times', 'a NATS server hangs: until it is restarted', seconds(since));
    await eventually(async () => expect(await addresses('meshery-nats', of)).toContain(status?.podIP), 60);
    for (const other of ['meshery-nats-0', 'meshery-nats-2']) {
      expect((await container(other, of)).restartCount).toBe(0);
    }
    await world().kubernetes.delete('v1', 'Namespace', of);
  }, 300_000);

  describe('the operator', () => {
    const of = 'watched';
    let change = 0;
    const pods = async () => {
      const all = await world().kubernetes.list('v1', 'Pod', OPERATOR);
      return all.filter(({ metadata }) => metadata.labels?.component === 'operator');
    };
    const restarts = async () => {
      const counts = (await pods()).map(({ status }) => status?.containerStatuses?.[0]?.restartCount ?? 0);
      return counts.reduce((sum, count) => sum + count, 0);
    };
    /** Changes the Broker, and returns how to wait until that has taken effect. */
    const changed = async () => {
      change += 1;
      const during = `${change}`;
      await patchBroker(world(), of, { service: { annotations: { 'example.com/during': during } } });
      return () =>
        eventually(async () => {
          const service = await world().kubernetes.get('v1', 'Service', 'meshery-nats', of);
          expect(service?.metadata.annotations?.['example.com/during']).toBe(during);
        }, 120);
    };
    const stop = async ({ metadata: { name } }: KubernetesObject) =>
      world().signal({ namespace: OPERATOR, name, container: 'manager' }, 'SIGSTOP');

    beforeAll(() => startBroker(world(), of));
    afterAll(() => world().kubernetes.delete('v1', 'Namespace', of));

    it('applies a change while one of its pods hangs', async () => {
      const [first] = await pods();
      const before = await restarts();
      if (first) await stop(first);
      const since = Date.now();
      await (await changed())();
      measured('times', 'one pod of the operator hangs: until a change takes effect', seconds(since));
      await eventually(async () => expect(await restarts()).toBe(before + 1), 120);
    });

    it('applies a change that was made while all its pods hung', async () => {
      const before = await restarts();
      for (const pod of await pods()) await stop(pod);
      const since = Date.now();
      await (await changed())();
      measured('times', 'all pods of the operator hang: until a change takes effect', seconds(since));
      await eventually(async () => expect(await restarts()).toBe(before + 2), 60);
    });

    it('applies a change that was made while it was killed for its memory', async () => {
      await world().kubectl('set', 'resources', ...DEPLOYMENT, '--requests=memory=24Mi', '--limits=memory=24Mi');
      await eventually(async () => {
        const states = (await pods()).map(
          ({ status }) => status?.containerStatuses?.[0]?.lastState?.terminated?.reason,
        );
        expect(states).toContain('OOMKilled');
      }, 90);
      const applied = await changed();
      await world().kubectl('rollout', 'undo', ...DEPLOYMENT);
      const since = Date.now();
      await applied();
      measured('times', 'the operator had no memory: until a change takes effect', seconds(since));
    });

    it('applies every change that is made while it is replaced', async () => {
      await world().kubectl('rollout', 'restart', ...DEPLOYMENT);
      let applied = await changed();
      for (let second = 0; second < 10; second += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        applied = await changed();
      }
      await applied();
    });
  });
}

interface Slice extends KubernetesObject {
  endpoints?: { addresses: string[]; conditions: { ready: boolean } }[];
}
