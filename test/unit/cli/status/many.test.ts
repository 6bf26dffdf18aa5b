import { expect, it } from 'vitest';
import { status } from '../../../../src/cli/status/command.ts';
import type { JsonObject, KubeObject } from '../../../stand-in/json.ts';
import { fakeConnection } from '../../../support/connection.ts';
import { recorded } from '../../../support/terminal.ts';

const OPTIONS = { output: 'text', color: false, allNamespaces: false, watch: false, wait: false } as const;
const names = Array.from({ length: 12 }, (_, index) => `b${String(index).padStart(2, '0')}`);
/** Those whose server has crashed. */
const crashed = ['b03', 'b07'];

function owned(kind: string, name: string, owner: KubeObject, more: object = {}): KubeObject {
  const { kind: ownerKind, metadata } = owner;
  const reference = {
    apiVersion: 'v1',
    kind: ownerKind,
    name: metadata.name,
    uid: `${metadata.uid}`,
    controller: true,
  };
  const labels = { 'app.kubernetes.io/managed-by': 'meshery-operator', 'app.kubernetes.io/name': 'nats' };
  return {
    ...{ apiVersion: 'v1', kind, ...more },
    metadata: { name, namespace: 'many', uid: `uid-${kind}-${name}`, labels, ownerReferences: [reference] },
  };
}

function brokerOf(name: string): KubeObject {
  const isReady = !crashed.includes(name);
  const ready = isReady
    ? { status: 'True', reason: 'Ready', message: 'All servers are ready.' }
    : { status: 'False', reason: 'Unavailable', message: 'No server is ready.' };
  const condition = { type: 'Ready', observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z', ...ready };
  return {
    ...{ apiVersion: 'meshery.io/v1alpha2', kind: 'Broker', spec: {} },
    metadata: { name, namespace: 'many', uid: `uid-${name}`, generation: 1 },
    status: {
      conditions: [condition],
      observedGeneration: 1,
      readyReplicas: isReady ? 1 : 0,
      version: '2.14.2-alpine',
    },
  };
}

function podOf(set: KubeObject, scheme?: string): KubeObject {
  const name = `${set.metadata.name}-0`;
  const isReady = !crashed.some((each) => name.startsWith(each));
  const state = isReady ? { running: {} } : { terminated: { exitCode: 1, reason: 'Error' } };
  return owned('Pod', name, set, {
    spec: { containers: [{ name: 'nats', ...(scheme && { readinessProbe: { httpGet: { scheme } } }) }] },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
      containerStatuses: [{ name: 'nats', ready: isReady, restartCount: 0, state }],
    },
  });
}

it('looks closely at the first that are not Ready, where there are many', async () => {
  const brokers = names.map(brokerOf);
  const sets = brokers.map((broker) => owned('StatefulSet', `${broker.metadata.name}-nats`, broker));
  const reads: string[] = [];
  const objects = { brokers, statefulsets: sets, pods: sets.map((set) => podOf(set)) };
  const connection = fakeConnection('many', objects, {
    read: async (path) => {
      reads.push(path);
      return { status: 200, text: 'one\ntwo\n' };
    },
  });
  const terminal = recorded();
  const code = await status(connection, { kind: 'broker', name: undefined }, OPTIONS, terminal);
  expect(code).toBe(1);
  expect(reads).toEqual(
    crashed.map(
      (name) =>
        `/api/v1/namespaces/many/pods/${name}-nats-0/log?container=nats&previous=false&tailLines=10&limitBytes=65536`,
    ),
  );
  const tree = (name: string) => `Broker many/${name}   not Ready: Unavailable
├─ No server is ready.
├─ servers: 0 of 1 ready, version 2.14.2-alpine
├─ children: StatefulSet ${name}-nats
├─ missing: ConfigMap ${name}-nats-config; Secret ${name}-nats-auth, ${name}-nats-server; Service ${name}-nats, ${name}-nats-headless
└─ pod ${name}-nats-0: Running, 0/1 ready, 0 restarts
   └─ Error: container nats: ended with exit code 1
      ├─ one
      └─ two
`;
  const row = (name: string) =>
    crashed.includes(name)
      ? `Broker   many        ${name}    False   Unavailable   0/1    2.14.2-alpine   0`
      : `Broker   many        ${name}    True                  1/1    2.14.2-alpine   0`;
  expect(terminal.text).toBe(`KIND     NAMESPACE   NAME   READY   REASON        PODS   VERSION         RESTARTS   AGE
${names.map(row).join('\n')}

${crashed.map(tree).join('\n')}
Not shown: the trees of 10 resources: name one, such as broker NAME, to see it
Not shown: logs, and what servers say of themselves, but for the first 10 resources that are not Ready
`);
});

it('asks a server with TLS on its monitoring port by HTTPS', async () => {
  const [plain, encrypted] = ['b00', 'b01'].map((name) => owned('StatefulSet', `${name}-nats`, brokerOf(name)));
  if (!plain || !encrypted) throw new Error('no StatefulSets');
  const objects = {
    ...{ brokers: ['b00', 'b01'].map(brokerOf), statefulsets: [plain, encrypted] },
    pods: [podOf(plain, 'HTTP'), podOf(encrypted, 'HTTPS')],
  };
  const reads: string[] = [];
  const connection = fakeConnection('many', objects, {
    read: async (path) => {
      reads.push(path);
      return { status: 200, text: '{}' };
    },
  });
  await status(connection, { kind: 'broker', name: undefined }, OPTIONS, recorded());
  const asked = reads.filter((path) => path.endsWith('/varz')).sort();
  expect(asked).toEqual([
    '/api/v1/namespaces/many/pods/b00-nats-0:8222/proxy/varz',
    '/api/v1/namespaces/many/pods/https:b01-nats-0:8222/proxy/varz',
  ]);
});

it('shows the children that only some Brokers have, and misses none that is not wanted', async () => {
  const broker = brokerOf('b00');
  const optional = { natsBox: { enabled: true }, service: { perServer: true } };
  const set = owned('StatefulSet', 'b00-nats', broker);
  const shown = async (spec: JsonObject, deployments: KubeObject[]) => {
    const objects = { brokers: [{ ...broker, spec }], statefulsets: [set], pods: [podOf(set)], deployments };
    const terminal = recorded();
    await status(fakeConnection('many', objects), { kind: 'broker', name: undefined }, OPTIONS, terminal);
    return terminal.text;
  };
  const missing = await shown({ size: 2, ...optional }, []);
  expect(missing).toMatch(/missing: .*Deployment b00-nats-box; PodDisruptionBudget b00-nats; /);
  expect(missing).toMatch(/missing: .*Service b00-nats, b00-nats-0, b00-nats-1, b00-nats-headless/);
  const box = owned('Deployment', 'b00-nats-box', broker);
  const present = await shown({ size: 2, natsBox: { enabled: true }, podDisruptionBudget: { enabled: false } }, [box]);
  expect(present).toContain('children: Deployment b00-nats-box; StatefulSet b00-nats');
  expect(present).not.toMatch(/missing: .*(Deployment|PodDisruptionBudget|b00-nats-0)/);
});
