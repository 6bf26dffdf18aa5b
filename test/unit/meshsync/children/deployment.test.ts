import { describe, expect, it } from 'vitest';
import { resolveMeshSync } from '../../../../src/meshsync/spec.ts';
import type { Cluster } from '../../../stand-in/cluster.ts';
import { runControllers } from '../../../stand-in/controllers.ts';
import { at, type JsonObject, type KubeObject } from '../../../stand-in/json.ts';
import type { Strategy } from '../../../stand-in/metacontroller.ts';
import { testApp } from '../../../support/app.ts';
import { condition } from '../../../support/invariants.ts';
import {
  brokerParent,
  clusterWith,
  hookOf,
  meshSyncParent,
  READY,
  STRATEGIES,
  settle,
  sync,
} from '../../../support/scenarios.ts';

const NATIVE = { broker: { native: { name: 'meshery-broker' } } };
const CUSTOM = { broker: { custom: { url: 'nats://nats.example.com:4222' } } };
const WITH_CREDENTIALS = { broker: { custom: { url: 'nats://user:word@nats.example.com:4222' } } };

const TOKEN_FROM_BROKER = {
  name: 'NATS_TOKEN',
  valueFrom: { secretKeyRef: { key: 'token', name: 'meshery-nats-auth' } },
};
const NATIVE_URL = { name: 'BROKER_URL', value: 'nats://$(NATS_TOKEN)@meshery-nats.meshery.svc:4222' };

const broker = brokerParent();
const parent = meshSyncParent();

async function running(spec: JsonObject, how: Strategy): Promise<Cluster> {
  const cluster = clusterWith(broker, { ...parent, spec });
  await settle(cluster, [broker, parent], hookOf(testApp()), how);
  return cluster;
}

function deployment(cluster: Cluster): KubeObject {
  const found = cluster.get('Deployment.apps/v1', 'meshery', 'meshery-meshsync');
  if (!found) throw new Error('no Deployment');
  return found;
}

function container(object: KubeObject): JsonObject {
  return at(object, 'spec', 'template', 'spec', 'containers', 0) as JsonObject;
}

function environment(cluster: Cluster): JsonObject[] {
  return container(deployment(cluster)).env as JsonObject[];
}

/** Syncs twice; the controllers of the cluster run after each sync. */
async function twoSyncs(cluster: Cluster, how: Strategy): Promise<void> {
  const hook = hookOf(testApp());
  for (let round = 0; round < 2; round++) {
    const { errors } = await sync(cluster, parent, hook, how);
    expect(errors).toEqual([]);
    runControllers(cluster, READY);
  }
}

function respecify(cluster: Cluster, spec: JsonObject): void {
  cluster.edit(parent, 'kubectl', (object) => {
    object.spec = spec;
  });
}

describe.each(STRATEGIES)('under %s, the environment of MeshSync', (how) => {
  it('has the token before the URL that refers to it', async () => {
    expect(environment(await running(NATIVE, how))).toEqual([TOKEN_FROM_BROKER, NATIVE_URL]);
  });

  it.each([
    ['a custom URL', CUSTOM],
    ['a custom URL with credentials', WITH_CREDENTIALS],
  ])('has the token first at most two syncs after %s became a Broker', async (_what, before) => {
    const cluster = await running(before, how);
    respecify(cluster, NATIVE);
    await twoSyncs(cluster, how);
    expect(environment(cluster)).toEqual([TOKEN_FROM_BROKER, NATIVE_URL]);
    expect(cluster.get('Secret.v1', 'meshery', 'meshery-meshsync-broker-auth')).toBeUndefined();
  });

  it('has the token first again at most two syncs after somebody deleted the token', async () => {
    const cluster = await running(NATIVE, how);
    cluster.edit(deployment(cluster), 'kubectl-edit', (object) => {
      container(object).env = [NATIVE_URL];
    });
    await twoSyncs(cluster, how);
    expect(environment(cluster)).toEqual([TOKEN_FROM_BROKER, NATIVE_URL]);
  });

  it('has the token first again at most two syncs after somebody swapped the two variables', async () => {
    const cluster = await running(NATIVE, how);
    cluster.edit(deployment(cluster), 'kubectl-edit', (object) => {
      container(object).env = [NATIVE_URL, TOKEN_FROM_BROKER];
    });
    await twoSyncs(cluster, how);
    expect(environment(cluster)).toEqual([TOKEN_FROM_BROKER, NATIVE_URL]);
  });

  it('keeps the variables of others before, between and after its own', async () => {
    const cluster = await running(CUSTOM, how);
    cluster.edit(deployment(cluster), 'meshery-server', (object) => {
      const own = container(object).env as JsonObject[];
      container(object).env = [{ name: 'A', value: '1' }, ...own, { name: 'DEBUG', value: 'true' }];
    });
    respecify(cluster, NATIVE);
    await twoSyncs(cluster, how);
    const names = environment(cluster).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['A', 'DEBUG', 'NATS_TOKEN', 'BROKER_URL']));
    expect(names).toHaveLength(4);
    expect(names.indexOf('NATS_TOKEN')).toBeLessThan(names.indexOf('BROKER_URL'));
  });

  it('has no token once the broker is a custom URL', async () => {
    const cluster = await running(NATIVE, how);
    respecify(cluster, CUSTOM);
    await twoSyncs(cluster, how);
    expect(environment(cluster)).toEqual([{ name: 'BROKER_URL', value: 'nats://nats.example.com:4222' }]);
  });

  it('gets a URL with credentials from the Secret of the MeshSync', async () => {
    const cluster = await running(NATIVE, how);
    respecify(cluster, WITH_CREDENTIALS);
    await twoSyncs(cluster, how);
    const secretKeyRef = { key: 'url', name: 'meshery-meshsync-broker-auth' };
    expect(environment(cluster)).toEqual([{ name: 'BROKER_URL', valueFrom: { secretKeyRef } }]);
    expect(cluster.get('Secret.v1', 'meshery', 'meshery-meshsync-broker-auth')?.data).toEqual({
      url: Buffer.from('nats://user:word@nats.example.com:4222').toString('base64'),
    });
  });
});

