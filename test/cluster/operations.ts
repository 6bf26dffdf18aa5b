import { readFile } from 'node:fs/promises';
import { expect, it, onTestFailed } from 'vitest';
import { encode } from '../../src/kubernetes/secrets.ts';
import { authority, issue, tlsSecret } from '../support/certificates.ts';
import { countChanges } from './changes.ts';
import { eventually, isReady, versions } from './expectations.ts';
import { startOperator } from './operator.ts';
import type { Scene } from './scenarios.ts';

/** The rows of the table of docs/operations.md: how often the pods roll, by change. */
async function documented(): Promise<Map<string, { broker: string; meshSync: string }>> {
  // The first table of the page.
  const [table = ''] = (await readFile('docs/operations.md', 'utf8')).split('\n## ');
  const rows = table.split('\n').filter((line) => line.startsWith('| '));
  return new Map(
    rows.slice(1).map((row) => {
      const [, change = '', broker = '', meshSync = ''] = row.split('|').map((cell) => cell.trim());
      return [change, { broker, meshSync }];
    }),
  );
}

const ROLLS: Record<string, number> = { 'keep running': 0, 'roll once': 1 };

/** Each change of a running pair that docs/operations.md names costs what it says there. */
export function operations(
  { world, kubernetes: cluster, keepLogs, pair, get, patchSpec }: Scene,
  dynamic: boolean,
): void {
  it('each change of a running pair rolls the pods as documented', { timeout: 900_000 }, async () => {
    onTestFailed(keepLogs);
    const of = 'operations';
    const { broker: applied, meshSync: synced } = await pair(of, { size: 3 });
    const remove = (apiVersion: string, kind: string, name: string) => cluster().delete(apiVersion, kind, name, of);
    const hibernate = async (value: string | null) => {
      for (const { kind, metadata } of [applied, synced]) {
        const annotations = { 'meshery.io/hibernation': value };
        await cluster().patch({ ...applied, kind, metadata: { name: metadata.name, namespace: of, annotations } });
      }
    };
    const patch = (spec: object) => () => patchSpec(of, spec);
    const memoryStore = (maxSize: string) => ({ jetstream: { memoryStore: { maxSize } } });
    const withSecret = (data: Record<string, string>, spec: object) => async () => {
      await cluster().apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'own', namespace: of }, data });
      await patchSpec(of, spec);
    };
    const values = { password: encode('a password'), key: encode('a-key-of-the-user') };
    const user = (name: string) => ({ user: name, passwordSecretRef: { name: 'own' } });
    const changes: Record<string, () => Promise<unknown>> = {
      '`spec.config`': patch({ config: { maxPayload: '2Mi' } }),
      '`spec.version`': patch({ version: '2.14.1-alpine' }),
      '`spec.resources`': patch({ resources: { limits: { memory: '512Mi' } } }),
      '`spec.image`': patch({ image: { repository: 'registry.example.com/nats' } }),
      '`spec.reloader.version`': patch({ reloader: { version: '0.22.0' } }),
      '`spec.podTemplate`': patch({ podTemplate: { metadata: { labels: { 'example.com/team': 'a' } } } }),
      '`spec.env`': patch({ env: [{ name: 'A', value: 'b' }] }),
      '`spec.readinessProbe`': patch({ readinessProbe: { failureThreshold: 9 } }),
      '`spec.podTemplate.spec.extraContainers`': patch({
        podTemplate: { spec: { extraContainers: [{ name: 'side', image: 'side:1' }] } },
      }),
      '`spec.commonMetadata`': patch({ commonMetadata: { annotations: { 'example.com/owner': 'a' } } }),
      '`spec.serviceAccountName`': async () => {
        await cluster().apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'nats', namespace: of } });
        await patchSpec(of, { serviceAccountName: 'nats' });
      },
      '`spec.promExporter.enabled`': patch({ promExporter: { enabled: true } }),
      '`spec.size` from 3 to 5': patch({ size: 5 }),
      '`spec.size` from 5 to 3': patch({ size: 3 }),
      '`spec.service.type`': patch({ service: { type: 'NodePort' } }),
      '`spec.service.exposeMonitor`': patch({ service: { exposeMonitor: true } }),
      '`spec.service.port`': patch({ service: { type: 'ClusterIP', port: 4333 } }),
      '`spec.service.perServer`, `extraPorts`, `sessionAffinity`': patch({
        service: { perServer: true, extraPorts: [{ name: 'a', port: 80 }], sessionAffinity: 'ClientIP' },
      }),
      '`spec.podDisruptionBudget`': patch({ podDisruptionBudget: { minAvailable: 2 } }),
      '`spec.natsBox.enabled`': patch({ natsBox: { enabled: true } }),
      '`spec.networkPolicy.enabled`': patch({ networkPolicy: { enabled: true } }),
      '`spec.tls` added': async () => {
        const ca = await authority();
        const pair = await issue(ca, `meshery-nats.${of}.svc`);
        await cluster().apply(tlsSecret('nats-tls', pair, ca, of));
        await patchSpec(of, { tls: { secretName: 'nats-tls' } });
      },
      '`spec.tls.routes` added, without JetStream': async () => {
        const ca = await authority();
        const pair = await issue(ca, `*.meshery-nats-headless.${of}.svc`);
        await cluster().apply(tlsSecret('routes-tls', pair, ca, of));
        await patchSpec(of, { tls: { routes: { secretName: 'routes-tls' } } });
      },
      '`spec.jetstream.memoryStore` added': patch(memoryStore('64Mi')),
      '`spec.jetstream.memoryStore.maxSize` raised': patch(memoryStore('128Mi')),
      '`spec.jetstream.memoryStore.maxSize` lowered': patch(memoryStore('32Mi')),
      '`spec.jetstream.domain`, `maxOutstandingCatchup`': patch({
        jetstream: { domain: 'a', maxOutstandingCatchup: '32Mi' },
      }),
      '`spec.jetstream.fileStore` with `medium: Memory` added': patch({
        jetstream: { fileStore: { size: '16Mi', medium: 'Memory' } },
      }),
      '`spec.jetstream.encryptionKeySecretRef` added': withSecret(values, {
        jetstream: { encryptionKeySecretRef: { name: 'own' } },
      }),
      '`spec.auth.users`, the first': patch({ auth: { users: [user('a')] } }),
      '`spec.auth.users`, another, and other passwords and permissions': withSecret(
        { ...values, password: encode('another password') },
        { auth: { users: [{ ...user('a'), permissions: { publish: { deny: ['>'] } } }, user('b')] } },
      ),
      '`spec.leafNodes`': patch({ leafNodes: { enabled: true, authorization: { users: [user('east')] } } }),
      '`spec.websocket`': patch({ websocket: { enabled: true } }),
      '`spec.config.merge`, settings that NATS reloads': patch({ config: { merge: { max_control_line: 8192 } } }),
      '`spec.config.merge`, other settings': patch({ config: { merge: { max_subscriptions: 100_000 } } }),
      'Secret `X-nats-auth` deleted: a new token': () => remove('v1', 'Secret', 'meshery-nats-auth'),
      'Secret `X-nats-server` deleted: new route credentials': () => remove('v1', 'Secret', 'meshery-nats-server'),
      'ConfigMap, Service, PodDisruptionBudget or NetworkPolicy of a Broker deleted': async () => {
        await remove('v1', 'ConfigMap', 'meshery-nats-config');
        await remove('v1', 'Service', 'meshery-nats');
        await remove('v1', 'Service', 'meshery-nats-headless');
        await remove('policy/v1', 'PodDisruptionBudget', 'meshery-nats');
        await remove('networking.k8s.io/v1', 'NetworkPolicy', 'meshery-nats');
      },
      'the spec of a MeshSync, except `spec.size`': () =>
        patchSpec(of, { redactSecrets: true }, 'MeshSync', 'meshery-meshsync'),
      'StatefulSet deleted with `--cascade=orphan`': () =>
        cluster().delete('apps/v1', 'StatefulSet', 'meshery-nats', of, 'Orphan'),
      'StatefulSet deleted without `--cascade=orphan`': () => remove('apps/v1', 'StatefulSet', 'meshery-nats'),
      'Metacontroller restarted': () => world().restartDriver(),
      'the operator restarted': async () => {
        const { url, process } = world().operator;
        await process.stop();
        world().operator = await startOperator(world().controlPlane.directory, Number(new URL(url).port));
      },
      'hibernation, and its end': async () => {
        await hibernate('on');
        await eventually(async () => expect(await cluster().list('v1', 'Pod', of)).toEqual([]));
        await hibernate(null);
      },
    };
    const rest = () =>
      eventually(async () => {
        const before = await versions(cluster(), of);
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        expect(await versions(cluster(), of)).toEqual(before);
      });
    const pods = async () =>
      (await cluster().list('v1', 'Pod', of)).map(({ metadata: { name, uid } }) => `${name} ${uid}`);
    const rows = await documented();
    expect(Object.keys(changes).sort()).toEqual([...rows.keys()].sort());
    await rest();
    for (const [change, make] of Object.entries(changes)) {
      const count = await countChanges(cluster(), of);
      const before = await pods();
      await make();
      await rest();
      await isReady(cluster(), applied);
      await isReady(cluster(), synced);
      const rolls = await count();
      const after = await pods();
      const { broker, meshSync } = rows.get(change) ?? {};
      for (const [workload, cost = ''] of Object.entries({ 'meshery-nats': broker, 'meshery-meshsync': meshSync })) {
        if (cost === 'stop and start') {
          // The pod of the command line is none of the workload.
          const isOf = (pod: string) => pod.startsWith(workload) && !pod.startsWith('meshery-nats-box-');
          const kept = after.filter((pod) => isOf(pod) && before.includes(pod));
          expect({ change, kept }).toEqual({ change, kept: [] });
        } else {
          const counted = rolls[`Pod/${workload}`] ?? 0;
          // Under dynamic-apply, the lists of a template that was changed before have another order than those of a new one.
          if (dynamic && change.includes('=orphan') && counted === 1) continue;
          expect({ change, workload, rolls: counted }).toEqual({ change, workload, rolls: ROLLS[cost] });
        }
      }
    }
    expect((await get('apps/v1', 'StatefulSet', 'meshery-nats', of)).status?.readyReplicas).toBe(3);
  });
}
