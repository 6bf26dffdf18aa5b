import { expect, it } from 'vitest';
import { broker, eventually, isReady, namespace } from '../cluster/expectations.ts';
import { linesOf } from '../support/looks.ts';
import { objectsIn } from '../support/page-parts.ts';
import { commandBlocks, pages, yamlBlocks } from '../support/pages.ts';
import { client, type Scene } from './scene.ts';

/** Commands of the pages that need a kubelet, with the Broker and the MeshSync of the installation, or with one of a page. */
export function documented({ world }: Scene): void {
  it('print the log of the operator, one JSON object a line', async () => {
    const printed = await world().documented('docs/monitoring.md', 'kubectl logs -n meshery');
    const lines: object[] = printed
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const resource = { kind: 'Broker', namespace: 'meshery', name: 'meshery-broker' };
    const change = { msg: 'condition changed', condition: 'Ready', to: 'True', reason: 'Ready' };
    expect(lines).toContainEqual(expect.objectContaining({ ...resource, ...change }));
  });

  it('print the logs that pages tell to look at', async () => {
    const lines = pages.flatMap((page) => commandBlocks(page)).flatMap((block) => linesOf(block));
    // No container of a healthy cluster has run before.
    const all = lines.filter((line) => /^kubectl logs [^|]*-n meshery\b/.test(line));
    const logs = new Set(all.filter((line) => !/\||--previous/.test(line)));
    expect(logs.size).toBeGreaterThan(4);
    for (const line of logs) expect(await world().command(line), line).not.toBe('');
  });

  it('hear what the user of a Broker may hear', async () => {
    const { kubernetes } = world();
    const of = await namespace(kubernetes, 'heard');
    const here = (text: string) => text.replaceAll(/(-n|namespace:) meshery\b/g, `$1 ${of}`);
    const yaml = yamlBlocks.find(({ page, text }) => page === 'docs/nats.md' && text.includes('passwordSecretRef'));
    const objects = objectsIn(here(yaml?.text ?? ''));
    expect(objects.map(({ kind }) => kind)).toEqual(['Secret', 'Broker']);
    for (const object of objects) await kubernetes.apply(object);
    await isReady(kubernetes, broker(of, 'meshery-broker'), 'Ready', 90);

    const commands = ['docs/nats.md', 'kubectl port-forward service/meshery-nats -n meshery 4224'] as const;
    const first = (text: string) => `exec ${here(text).split('\n')[0]}`;
    const others = (text: string) => here(text).replace(/.*\n/, '').replace(' sub ', ' sub --count=3 ');
    const terminal = new AbortController();
    const forwarding = world()
      .documented(...commands, first, terminal.signal)
      .catch(() => undefined);
    const connection = await client(world(), of);
    const publishing = setInterval(() => connection.publish('meshery.meshsync.core', 'a message'), 100);
    try {
      await eventually(async () =>
        expect(await world().documented('docs/nats.md', commands[1], others)).toContain('a message'),
      );
    } finally {
      clearInterval(publishing);
      await connection.close();
      terminal.abort();
      await forwarding;
      await kubernetes.delete('v1', 'Namespace', of);
    }
  }, 180_000);
}
