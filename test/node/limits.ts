import { expect, it } from 'vitest';
import { broker, eventually, isReady, meshSync, namespace } from '../cluster/expectations.ts';
import { patchBroker, type Scene, startBroker } from './scene.ts';

const SMALL = { resources: { requests: { cpu: '20m', memory: '16Mi' } } };

/** The most of everything that is accepted. */
export function limits({ world }: Scene): void {
  /** Every server of a namespace has a route to each other one, and none of their containers has been restarted. */
  async function formOneCluster(of: string, size: number): Promise<void> {
    const all = await world().kubernetes.list('v1', 'Pod', of);
    const pods = all.filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] === 'nats');
    expect(pods).toHaveLength(size);
    for (const { metadata, status } of pods) {
      const routez = await (await fetch(`http://${status?.podIP}:8222/routez`)).json();
      const remotes = (routez as { routes: { remote_name: string }[] }).routes.map((route) => route.remote_name);
      const others = pods.map((pod) => pod.metadata.name).filter((name) => name !== metadata.name);
      expect([...new Set(remotes)].sort()).toEqual(others.sort());
      expect(status?.containerStatuses?.map(({ restartCount }: { restartCount: number }) => restartCount)).toEqual([
        0, 0,
      ]);
    }
  }

  const remove = (of: string) => world().kubernetes.delete('v1', 'Namespace', of);
  const apply = (object: object, seconds = 60) =>
    world()
      .kubernetes.apply(object)
      .then((applied) => isReady(world().kubernetes, applied, 'Ready', seconds));

  it('ten servers form one cluster, and shrink to one', async () => {
    const of = 'ten-servers';
    await startBroker(world(), of, { size: 10, ...SMALL });
    await eventually(() => formOneCluster(of, 10));
    await patchBroker(world(), of, { size: 1 });
    await eventually(async () => expect(await world().kubernetes.list('v1', 'Pod', of)).toHaveLength(1), 170);
    await remove(of);
  }, 300_000);

  it('ten Brokers of a namespace have servers of their own', async () => {
    const of = await namespace(world().kubernetes, 'ten-brokers');
    const names = Array.from({ length: 10 }, (_, index) => `number-${index}`);
    await Promise.all(names.map((name) => apply(broker(of, name, SMALL))));
    const services = await world().kubernetes.list('v1', 'Service', of);
    const addresses = services.map(({ spec }) => spec.clusterIP).filter((address) => address !== 'None');
    expect(new Set(addresses).size).toBe(10);
    for (const name of names) {
      const { spec } = services.find(({ metadata }) => metadata.name === `${name}-nats`) ?? {};
      const server = async () =>
        (await (await fetch(`http://${spec?.clusterIP}:8222/varz`)).json()) as { server_name: string };
      await eventually(async () => expect((await server()).server_name).toBe(`${name}-nats-0`));
    }
    await remove(of);
  });

  it('names of the greatest length are ready, and longer ones are reported', async () => {
    const of = await namespace(world().kubernetes, 'n'.repeat(63));
    // The suffix is no part of the names of what belongs to a Broker. The name of a pod ends after the dot.
    const [longest, meshSyncName] = [`${'b'.repeat(47)}-broker`, `${'m'.repeat(57)}.mmmmm`];
    await apply(broker(of, longest, { size: 3, ...SMALL }));
    // They find each other by names in DNS.
    await eventually(() => formOneCluster(of, 3));
    await apply(meshSync(of, meshSyncName, longest));
    for (const longer of [broker(of, `b${longest}`, SMALL), meshSync(of, `${meshSyncName}m`, longest)]) {
      await isReady(world().kubernetes, await world().kubernetes.apply(longer), 'InvalidSpec');
    }
    await remove(of);
  });
}
