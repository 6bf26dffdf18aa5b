import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventually, isReady } from '../cluster/expectations.ts';
import type { KubernetesObject } from '../cluster/kubernetes.ts';
import { sandbox } from './sandbox.ts';
import { client, patchBroker, type Scene, startBroker } from './scene.ts';

const run = promisify(execFile);
const OF = 'jetstream';
const STREAM = { name: 'events', subjects: ['events'] };
const POD = { namespace: OF, name: 'meshery-nats-0', container: 'nats' };

/** Streams on volumes: a file system of a limited size, whose storage driver is this test. */
export function jetStream({ world }: Scene): void {
  const volume = () => join(sandbox(), 'volume');
  const pod = async () => {
    const { metadata, status } = (await world().kubernetes.get('v1', 'Pod', POD.name, OF)) ?? {};
    const nats = status?.containerStatuses?.find(({ name }: { name: string }) => name === 'nats');
    return { uid: metadata?.uid, restarts: nats?.restartCount };
  };
  const reason = async (type: string) => {
    const { status } = (await world().kubernetes.get('meshery.io/v1alpha2', 'Broker', 'meshery-broker', OF)) ?? {};
    return status?.conditions?.find((condition) => condition.type === type)?.reason;
  };

  let connection: NatsConnection;
  /** The sequence numbers of all messages that were acknowledged. */
  const acknowledged: number[] = [];

  beforeAll(async () => {
    await mkdir(volume());
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=0777', 'tmpfs', volume()]);
    const metadata = { name: 'limited' };
    await world().kubernetes.apply({
      ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata, allowVolumeExpansion: true },
      ...{ provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' },
    });
    await world().kubernetes.apply({
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata },
      spec: {
        ...{ capacity: { storage: '64Mi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'limited' },
        hostPath: { path: volume(), type: 'Directory' },
      },
    });
    await startBroker(world(), OF, { jetstream: { fileStore: { size: '64Mi', storageClassName: 'limited' } } });
    const starting = await client(world(), OF);
    await (await jetstreamManager(starting)).streams.add({ ...STREAM, discard: 'new' });
    await starting.close();
  }, 120_000);
  afterAll(async () => {
    await world().kubernetes.delete('v1', 'Namespace', OF);
    await world().kubernetes.delete('v1', 'PersistentVolume', 'limited');
    await world().kubernetes.delete('storage.k8s.io/v1', 'StorageClass', 'limited');
    await eventually(async () => void (await run('umount', [volume()])), 90);
  }, 120_000);
  beforeEach(async () => {
    connection = await client(world(), OF);
  });
  afterEach(() => connection.close());

  /** Publishes messages one after another, in so many KiB each, until so many are acknowledged or one is refused. */
  async function publish(count: number, kibibytes: number): Promise<Error | undefined> {
    const payload = new Uint8Array(kibibytes * 1024);
    for (let sent = 0; sent < count; ) {
      try {
        acknowledged.push((await jetstream(connection).publish(STREAM.name, payload, { timeout: 2_000 })).seq);
        sent += 1;
      } catch (error) {
        // While the server is away, nobody answers.
        if (error instanceof Error && error.name === 'JetStreamApiError') return error;
      }
    }
    return undefined;
  }

  /** Every acknowledged message is there. A server that has lost some gives their sequence numbers to later ones. */
  async function nothingLost(): Promise<void> {
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    const { streams } = await jetstreamManager(connection);
    for (const seq of acknowledged) expect((await streams.getMessage(STREAM.name, { seq }))?.seq).toBe(seq);
  }

  it('keep what was acknowledged when their server is killed', async () => {
    const before = await pod();
    let restarted = false;
    const publishing = (async () => {
      while (!restarted) expect(await publish(10, 1)).toBeUndefined();
    })();
    await eventually(async () => expect(acknowledged.length).toBeGreaterThan(100));
    await world().signal(POD, 'SIGKILL');
    await eventually(async () => expect(await pod()).toEqual({ ...before, restarts: before.restarts + 1 }));
    restarted = true;
    await publishing;
    await nothingLost();
  });

  it('refuse messages before their volume is full, and accept them again when there is room', async () => {
    const before = await pod();
    const refusal = await publish(1_000, 256);
    expect(refusal?.message).toMatch(/resource|storage/);
    // What was written is on the volume, three quarters of it.
    const { bavail, blocks, bsize } = await statfs(volume());
    expect(bavail * bsize).toBeGreaterThan(8 * 2 ** 20);
    expect((blocks - bavail) * bsize).toBeGreaterThan(40 * 2 ** 20);
    await nothingLost();
    expect(await reason('Ready')).toBe('Ready');
    expect(await pod()).toEqual(before);
    // What kubelet asks, too, answers as before.
    const { spec } = (await world().kubernetes.get('v1', 'Pod', POD.name, OF)) ?? {};
    const nats = spec?.containers.find(({ name }: { name: string }) => name === POD.container);
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      const { path } = nats[probe].httpGet;
      expect((await fetch(`http://${await address()}:8222${path}`)).status, path).toBe(200);
    }
    const { streams } = await jetstreamManager(connection);
    await streams.purge(STREAM.name);
    acknowledged.length = 0;
    expect(await publish(100, 256)).toBeUndefined();
  });

  it('have more room after their volume has grown as the documentation says, without a restart', async () => {
    const before = await pod();
    await patchBroker(world(), OF, { jetstream: { fileStore: { size: '128Mi' } } });
    await eventually(async () => expect(await reason('SpecApplied')).not.toBe('Applied'));
    // Before the volume has grown, streams may not have what it has not.
    const configuration = await world().kubernetes.get('v1', 'ConfigMap', 'meshery-nats-config', OF);
    expect(configuration?.data?.['nats.conf']).toContain(`max_file_store: ${48 * 2 ** 20}\n`);
    await Promise.all([
      world().documented('docs/production.md', 'for claim in ', (text) =>
        text
          .replaceAll('-n meshery ', `-n ${OF} `)
          .replaceAll(/-n meshery$/gm, `-n ${OF}`)
          .replaceAll('20Gi', '128Mi'),
      ),
      grow('128Mi'),
    ]);
    await eventually(async () => expect(await reason('SpecApplied')).toBe('Applied'), 90);
    await isReady(world().kubernetes, { kind: 'Broker', metadata: { name: 'meshery-broker', namespace: OF } });
    await eventually(async () => expect(await mostStorage()).toBe(96 * 2 ** 20), 90);
    // 25 MiB are there, and 48 were the limit.
    expect(await publish(240, 256)).toBeUndefined();
    await nothingLost();
    expect(await pod()).toEqual(before);
  }, 240_000);

  it('come back from a backup by the commands of the documentation', async () => {
    const folder = await mkdtemp(join(world().directory, 'backup-'));
    const here = (text: string) => `cd ${folder}\n${text.replaceAll(/-n meshery\b/g, `-n ${OF}`)}`;
    const terminal = new AbortController();
    const forwarding = world()
      .documented(
        'docs/production.md',
        'kubectl port-forward service/meshery-nats -n meshery 4222',
        (text) => here(`exec ${text}`),
        terminal.signal,
      )
      .catch(() => undefined);
    try {
      await eventually(
        async () =>
          void (await world().documented(
            'docs/production.md',
            "export NATS_URL=localhost:4222\nexport NATS_TOKEN=$(kubectl get secret meshery-nats-auth -n meshery -o jsonpath='{.data.token}' | base64 -d)\nnats account backup",
            here,
          )),
        60,
      );
      const { streams } = await jetstreamManager(connection);
      await streams.delete(STREAM.name);
      await world().documented(
        'docs/production.md',
        "export NATS_URL=localhost:4222\nexport NATS_TOKEN=$(kubectl get secret meshery-nats-auth -n meshery -o jsonpath='{.data.token}' | base64 -d)\nnats account restore",
        here,
      );
      await nothingLost();
    } finally {
      terminal.abort();
      await forwarding;
    }
  }, 240_000);

  /** The limit of storage that the server has, in bytes. */
  async function mostStorage(): Promise<number> {
    const { config } = (await (await fetch(`http://${await address()}:8222/jsz`)).json()) as {
      config: { max_storage: number };
    };
    return config.max_storage;
  }

  const address = async () => (await world().kubernetes.get('v1', 'Pod', POD.name, OF))?.status?.podIP;

  /** What a storage driver does once a claim asks for more: it expands the volume, and writes that into both objects. */
  async function grow(storage: string): Promise<void> {
    const { kubernetes, kubectl } = world();
    const claim = async () => kubernetes.get('v1', 'PersistentVolumeClaim', `data-${POD.name}`, OF);
    await eventually(async () => expect((await claim())?.spec.resources.requests.storage).toBe(storage));
    await run('mount', ['-o', 'remount,size=128m', volume()]);
    const patch = (object: Partial<KubernetesObject>) => ['--type=merge', '--patch', JSON.stringify(object)];
    await kubectl('patch', 'pv', 'limited', ...patch({ spec: { capacity: { storage } } }));
    const status = { status: { capacity: { storage } } };
    await kubectl('patch', 'pvc', `data-${POD.name}`, '-n', OF, '--subresource=status', ...patch(status));
  }
}
