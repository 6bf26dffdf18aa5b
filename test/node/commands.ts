import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { expect, it } from 'vitest';
import type { Status } from '../../src/cli/status/model.ts';
import { decode } from '../../src/kubernetes/secrets.ts';
import { broker, eventually, meshSync, namespace } from '../cluster/expectations.ts';
import { cli, type Finished } from '../support/built.ts';
import { authority, issue, tlsSecret } from '../support/certificates.ts';
import { picture } from './pictures.ts';
import { type Scene, startBroker } from './scene.ts';

const OF = 'meshery';
const SMALL = { resources: { requests: { cpu: '50m', memory: '32Mi' } } };

/** The commands of the build that ask a cluster, as a person runs them. */
export function commands({ world, measured }: Scene): void {
  const run = (args: string[], more: Record<string, string> = {}) =>
    cli(args, { KUBECONFIG: world().kubeconfig, ...more });
  const statusOf = async (...args: string[]): Promise<Status> =>
    JSON.parse((await run(['status', ...args, '-o', 'json'])).stdout);
  /** Starts a command that goes on until it is interrupted. */
  const start = (args: string[]) => {
    const child = spawn(process.execPath, ['dist/cli.js', ...args], { env: { KUBECONFIG: world().kubeconfig } });
    const printed = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        printed[stream] += text;
      });
    }
    const interrupt = async (): Promise<Finished> => {
      const exited = child.exitCode === null ? once(child, 'exit') : undefined;
      child.kill('SIGINT');
      await exited;
      return { code: child.exitCode, ...printed };
    };
    return { printed, interrupt };
  };
  /** A status without what differs from run to run; a picture of it is drawn where it has a name. */
  const shown = async (args: string[], name?: string): Promise<string> => {
    const { stdout } = await run(['status', ...args]);
    if (name) {
      const coloured = await run(['status', ...args], { FORCE_COLOR: '1' });
      await picture(name, `meshery-operator status ${args.join(' ')}`, coloured.stdout);
    }
    return (
      stdout
        // While programs start, some probes fail; then another branch is the last.
        .replaceAll(/^└─ Warning Events\n( {3}.*\n)+/gm, '')
        .replaceAll(/^└─/gm, '├─')
        .replaceAll(/^ {3}([├└])/gm, '│  $1')
        .replaceAll(/ on node-\d/g, ' on NODE')
        .replaceAll(/ \d+[sm]$/gm, ' AGE')
        .replaceAll(/\b10\.96\.\d+\.\d+\b/g, 'CLUSTER-IP')
        .replaceAll(/\bmeshery-meshsync-[0-9a-z]{6,10}-[0-9a-z]{5}\b/g, 'meshery-meshsync-HASH')
        .replaceAll(/\d+ restarts?\b/g, 'N restarts')
        .replaceAll(/up [\dms]+,/g, 'up TIME,')
        .replaceAll(/[\d.]+ MiB of memory/g, 'SIZE of memory')
    );
  };

  it('status shows a pair that is ready, with its live picture', async () => {
    const started = Date.now();
    expect((await run(['status', '-n', OF, '--wait', '--timeout', '30s'])).code).toBe(0);
    measured('times', 'status of a pair that is ready', (Date.now() - started) / 1_000);
    expect(await shown(['-n', OF], 'status')).toBe(
      `KIND       NAMESPACE   NAME               READY   REASON   PODS   VERSION         RESTARTS   AGE
Broker     meshery     meshery-broker     True             1/1    2.14.2-alpine   0          AGE
MeshSync   meshery     meshery-meshsync   True             1/1    1.0.3           0          AGE

Broker meshery/meshery-broker   Ready
├─ servers: 1 of 1 ready, version 2.14.2-alpine
├─ endpoint: CLUSTER-IP:4222 inside
├─ children: ConfigMap meshery-nats-config; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
├─ pod meshery-nats-0: Running, 2/2 ready on NODE, N restarts
├─ live
│  ├─ meshery-nats-0: 2.14.2, up TIME, 1 connection, SIZE of memory
│  └─ connections by client: meshery-server none, meshsync 1

MeshSync meshery/meshery-meshsync   Ready
├─ pods: 1 of 1 ready, version 1.0.3
├─ broker: meshery/meshery-broker at nats://meshery-nats.meshery.svc:4222, found, connected
├─ watch-list: whitelist of 21 resources, of meshery/meshery-meshsync
├─ role: meshery-meshsync, for ServiceAccount meshery/meshery-meshsync
├─ children: Deployment meshery-meshsync; ServiceAccount meshery-meshsync
├─ pod meshery-meshsync-HASH: Running, 1/1 ready on NODE, N restarts
`,
    );
  });

  it('kubectl get shows both kinds', async () => {
    const text = await world().kubectl('get', 'meshery', '-n', OF);
    await picture('kubectl-get', `kubectl get meshery -n ${OF}`, text);
    expect(
      text
        .replaceAll(/\b10\.96\.\d+\.\d+\b/g, 'CLUSTER-IP')
        .replaceAll(/ +/g, ' ')
        .replaceAll(/ \S+$/gm, ' AGE'),
    ).toBe(`NAME READY SIZE INTERNAL EXTERNAL VERSION AGE
broker.meshery.io/meshery-broker True 1 CLUSTER-IP:4222 2.14.2-alpine AGE

NAME READY BROKER PUBLISHING-TO VERSION AGE
meshsync.meshery.io/meshery-meshsync True meshery/meshery-broker nats://meshery-nats.meshery.svc:4222 1.0.3 AGE
`);
  });

  it('status shows routes, clients and JetStream of three servers', async () => {
    const of = 'pictured';
    await startBroker(world(), of, { ...SMALL, size: 3, jetstream: { memoryStore: { maxSize: '16Mi' } } });
    await eventually(async () => {
      const { resources } = await statusOf('broker', 'meshery-broker', '-n', of);
      expect(resources[0]?.broker?.live?.jetStream?.peers.map(({ current }) => current)).toEqual([true, true]);
    });
    const text = await shown(['broker', 'meshery-broker', '-n', of]);
    const [, ...cluster] = /led by (\S+), peers: (\S+) current, (\S+) current$/m.exec(text) ?? [];
    expect(cluster.sort()).toEqual(['meshery-nats-0', 'meshery-nats-1', 'meshery-nats-2']);
    const server = (index: number) =>
      `meshery-nats-${index}: 2.14.2, up TIME, 0 connections, routes to 2 of 2 servers, SIZE of memory, JetStream: 0 streams, 0 messages, 0 B in files, 0 B in memory`;
    expect(text.replace(/led by .*/, 'led by ONE, peers: OTHERS')).toBe(
      `Broker pictured/meshery-broker   Ready
├─ servers: 3 of 3 ready, version 2.14.2-alpine
├─ endpoint: CLUSTER-IP:4222 inside
├─ children: ConfigMap meshery-nats-config; PodDisruptionBudget meshery-nats; Secret meshery-nats-auth, meshery-nats-server; Service meshery-nats, meshery-nats-headless; StatefulSet meshery-nats
├─ pod meshery-nats-0: Running, 2/2 ready on NODE, N restarts
├─ pod meshery-nats-1: Running, 2/2 ready on NODE, N restarts
├─ pod meshery-nats-2: Running, 2/2 ready on NODE, N restarts
├─ live
│  ├─ ${server(0)}
│  ├─ ${server(1)}
│  ├─ ${server(2)}
│  ├─ connections by client: meshery-server none, meshsync none
│  └─ JetStream cluster: led by ONE, peers: OTHERS
`,
    );
    await world().kubernetes.delete('v1', 'Namespace', of);
  });

  it('connect --tail shows what MeshSync publishes, and ends at an interrupt', async () => {
    const { printed, interrupt } = start(['connect', '--tail', '-n', OF]);
    await eventually(async () => expect(printed.stderr).toContain('subscribed to meshery.>'), 20);
    await world().kubernetes.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'tailed', namespace: OF },
    });
    await eventually(async () => expect(printed.stdout).toContain('tailed'), 20);
    const { code, stdout, stderr } = await interrupt();
    await world().kubernetes.delete('v1', 'ConfigMap', 'tailed', OF);
    expect([code, stderr]).toEqual([0, 'meshery-operator: subscribed to meshery.> at pod meshery-nats-0\n']);
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}ADDED {5}ConfigMap meshery\/tailed$/m);
    await picture('connect-tail', `meshery-operator connect --tail -n ${OF}`, `${stderr}${stdout}`);
  });

  it('connect forwards a port until it is interrupted', async () => {
    const { printed, interrupt } = start(['connect', '-n', OF]);
    await eventually(async () => expect(printed.stdout).toContain('nats sub'), 20);
    const [, port] = /is at 127\.0\.0\.1:(\d+), by pod meshery-nats-0/.exec(printed.stdout) ?? [];
    const { data } = (await world().kubernetes.get('v1', 'Secret', 'meshery-nats-auth', OF)) ?? {};
    const token = decode(data?.token);
    const client = await connect({ servers: `127.0.0.1:${port}`, token, ignoreClusterUpdates: true });
    await client.flush();
    await client.close();
    const { code, stdout } = await interrupt();
    expect(code).toBe(0);
    expect(stdout).not.toContain(token);
  });

  it('connect --tail reaches a Broker that asks for certificates', async () => {
    const of = await namespace(world().kubernetes, 'certified');
    const ca = await authority();
    const host = `meshery-nats.${of}.svc`;
    const [server, own] = [await issue(ca, host), await issue(ca, 'a person')];
    await world().kubernetes.apply(tlsSecret('certificates', server, ca, of));
    await startBroker(world(), of, { ...SMALL, tls: { secretName: 'certificates', verify: true } });
    expect(await run(['connect', '--tail', '-n', of])).toEqual({
      ...{ code: 2, stdout: '' },
      stderr: 'meshery-operator: Broker meshery-broker asks clients for a certificate: give --cert and --key\n',
    });
    const file = async (name: string, content: string) => {
      const path = join(world().directory, name);
      await writeFile(path, content, { mode: 0o600 });
      return path;
    };
    const [cert, key] = [await file('own.crt', own.certificate), await file('own.key', own.key)];
    const tailing = start(['connect', '--tail', '-n', of, '--cert', cert, '--key', key, '--count', '1']);
    await eventually(async () => expect(tailing.printed.stderr).toContain('subscribed to meshery.>'), 20);
    const { spec } = (await world().kubernetes.get('v1', 'Service', 'meshery-nats', of)) ?? {};
    const { data } = (await world().kubernetes.get('v1', 'Secret', 'meshery-nats-auth', of)) ?? {};
    const tls = { ca: ca.certificate, cert: own.certificate, key: own.key, servername: host };
    const publisher = await connect({ servers: `${spec?.clusterIP}:4222`, token: decode(data?.token), tls });
    const object = { kind: 'Pod', metadata: { name: 'a', namespace: 'b' } };
    publisher.publish('meshery.meshsync.core', JSON.stringify({ EventType: 'MODIFIED', Object: object }));
    await publisher.drain();
    await eventually(async () => expect(tailing.printed.stdout).toMatch(/Z {2}MODIFIED {2}Pod b\/a\n$/), 20);
    expect((await tailing.interrupt()).code).toBe(0);
    await world().kubernetes.delete('v1', 'Namespace', of);
  });

  it('status shows the last lines of a MeshSync that crashes, without its credentials', async () => {
    const of = await namespace(world().kubernetes, 'crashing');
    const url = `nats://wrong-token@meshery-nats.${OF}.svc:4222`;
    await world().kubernetes.apply({ ...meshSync(of, 'meshery-meshsync'), spec: { broker: { custom: { url } } } });
    await eventually(async () => {
      const { resources } = await statusOf('-n', of);
      const { exitCode, log } = resources[0]?.pods[0]?.problem ?? {};
      expect(exitCode).toBe(1);
      // Right after a restart, kubelet has no log for a moment.
      expect(`${log}`).toMatch(/Authorization Violation/i);
    }, 90);
    const text = await shown(['-n', of], 'status-crash');
    expect(text).not.toContain('wrong-token');
    expect(text).toMatch(/^│ {5}.*Authorization Violation/im);
    // Between two starts, kubelet calls the same by other names.
    expect(text.replaceAll(/^│ {5}.*\n/gm, '').replace(/─ (Restarted|Error):/, '─ CrashLoopBackOff:')).toBe(
      `MeshSync crashing/meshery-meshsync   not Ready: Starting
├─ 0 of 1 MeshSync pods are ready.
├─ pods: 0 of 1 ready, version 1.0.3
├─ broker: custom at nats://meshery-nats.meshery.svc:4222, given by its URL, not connected
├─ watch-list: whitelist of 21 resources, of meshery/meshery-meshsync
├─ role: none for ServiceAccount crashing/meshery-meshsync, so it sees nothing: meshery-operator rbac meshsync/meshery-meshsync -n crashing | kubectl apply -f -
├─ children: Deployment meshery-meshsync; Secret meshery-meshsync-broker-auth; ServiceAccount meshery-meshsync
├─ pod meshery-meshsync-HASH: Running, 0/1 ready on NODE, N restarts
│  └─ CrashLoopBackOff: container meshsync: ended with exit code 1
`,
    );
    expect((await run(['status', '-n', of])).code).toBe(1);
    await world().kubernetes.delete('v1', 'Namespace', of);
  });

  it('status shows which image is pulled, or can not be', async () => {
    const of = await namespace(world().kubernetes, 'pulling');
    const spec = { ...SMALL, version: '2.0.0-nowhere' };
    await world().kubernetes.apply(broker(of, 'meshery-broker', spec));
    await eventually(async () => {
      const { resources } = await statusOf('-n', of);
      const { reason = '', message } = resources[0]?.pods[0]?.problem ?? {};
      expect(['Pulling', 'ErrImagePull', 'ImagePullBackOff']).toContain(reason);
      expect(message).toContain('nats:2.0.0-nowhere');
    });
    await world().kubernetes.delete('v1', 'Namespace', of);
  });

  it('connect says that no server is ready, and status what stops it', async () => {
    const of = await namespace(world().kubernetes, 'stopped');
    const spec = { ...SMALL, podTemplate: { spec: { nodeSelector: { disk: 'fast' } } } };
    await world().kubernetes.apply(broker(of, 'meshery-broker', spec));
    await eventually(async () => {
      const { resources } = await statusOf('-n', of);
      expect(resources[0]?.pods[0]?.problem?.reason).toBe('Unschedulable');
    });
    expect(await run(['connect', '--tail', '-n', of])).toEqual({
      ...{ code: 1, stdout: '' },
      stderr:
        'meshery-operator: no server of Broker meshery-broker is ready: meshery-operator status broker meshery-broker -n stopped\n',
    });
    expect(await run(['connect', 'other', '-n', of])).toEqual({
      ...{ code: 2, stdout: '' },
      stderr: 'meshery-operator: there is no Broker other in namespace stopped; -n names another\n',
    });
    await world().kubernetes.delete('v1', 'Namespace', of);
  });
}
