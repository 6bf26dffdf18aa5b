import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { cli } from '../../support/built.ts';
import { broker, eventually, isReady, meshSync, namespace, rests, versions } from '../expectations.ts';
import type { Kubernetes, KubernetesObject } from '../kubernetes.ts';
import type { World } from '../world.ts';
import { startInstallation } from './installation.ts';

let world: World;
let kubernetes: Kubernetes;
let folder: string;
let credentials: string[];

beforeAll(async () => {
  world = await startInstallation(() => {});
  kubernetes = world.kubernetes;
  folder = await mkdtemp(join(tmpdir(), 'meshery-operator-live-'));
  const secrets = await kubernetes.list('v1', 'Secret', 'meshery');
  credentials = secrets.flatMap(({ data = {} }) =>
    Object.values(data).flatMap((value) => [value, Buffer.from(value, 'base64').toString('utf8').trim()]),
  );
  expect(credentials.length).toBeGreaterThan(0);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await world?.stop(false);
});

/** Runs a command, which must change nothing and print no credential. */
async function run(...args: string[]) {
  const before = await versions(kubernetes, 'meshery');
  const result = await cli(args, { KUBECONFIG: world.controlPlane.kubeconfig });
  expect(await versions(kubernetes, 'meshery')).toEqual(before);
  for (const credential of credentials) expect(result.stdout + result.stderr).not.toContain(credential);
  return result;
}

async function file(name: string, object: object): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, JSON.stringify(object));
  return path;
}

const objects = (yaml: string) => parseAllDocuments(yaml).map((document) => document.toJS() as KubernetesObject);

describe('a resource of the cluster', () => {
  it('is rendered as the operator answers, with its Broker, and without values of Secrets', async () => {
    const { code, stdout, stderr } = await run(
      'render',
      '-n',
      'meshery',
      'broker/meshery-broker',
      'meshsync/meshery-meshsync',
    );
    expect([code, stderr]).toEqual([0, '']);
    const rendered = objects(stdout);
    expect(rendered.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
      ...['Secret/meshery-nats-auth', 'Secret/meshery-nats-server', 'ConfigMap/meshery-nats-config'],
      ...['Service/meshery-nats-headless', 'Service/meshery-nats', 'StatefulSet/meshery-nats', 'Broker/meshery-broker'],
      ...['ServiceAccount/meshery-meshsync', 'Deployment/meshery-meshsync', 'MeshSync/meshery-meshsync'],
    ]);
    expect(rendered[0]?.data).toMatchObject({ token: '********' });
    const live = await kubernetes.get('apps/v1', 'StatefulSet', 'meshery-nats', 'meshery');
    const checksum = (set: KubernetesObject | undefined) => set?.spec.template.metadata.annotations;
    expect(checksum(live)).toMatchObject(checksum(rendered[5]));
    const ready = rendered.at(-1)?.status?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready?.status).toBe('True');
  });

  it('is rendered without the password of a URL', async () => {
    // In a namespace of its own: what is deleted with it may go much later.
    const of = await namespace(kubernetes, 'elsewhere');
    const custom = meshSync(of, 'custom');
    custom.spec = { broker: { custom: { url: 'nats://me:pa55word@nats.example:4222' } } };
    await kubernetes.apply(custom);
    await isReady(kubernetes, custom);
    const { code, stdout, stderr } = await run('render', '-n', of, 'meshsync/custom');
    expect(code).toBe(0);
    expect(stdout).toContain('url: nats://***@nats.example:4222\n');
    expect(stdout + stderr).not.toMatch(/pa55word/);
    await kubernetes.delete('meshery.io/v1alpha2', 'MeshSync', 'custom', of);
  });

  it('is validated with what it refers to', async () => {
    expect(await run('validate', '-n', 'meshery', 'broker/meshery-broker')).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    await namespace(kubernetes, 'lost');
    await kubernetes.apply(meshSync('lost', 'edge', 'nowhere'));
    await isReady(kubernetes, meshSync('lost', 'edge'), 'BrokerNotFound');
    const { code, stdout } = await run('validate', '-n', 'lost', 'meshsync/edge');
    expect(code).toBe(1);
    expect(stdout).toContain(
      'meshsync/edge: error: MeshSync edge: BrokerNotFound: Broker lost/nowhere does not exist.',
    );
    await kubernetes.delete('meshery.io/v1alpha2', 'MeshSync', 'edge', 'lost');
  });

  it('has a role by the watch-list that is active', async () => {
    const { code, stdout, stderr } = await run('rbac', '-n', 'meshery', 'meshsync/meshery-meshsync');
    expect([code, stderr]).toEqual([0, '']);
    expect(objects(stdout).map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'ClusterRole meshery-meshsync:meshery:meshery-meshsync',
      'ClusterRoleBinding meshery-meshsync:meshery:meshery-meshsync',
    ]);
  });

  it('is offered by its name where a shell completes', async () => {
    const { code, stdout } = await run('complete', '--', 'render', '-n', 'meshery', 'broker/');
    expect([code, stdout.split('\n')[0]?.trim()]).toEqual([0, 'broker/meshery-broker']);
  });

  it('that is not there is said in one line', async () => {
    for (const command of ['render', 'validate', 'rbac']) {
      expect(await run(command, '-n', 'meshery', 'broker/other')).toEqual({
        code: 2,
        stdout: '',
        stderr: 'meshery-operator: broker/other: there is no Broker other in namespace meshery\n',
      });
    }
  });
});

