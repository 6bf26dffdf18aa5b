import { expect, it } from 'vitest';
import { broker, isReady, meshSync } from '../cluster/expectations.ts';
import { addedBy, imagesHere, OPERATOR } from './images.ts';
import type { Scene } from './scene.ts';

const OF = 'meshery';

/** What the image has besides the runtime. */
const FILES = ['app/', ...['cli.js', 'main.js', 'package.json', 'server.js'].map((file) => `app/${file}`)];

/** From a cluster with Metacontroller in it to a Broker and a MeshSync that are ready, by the commands of docs/install.md. */
export function installation({ world, measured }: Scene): void {
  it('has an image that adds nothing but the bundles to the runtime', async () => {
    const operator = imagesHere().find(({ name }) => name.startsWith(`${OPERATOR}:`));
    expect(operator?.layers).toHaveLength(2);
    const isPart = (path: string) => /^app\/cli-[A-Z0-9]+\.js$/.test(path);
    expect(operator && (await addedBy(operator)).filter((path) => !isPart(path))).toEqual(FILES);
  });

  it('is ready by the commands of docs/install.md, without a restart', async () => {
    const { kubernetes, documented } = world();
    const started = Date.now();
    const since = () => (Date.now() - started) / 1_000;
    const seen: Record<string, number> = {};
    const note = (what: string) => {
      seen[what] ??= since();
    };
    const watches = await Promise.all([
      kubernetes.watch(
        'v1',
        'Secret',
        OF,
        (_, { metadata }) => metadata.name === 'meshery-nats-auth' && note('first sync'),
      ),
      kubernetes.watch('v1', 'Pod', OF, (_, { metadata, status }) => {
        const { component, 'app.kubernetes.io/name': name } = metadata.labels ?? {};
        const what = { operator: 'operator', meshsync: 'MeshSync' }[component ?? ''] ?? (name === 'nats' ? 'NATS' : '');
        if (status?.containerStatuses?.every(({ ready }: { ready: boolean }) => ready)) note(`${what} pod`);
      }),
    ]);
    await documented('docs/install.md', 'kubectl apply -k manifests\n');
    note('applied');
    await Promise.all([
      isReady(kubernetes, broker(OF, 'meshery-broker'), 'Ready', 90).then(() => note('Broker')),
      isReady(kubernetes, meshSync(OF, 'meshery-meshsync'), 'Ready', 90).then(() => note('MeshSync')),
    ]);
    for (const stop of watches) stop();
    const from = (what: string, before: string) => (seen[what] ?? Number.NaN) - (seen[before] ?? Number.NaN);
    measured('times', 'kubectl apply of the kustomizations', seen.applied ?? Number.NaN);
    measured('times', 'operator: from the command to a ready pod', seen['operator pod'] ?? Number.NaN);
    measured('times', 'until Metacontroller syncs the Broker', from('first sync', 'applied'));
    measured('times', 'from there to a ready NATS pod', from('NATS pod', 'first sync'));
    measured('times', 'from there to the Broker being Ready', from('Broker', 'NATS pod'));
    measured('times', 'from the Broker to the MeshSync being Ready', from('MeshSync', 'Broker'));
    measured('times', 'all together', since());

    const pods = await kubernetes.list('v1', 'Pod', OF);
    expect(pods).toHaveLength(4);
    const restarts = pods.flatMap(({ status }) =>
      status?.containerStatuses.map(({ restartCount }: { restartCount: number }) => restartCount),
    );
    expect(restarts).toEqual([0, 0, 0, 0, 0]);
  });
}
