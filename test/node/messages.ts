import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { decode } from '../../src/kubernetes/secrets.ts';
import { eventually } from '../cluster/expectations.ts';
import { startProcess, until } from '../cluster/processes.ts';
import { API_SERVER, inNetwork, nodeName, OUTSIDE } from './cluster.ts';
import { forward } from './forward.ts';
import { patchBroker, type Scene } from './scene.ts';

const OF = 'meshery';

/** What MeshSync publishes reaches a subscriber by every address that a Broker publishes. */
export function messages({ world }: Scene): void {
  const endpoints = async () => {
    const { status } = (await world().kubernetes.get('meshery.io/v1alpha2', 'Broker', 'meshery-broker', OF)) ?? {};
    return status?.endpoint as { internal?: string; external?: string };
  };

  /** Subscribes in a network and expects the message about a new ConfigMap. */
  async function receives(network: string, address: string, name: string): Promise<void> {
    const { kubernetes, directory } = world();
    const { data } = (await kubernetes.get('v1', 'Secret', 'meshery-nats-auth', OF)) ?? {};
    const [command = '', ...args] = inNetwork(
      network,
      process.execPath,
      '--import',
      'tsx',
      'test/node/subscriber.ts',
      address,
    );
    const environment = { ...process.env, TOKEN: decode(data?.token) };
    const subscriber = startProcess(`subscriber-${name}`, command, args, directory, environment);
    const prints = (line: string) =>
      until(line, async () => (await readFile(subscriber.log, 'utf8')).split('\n').includes(line), 20, subscriber);
    try {
      await prints('connected');
      await kubernetes.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: OF } });
      await prints(`ADDED ${name}`);
    } finally {
      await subscriber.stop();
      await kubernetes.delete('v1', 'ConfigMap', name, OF);
    }
  }

  it('reach a subscriber in the cluster through the ClusterIP', async () => {
    const { internal = '' } = await endpoints();
    await receives(nodeName(0), internal, 'by-cluster-ip');
  });

  it('reach a subscriber outside of the cluster through a NodePort', async () => {
    await patchBroker(world(), OF, { service: { type: 'NodePort' } });
    const external = await until('the external endpoint', async () => (await endpoints()).external, 20);
    await receives(OUTSIDE, external, 'by-node-port');
  });

  it('reach a subscriber outside of the cluster through a gateway that the spec names', async () => {
    const { internal = '' } = await endpoints();
    const { hostname, port } = new URL(`nats://${internal}`);
    const gateway = await forward({ host: API_SERVER, port: 0 }, { host: hostname, port: Number(port) });
    const externalEndpointOverride = `${API_SERVER}:${gateway}`;
    await patchBroker(world(), OF, { service: { type: 'ClusterIP', externalEndpointOverride } });
    await eventually(async () => expect((await endpoints()).external).toBe(externalEndpointOverride));
    await receives(OUTSIDE, externalEndpointOverride, 'by-override');
    await patchBroker(world(), OF, { service: { externalEndpointOverride: null } });
  });
}