describe('render --diff', () => {
  const edited = (spec: object) => file('broker.json', broker('meshery', 'meshery-broker', spec));

  it('prints nothing for what the cluster has, and exits with 0', async () => {
    const both = ['broker/meshery-broker', 'meshsync/meshery-meshsync'];
    expect(await run('render', '--diff', '-n', 'meshery', ...both)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await run('render', '--diff', await edited({}))).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('prints what an edited file would change and restart, and exits with 1', async () => {
    const { code, stdout, stderr } = await run('render', '--diff', '-f', await edited({ version: '2.14.1-alpine' }));
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(
      /^--- StatefulSet meshery\/meshery-nats in the cluster\n\+\+\+ StatefulSet meshery\/meshery-nats as desired\n@@ -\d+,7 \+\d+,7 @@\n/m,
    );
    expect(stdout).toContain('-          image: nats:2.14.2-alpine\n+          image: nats:2.14.1-alpine\n');
    expect(stdout).toMatch(/\nrestarts: all pods of StatefulSet meshery\/meshery-nats\n$/);
    expect(stdout.match(/^--- /gm)).toHaveLength(1);
  });

  it('prints what only reloads, and what scales', async () => {
    const reloads = await run('render', '--diff', await edited({ config: { maxPayload: '2Mi' } }));
    expect(reloads.code).toBe(1);
    expect(reloads.stdout).toMatch(/\nreloads: the servers read ConfigMap meshery\/meshery-nats-config again\n$/);
    expect(reloads.stdout).not.toContain('restarts:');
    const scales = await run('render', '--diff', await edited({ size: 3 }));
    expect(scales.code).toBe(1);
    expect(scales.stdout).toContain('--- PodDisruptionBudget meshery/meshery-nats missing\n');
  });

  it('leaves the annotations of others in place, and says that a resource is paused', async () => {
    const applied = broker('meshery', 'meshery-broker');
    const last = { ...applied, metadata: { ...applied.metadata, annotations: {} } };
    const annotations = {
      'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(last),
      'meshery.io/pause-reconciliation': 'true',
    };
    const metadata = { name: 'meshery-broker', namespace: 'meshery' };
    const { apiVersion, kind } = applied;
    const isPaused = async () => {
      const { status } = (await kubernetes.get(apiVersion, kind, metadata.name, metadata.namespace)) ?? {};
      return status?.conditions?.some(({ type }) => type === 'ReconciliationPaused');
    };
    await kubernetes.patch({ apiVersion, kind, metadata: { ...metadata, annotations } });
    await eventually(async () => expect(await isPaused()).toBe(true));
    try {
      const { code, stdout, stderr } = await run('render', '--diff', await edited({ size: 3 }));
      expect([code, stdout]).toEqual([0, '']);
      expect(stderr).toMatch(
        /^meshery-operator: \S+broker\.json, document 1: ReconciliationPaused: nothing is rendered\. All children are left unchanged until annotation meshery\.io\/pause-reconciliation is removed\.\n$/,
      );
    } finally {
      const none = Object.fromEntries(Object.keys(annotations).map((key) => [key, null]));
      await kubernetes.patch({ apiVersion, kind, metadata: { ...metadata, annotations: none } });
      await eventually(async () => expect(await isPaused()).toBe(false));
      await rests(kubernetes, 'meshery');
    }
  });

  it('prints all of a resource that is new', async () => {
    const { code, stdout } = await run('render', '--diff', await file('new.json', broker('meshery', 'new-broker')));
    expect(code).toBe(1);
    expect(stdout.match(/^--- .* missing$/gm)).toHaveLength(6);
    expect(stdout).toContain('+  token: "*** (after)"\n');
  });

  it('of what the operator would refuse prints why, and exits with 1', async () => {
    const { code, stdout, stderr } = await run('render', '--diff', await edited({ tls: { secretName: 'nowhere' } }));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^meshery-operator: \S+broker\.json, document 1: SecretNotFound: spec\.tls\.secretName: Secret nowhere does not exist .*\n$/,
    );
    const taken = await run('render', '--diff', await file('taken.json', broker('meshery', 'meshery')));
    expect([taken.code, taken.stdout]).toEqual([1, '']);
    expect(taken.stderr).toContain(
      'taken.json, document 1: NameConflict: Secret meshery-nats-auth is controlled by Broker meshery-broker; rename or delete one of the two.',
    );
  });

  it('of what the API server refuses is a line, and exits with 2', async () => {
    const { code, stdout, stderr } = await run('render', '--diff', await edited({ size: 11 }));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      /^meshery-operator: \S+broker\.json, document 1: the API server refuses it: .*spec\.size.*\n$/,
    );
  });
});
