import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Strategy } from '../../stand-in/metacontroller.ts';
import { broker, isReady, meshSync } from '../expectations.ts';
import type { KubernetesObject } from '../kubernetes.ts';
import { startWorld, type World } from '../world.ts';

/** A world in which nothing is wrong: Metacontroller is there as an object too, and a Broker and a MeshSync are ready. */
export async function startInstallation(log: (line: string) => void): Promise<World> {
  const world = await startWorld('test-double', log);
  const resources = [broker('meshery', 'meshery-broker'), meshSync('meshery', 'meshery-meshsync')];
  for (const object of [metacontroller('StatefulSet', 'metacontroller'), ...resources]) {
    await world.kubernetes.apply(object);
  }
  for (const object of resources) await isReady(world.kubernetes, object);
  await isReadyWorkload(world, 'StatefulSet', 'metacontroller', 'metacontroller');
  await isReadyWorkload(world, 'Deployment', 'meshery-operator', 'meshery');
  return world;
}

async function isReadyWorkload({ kubernetes }: World, kind: string, name: string, namespace: string): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    const { spec, status } = (await kubernetes.get('apps/v1', kind, name, namespace)) ?? {};
    if (status?.availableReplicas === spec?.replicas) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${kind} ${name} is not ready`);
}

/** A Metacontroller that does nothing, with the flags that this repository recommends but for its strategy. */
export function metacontroller(
  kind: 'StatefulSet' | 'Deployment',
  name: string,
  strategy: Strategy = 'server-side-apply',
): KubernetesObject {
  const { commandArgs } = parse(readFileSync('metacontroller/install/values.yaml', 'utf8'));
  const flag = '--apply-strategy=';
  const args = commandArgs.map((arg: string) => (arg.startsWith(flag) ? `${flag}${strategy}` : arg));
  const labels = { 'app.kubernetes.io/name': name };
  const container = {
    name: 'metacontroller',
    image: 'ghcr.io/metacontroller/metacontroller:v4.17.2',
    args,
  };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: 'metacontroller' },
    spec: {
      ...(kind === 'StatefulSet' && { serviceName: '' }),
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { serviceAccountName: 'metacontroller', containers: [container] } },
    },
  };
}