describe.each(STRATEGIES)('under %s, an edit by Meshery Server in the Deployment', (how) => {
  const ENV = [
    { name: 'MESHSYNC_REDACT_SECRETS', value: 'true' },
    { name: 'MESHSYNC_BROKER_CONTENT_DEDUP', value: 'true' },
    { name: 'DEBUG', value: 'true' },
  ];

  it.each([
    ['another sync', NATIVE],
    ['a change of the size', { ...NATIVE, size: 2 }],
    ['a new version', { ...NATIVE, version: '1.0.4' }],
    ['another broker', CUSTOM],
  ])('survives %s', async (_what, spec) => {
    const cluster = await running(NATIVE, how);
    cluster.edit(deployment(cluster), 'meshery-server', (object) => {
      const edited = container(object);
      edited.args = ['--outputNamespaces', 'a,b', '--outputResources', 'pod'];
      edited.env = [...(edited.env as JsonObject[]), ...ENV];
      const template = at(object, 'spec', 'template', 'metadata') as JsonObject;
      template.annotations = { ...(template.annotations as JsonObject), 'meshery.io/restarted-at': 'now' };
    });
    respecify(cluster, spec);
    await twoSyncs(cluster, how);
    const edited = deployment(cluster);
    expect(container(edited).args).toEqual(['--outputNamespaces', 'a,b', '--outputResources', 'pod']);
    expect(container(edited).env).toEqual(expect.arrayContaining(ENV));
    expect(at(edited, 'spec', 'template', 'metadata', 'annotations', 'meshery.io/restarted-at')).toBe('now');
    const settled = await sync(cluster, parent, hookOf(testApp()), how);
    expect(settled.writes).toEqual([]);
  });
});

describe.each(STRATEGIES)('under %s, a field that the MeshSync sets', (how) => {
  const FIELDS = {
    ...NATIVE,
    output: { namespaces: ['c'], resources: ['service', 'Pod'] },
    debug: false,
    redactSecrets: true,
    contentDeduplication: false,
  };
  const SWITCHES = [
    { name: 'DEBUG', value: 'false' },
    { name: 'MESHSYNC_REDACT_SECRETS', value: 'true' },
    { name: 'MESHSYNC_BROKER_CONTENT_DEDUP', value: 'false' },
  ];
  const ARGS = ['--outputNamespaces', 'c', '--outputResources', 'service,Pod'];

  it('replaces what Meshery Server wrote, also when it writes again', async () => {
    const cluster = await running(NATIVE, how);
    const write = () =>
      cluster.edit(deployment(cluster), 'meshery-server', (object) => {
        const edited = container(object);
        edited.args = ['--outputNamespaces', 'a,b'];
        const others = (edited.env as JsonObject[]).filter(({ name }) => name !== 'DEBUG');
        edited.env = [...others, { name: 'DEBUG', value: 'true' }];
      });
    write();
    respecify(cluster, FIELDS);
    for (let time = 0; time < 2; time++) {
      await twoSyncs(cluster, how);
      expect(container(deployment(cluster)).args).toEqual(ARGS);
      expect(environment(cluster)).toHaveLength(5);
      expect(environment(cluster)).toEqual(expect.arrayContaining([TOKEN_FROM_BROKER, NATIVE_URL, ...SWITCHES]));
      write();
    }
  });

  it('is removed from the Deployment when it is removed from the spec', async () => {
    const cluster = await running(FIELDS, how);
    expect(environment(cluster)).toEqual([TOKEN_FROM_BROKER, NATIVE_URL, ...SWITCHES]);
    respecify(cluster, NATIVE);
    await twoSyncs(cluster, how);
    expect(environment(cluster)).toEqual([TOKEN_FROM_BROKER, NATIVE_URL]);
    expect(container(deployment(cluster))).not.toHaveProperty('args');
  });

  it('becomes one argument for each list that is set, and none for a list that is not', async () => {
    const cluster = await running({ ...NATIVE, output: { resources: ['pod'] } }, how);
    expect(container(deployment(cluster)).args).toEqual(['--outputResources', 'pod']);
  });
});

