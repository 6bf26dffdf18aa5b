import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { allObjects, identity, isMigrated, templates } from '../cluster/cli/old-cluster.ts';
import { broker, eventually, meshSync, namespace } from '../cluster/expectations.ts';
import { goOperatorBinary } from '../cluster/go-operator.ts';
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { kustomize } from '../cluster/registration.ts';
import { applyPatiently } from '../cluster/world.ts';
import { cli } from '../support/built.ts';
import { definitions, installed, NAMESPACE, recorded } from '../support/go-operator.ts';
import { processes } from './processes.ts';
import { nothingLeft } from './removal.ts';
import { client, gap, LONGEST_GAP, type Scene } from './scene.ts';

/** From a cluster with Meshery's Go operator, which runs in a pod, to one with this operator, by the command line. */
export function migration(scene: Scene): void {
  const { world, measured } = scene;
  if (!goOperatorBinary()) {
    it.skip('from the Go operator: set GO_OPERATOR to the path of one of 1.0.5', () => {});
    return;
  }

  /** Installs the Go operator as its kustomization does, with the Broker and the MeshSync of its samples. */
  async function installGoOperator(): Promise<void> {
    const { kubernetes, kubectl } = world();
    await kubernetes.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    for (const object of [...definitions(), ...installed('kustomize')]) await kubernetes.apply(object);
    await kubectl('rollout', 'status', 'deployment/meshery-operator', '-n', NAMESPACE, '--timeout=90s');
    const started = Date.now();
    for (const { kind, metadata, spec } of [...recorded('brokers.meshery.io'), ...recorded('meshsyncs.meshery.io')]) {
      const { name, namespace, labels } = metadata;
      await applyPatiently(kubernetes, {
        ...{ apiVersion: 'meshery.io/v1alpha1', kind, metadata: { name, namespace, labels }, spec },
      });
    }
    await podsReady(NAMESPACE, 'Go operator', started);
    const own = (await processes()).filter(({ pod, command }) => pod && /^\/manager\b/.test(command));
    expect(own).toHaveLength(1);
    measured(
      'memory',
      'Go operator, with a new Broker and MeshSync',
      Number.parseInt(own[0]?.status.VmRSS ?? '', 10) / 1024,
    );
    await eventually(async () => {
      for (const kind of ['Broker', 'MeshSync']) {
        const [resource] = await kubernetes.list('meshery.io/v1alpha2', kind, NAMESPACE);
        const ready = resource?.status?.conditions?.find(({ type }) => type === 'Ready');
        expect(ready?.reason, kind).toBe('ReconciliationSuccessful');
      }
    }, 60);
  }

  /** Waits until the pods of a new pair are ready, and adds to the table how long that took. */
  async function podsReady(of: string, by: string, started: number): Promise<void> {
    await eventually(async () => {
      const pods = (await podsOfPair(of)).flatMap(({ status }) => status?.containerStatuses ?? []);
      expect(pods.filter(({ ready }: { ready: boolean }) => ready)).toHaveLength(3);
      expect(pods).toHaveLength(3);
      measured('times', `${by}: pods of a new Broker and MeshSync are ready`, (Date.now() - started) / 1_000);
    }, 180);
  }

  const podsOfPair = async (of: string) =>
    (await world().kubernetes.list('v1', 'Pod', of)).filter(
      ({ metadata: { labels = {} } }) => labels.component === 'meshsync' || labels['app.kubernetes.io/name'] === 'nats',
    );

  /** A file that installs this operator, and registers it with the Metacontroller of the cluster. */
  async function installFile(): Promise<string> {
    const objects = [...(await kustomize('manifests')), ...(await kustomize('metacontroller'))];
    const file = join(world().directory, 'install.json');
    await writeFile(file, objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    return file;
  }

  /** Runs the command line, and returns what it prints; fails with its error output. */
  async function migrate(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await cli(['migrate', ...args, '--kubeconfig', world().kubeconfig]);
    if (code !== 0) throw new Error(`migrate ${args[0]} ended with ${code}: ${stderr}`);
    return `${stdout}${stderr}`;
  }

  it('keeps resources, token and addresses, replaces each pod once, and leaves nothing of the Go operator', async () => {
    const { kubernetes } = world();
    await installGoOperator();
    await gap(scene, NAMESPACE, '1 server of the Go operator: a pod is deleted', async () => {
      const [pod] = (await podsOfPair(NAMESPACE)).filter(({ metadata }) => metadata.name === 'meshery-nats-0');
      await kubernetes.delete('v1', 'Pod', 'meshery-nats-0', NAMESPACE);
      await eventually(async () => {
        const now = await kubernetes.get('v1', 'Pod', 'meshery-nats-0', NAMESPACE);
        expect(now && now.metadata.uid !== pod?.metadata.uid && isPodReady(now)).toBe(true);
      }, 120);
    });
    const before = await identity(world());
    expect(await templates(world())).toEqual({ nats: 1, meshSync: 1 });
    const fieldManagers = (
      (await allObjects(world())).get('StatefulSet/meshery-nats')?.metadata.managedFields ?? []
    ).map((entry) => (entry as { manager: string }).manager);
    expect(fieldManagers).toContain('meshery-operator-broker');

    const pods = new Map<string, string>();
    const stop = await kubernetes.watch('v1', 'Pod', NAMESPACE, (_, { metadata }) => {
      const { component, 'app.kubernetes.io/name': name } = metadata.labels ?? {};
      if (component === 'meshsync' || name === 'nats')
        pods.set(metadata.uid ?? '', component === 'meshsync' ? 'meshSync' : 'nats');
    });
    const plan = await migrate('plan');
    const file = await installFile();
    let output = '';
    const started = Date.now();
    const longest = await gap(scene, NAMESPACE, '1 server: it is migrated from the Go operator', async () => {
      output = await migrate('apply', '--yes', '--manifests', file);
    });
    measured('times', 'migration from the Go operator', (Date.now() - started) / 1_000);
    stop();
    expect(output).toContain('nothing of the Go operator is left');
    expect(longest).toBeLessThan(LONGEST_GAP.one);

    await isMigrated(world());
    expect(await identity(world())).toEqual(before);
    expect(await templates(world())).toEqual({ nats: 2, meshSync: 2 });
    expect([...pods.values()].sort()).toEqual(['meshSync', 'meshSync', 'nats', 'nats']);
    const running = await kubernetes.list('v1', 'Pod', NAMESPACE);
    const restarted = running.flatMap(({ metadata, status }) =>
      (status?.containerStatuses ?? [])
        .filter(({ restartCount }: { restartCount: number }) => restartCount > 0)
        .map((container: { name: string; lastState: object }) => ({ pod: metadata.name, ...container })),
    );
    expect(restarted).toEqual([]);
    expect(`${plan}${output}`).not.toContain(before.token);
  });

  it('starts a new pair in a namespace of its own', async () => {
    const { kubernetes } = world();
    const of = await namespace(kubernetes, 'new-pair');
    const started = Date.now();
    await kubernetes.apply(broker(of, 'meshery-broker'));
    await kubernetes.apply(meshSync(of, 'meshery-meshsync'));
    await podsReady(of, 'this operator', started);
    await kubernetes.delete('v1', 'Namespace', of);
  });

  it('passes on what MeshSync publishes afterwards', async () => {
    const subscriber = await client(world(), NAMESPACE);
    try {
      const received: string[] = [];
      subscriber.subscribe('meshery.meshsync.core', {
        callback: (_, message) => {
          received.push(message.string());
        },
      });
      await subscriber.flush();
      await world().kubernetes.apply({
        ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'after-migration', namespace: 'default' } },
      });
      await eventually(async () => expect(received.join()).toContain('after-migration'), 60);
    } finally {
      await subscriber.close();
    }
  });

  it('leaves nothing after the commands of docs/install.md', async () => {
    await world().documented('docs/install.md', 'kubectl delete -k manifests/samples\n');
    await nothingLeft(world());
  });
}

function isPodReady({ status }: KubernetesObject): boolean {
  return (status?.conditions ?? []).some(
    ({ type, status: value }: { type: string; status: string }) => type === 'Ready' && value === 'True',
  );
}
