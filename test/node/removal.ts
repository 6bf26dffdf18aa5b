import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { childKinds, eventually } from '../cluster/expectations.ts';
import { nodeName } from './cluster.ts';
import { type Scene, startBroker, startMeshSync } from './scene.ts';
import type { World } from './world.ts';

/** What remains when resources are deleted: nothing. */
export function removal({ world }: Scene): void {
  const exists = async (namespace: string) => Boolean(await world().kubernetes.get('v1', 'Namespace', namespace));

  it('leaves nothing of a namespace that is deleted while the operator is gone', async () => {
    const of = 'abandoned';
    await startBroker(world(), of);
    await startMeshSync(world(), of);
    await world().kubectl('scale', 'deployment/meshery-operator', '-n', 'meshery', '--replicas=0');
    await world().kubectl('wait', 'pod', '-l', 'component=operator', '-n', 'meshery', '--for=delete', '--timeout=60s');
    await world().kubernetes.delete('v1', 'Namespace', of);
    await eventually(async () => expect(await exists(of)).toBe(false), 90);
    await nothingOnNodes(world());
    await world().kubectl('scale', 'deployment/meshery-operator', '-n', 'meshery', '--replicas=2');
    await world().kubectl('rollout', 'status', 'deployment/meshery-operator', '-n', 'meshery', '--timeout=60s');
  });

  it('leaves nothing after the commands of docs/install.md', async () => {
    await world().documented('docs/install.md', 'kubectl delete -k manifests/samples\n');
    await nothingLeft(world());
    await nothingOnNodes(world());
  });
}

/** Waits until the API server has nothing of an installation in namespace `meshery`. */
export async function nothingLeft(world: World): Promise<void> {
  const { kubernetes } = world;
  await eventually(async () => expect(await kubernetes.get('v1', 'Namespace', 'meshery')).toBeUndefined(), 90);
  for (const [apiVersion, kind] of childKinds) {
    const left = (await kubernetes.list(apiVersion, kind)).map(({ metadata }) => metadata.name);
    expect(left.filter((name) => name.includes('meshery'))).toEqual([]);
  }
  const crds = await kubernetes.list('apiextensions.k8s.io/v1', 'CustomResourceDefinition');
  expect(crds.filter(({ metadata }) => metadata.name.endsWith('meshery.io'))).toEqual([]);
}

/** Waits until the nodes have nothing of pods that are no more, which takes the kubelet up to a minute. */
export async function nothingOnNodes(world: World): Promise<void> {
  await eventually(async () => {
    const pods = await world.kubernetes.list('v1', 'Pod');
    expect(await podsOnNodes(world)).toEqual(pods.map(({ metadata }) => metadata.uid).sort());
  }, 90);
}

/** The uids of the pods that have processes or mounts on a node. */
async function podsOnNodes({ ctr, nodes }: World): Promise<string[]> {
  const found = [...(await readFile('/proc/self/mounts', 'utf8')).matchAll(/\/kubelet\/pods\/([0-9a-f-]+)\//g)].map(
    ([, uid = '']) => uid,
  );
  for (let index = 0; index < nodes; index += 1) {
    const inNode = (...args: string[]) => ctr(nodeName(index), 'containers', ...args);
    for (const id of (await inNode('ls', '--quiet')).split('\n').filter(Boolean)) {
      found.push(JSON.parse(await inNode('info', id)).Labels['io.kubernetes.pod.uid']);
    }
  }
  return [...new Set(found)].sort();
}