describe.each(STRATEGIES)('under %s, the ServiceAccount', (how) => {
  const podsRunAs = (cluster: Cluster) => at(deployment(cluster), 'spec', 'template', 'spec', 'serviceAccountName');
  const own = (cluster: Cluster) => cluster.get('ServiceAccount.v1', 'meshery', 'meshery-meshsync');

  it('is a child until the spec names another one, and is deleted when no pod runs with it any more', async () => {
    const cluster = await running(NATIVE, how);
    expect([podsRunAs(cluster), own(cluster)]).toEqual(['meshery-meshsync', expect.anything()]);
    respecify(cluster, { ...NATIVE, serviceAccountName: 'reader' });
    const hook = hookOf(testApp());
    await sync(cluster, parent, hook, how);
    runControllers(cluster, { ready: false, addresses: true });
    await sync(cluster, parent, hook, how);
    expect([podsRunAs(cluster), own(cluster)]).toEqual(['reader', expect.anything()]);
    runControllers(cluster, READY);
    const { status } = await sync(cluster, parent, hook, how);
    expect(own(cluster)).toBeUndefined();
    expect(condition(status, 'RoleBound')).toMatchObject({ status: 'Unknown', reason: 'BindingUnknown' });
    respecify(cluster, NATIVE);
    await twoSyncs(cluster, how);
    expect([podsRunAs(cluster), own(cluster)]).toEqual(['meshery-meshsync', expect.anything()]);
  });

  it('gives its token only to pods that ask for it, as those of MeshSync do', async () => {
    const cluster = await running(NATIVE, how);
    expect(own(cluster)).toMatchObject({ automountServiceAccountToken: false });
    expect(at(deployment(cluster), 'spec', 'template', 'spec', 'automountServiceAccountToken')).toBe(true);
  });

  it('that the spec names is not changed', async () => {
    const cluster = clusterWith(broker, { ...parent, spec: { ...NATIVE, serviceAccountName: 'reader' } });
    cluster.create(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader', namespace: 'meshery' } },
      'me',
    );
    const before = cluster.get('ServiceAccount.v1', 'meshery', 'reader');
    await settle(cluster, [broker, parent], hookOf(testApp()), how);
    expect(cluster.get('ServiceAccount.v1', 'meshery', 'reader')).toEqual(before);
    expect(own(cluster)).toBeUndefined();
  });
});

it('the environment of MeshSync has the token before the URL also under server-side-apply while dynamic-apply still owns both variables', async () => {
  const cluster = await running(CUSTOM, 'dynamic-apply');
  await settle(cluster, [broker, parent], hookOf(testApp()), 'server-side-apply');
  respecify(cluster, NATIVE);
  await twoSyncs(cluster, 'server-side-apply');
  expect(environment(cluster)).toEqual([TOKEN_FROM_BROKER, NATIVE_URL]);
});

describe('more arguments of MeshSync', () => {
  const resolved = (extraArgs: string[], version?: string) =>
    resolveMeshSync(meshSyncParent({ ...CUSTOM, extraArgs, ...(version && { version }) }));

  it.each(STRATEGIES)('follow those of the output filters, under %s', async (how) => {
    const args = async (spec: JsonObject) =>
      at(deployment(await running({ ...CUSTOM, version: '1.1.0', ...spec }, how)), ...['spec', 'template', 'spec']);
    const extraArgs = ['--later', 'x'];
    expect(await args({ extraArgs })).toMatchObject({ containers: [{ args: extraArgs }] });
    expect(await args({ extraArgs, output: { namespaces: ['a'] } })).toMatchObject({
      containers: [{ args: ['--outputNamespaces', 'a', ...extraArgs] }],
    });
  });

  it('are refused where a field sets them, or where MeshSync would not publish', () => {
    for (const [argument, message] of Object.entries({
      '--outputNamespaces=a': 'must be set by spec.output.namespaces',
      '-outputResources': 'must be set by spec.output.resources',
      '--broker-url': 'must be set by spec.broker',
      '-output=file': 'is not supported',
      '--outputFile': 'is not supported',
      '-stopAfter': 'is not supported',
      '---later': 'must be a flag of MeshSync',
      '-=x': 'must be a flag of MeshSync',
    })) {
      for (const version of ['', '1.1.0']) {
        expect(resolved(['x', argument], version)).toMatchObject({
          path: 'spec.extraArgs[1]',
          message: expect.stringContaining(message),
        });
      }
    }
  });

  it('are refused for a version that is known to end with them', () => {
    for (const version of ['', '1.0.3', `v1.0.3@sha256:${'0'.repeat(64)}`]) {
      expect(resolved(['--later'], version)).toMatchObject({
        path: 'spec.extraArgs[0]',
        message: 'is not a flag of MeshSync 1.0.3, which ends at once with it',
      });
    }
    expect(resolved(['--constructor'])).toMatchObject({
      message: expect.stringContaining('is not a flag of MeshSync'),
    });
    for (const version of ['1.1.0', 'edge-latest']) expect(resolved(['--later'], version)).not.toHaveProperty('path');
    for (const argument of ['-', '--', 'later']) expect(resolved([argument])).not.toHaveProperty('path');
  });
});
