import { readdirSync, readFileSync } from 'node:fs';
import { make } from 'covertable';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { placeholderFile } from '../../../../src/broker/nkeys.ts';
import { encode } from '../../../../src/kubernetes/secrets.ts';
import { generateToken } from '../../../../src/server/generate-token.ts';
import { at, type JsonObject, type KubeObject } from '../../../stand-in/json.ts';
import { testApp } from '../../../support/app.ts';
import { authority, issue, tlsSecret } from '../../../support/certificates.ts';
import { type Configuration, configurationProblem, startProblem } from '../../../support/nats.ts';
import { brokerParent } from '../../../support/scenarios.ts';

const ca = await authority();
const issued = await issue(ca, 'meshery-nats.meshery.svc');
const certificates = { 'tls.crt': issued.certificate, 'tls.key': issued.key, 'ca.crt': ca.certificate };
const forRoutes = await issue(ca, '*.meshery-nats-headless.meshery.svc');
const data = {
  token: encode('1e5'),
  password: encode('1e5 "quoted" \\ $HOME #'),
  nkey: encode('UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4'),
  key: encode('0123456789abcdef'),
  'nats.creds': encode(placeholderFile('eyJ0')),
};
const secrets = {
  'meshery/nats-tls': tlsSecret('nats-tls', issued, ca),
  'meshery/routes-tls': tlsSecret('routes-tls', forRoutes, ca),
  'meshery/hub-ca': {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'hub-ca', namespace: 'meshery' },
    data: { 'ca.crt': encode(ca.certificate) },
  },
  'meshery/own': { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'own', namespace: 'meshery' }, data },
};

async function configuration(name: string, spec: JsonObject, namespace = 'meshery') {
  const service = testApp({ context: { now: () => new Date(0), generateToken } });
  const parent = brokerParent(spec, name, namespace);
  const response = await service.post('/broker/sync', { parent, children: {}, related: { 'Secret.v1': secrets } });
  const children = response.json().children as unknown as KubeObject[];
  const find = (kind: string) => children.find((child) => child.kind === kind);
  const secret = children.find(({ kind, metadata }) => kind === 'Secret' && metadata.name.endsWith('-nats-server'));
  const values = Object.entries(secret?.data as Record<string, string>);
  const own = Object.fromEntries(values.map(([name, value]) => [name, Buffer.from(value, 'base64').toString()]));
  return {
    files: { 'credentials.conf': '', ...own, 'nats.conf': String(at(find('ConfigMap'), 'data', 'nats.conf')) },
    pod: `${find('StatefulSet')?.metadata.name}-0`,
  };
}

describe('the configuration of a broker', () => {
  const names = ['true', 'on', 'yes', 'e1', 'inf', 't1e5', 'a0-broker', 'nan', 'null', 'k', 'x-broker', 'include'];
  it.each(names)('is accepted by NATS for a Broker called %s', async (name) => {
    for (const size of [1, 3]) {
      const { files, pod } = await configuration(name, { size });
      expect(await configurationProblem(files, pod)).toBe('');
    }
  });

  it('is accepted by NATS for every name, namespace and size', async () => {
    const label = fc.stringMatching(/^[a-z]([-a-z0-9]{0,20}[a-z0-9])?$/);
    await fc.assert(
      fc.asyncProperty(label, label, fc.integer({ min: 1, max: 10 }), async (name, namespace, size) => {
        const { files, pod } = await configuration(name, { size }, namespace);
        expect(await configurationProblem(files, pod)).toBe('');
      }),
      { numRuns: 25 },
    );
  });

  it('has a route to every server, by the name that the headless Service gives its pod', async () => {
    const { files } = await configuration('east-broker', { size: 3 }, 'brokers');
    const hosts = [...files['credentials.conf'].matchAll(/@(\S+):6222"/g)].map(([, host]) => host);
    expect(hosts).toEqual([0, 1, 2].map((ordinal) => `east-nats-${ordinal}.east-nats-headless.brokers.svc`));
  });

  it('has its credentials only in the file of the Secret', async () => {
    const { files } = await configuration('meshery-broker', { size: 3 });
    const credentials = [...files['credentials.conf'].matchAll(/"(t[0-9a-f]{64})"/g)].map(([, value]) => value ?? '');
    expect(new Set(credentials).size).toBe(2);
    for (const credential of credentials) expect(files['nats.conf']).not.toContain(credential);
  });
});

const own = { name: 'own' };

/** Every field that ends up in the configuration, with the values that it can have; `undefined` leaves it out. */
const fields: Record<string, unknown[]> = {
  size: [1, 2, 3, 10],
  tls: [undefined, { secretName: 'nats-tls' }, { secretName: 'nats-tls', verify: true }],
  routes: [undefined, { secretName: 'routes-tls' }],
  monitor: [undefined, true],
  tokenSecretRef: [undefined, own],
  users: [
    undefined,
    [
      {
        user: 'reader',
        passwordSecretRef: own,
        permissions: { publish: { deny: ['>'] }, subscribe: { allow: ['meshery.>'] } },
      },
    ],
    [
      { user: 'a@b', nkeySecretRef: own },
      {
        user: '1e5',
        passwordSecretRef: own,
        permissions: { allowResponses: true, publish: { allow: ['$JS.API.>', '*.x'] } },
      },
    ],
  ],
  fileStore: [
    undefined,
    { size: '10Gi' },
    { size: '1.5Ti', maxSize: '1Gi' },
    { size: '100Mi', medium: 'Memory', maxSize: '90%' },
  ],
  memoryStore: [undefined, { maxSize: '64Mi' }],
  encryption: [undefined, {}, { cipher: 'aes' }, { cipher: 'chacha' }],
  maxOutstandingCatchup: [undefined, '32Mi'],
  domain: [undefined, 'hub-1'],
  leafNodes: [
    undefined,
    { enabled: true, authorization: { users: [{ user: 'users', passwordSecretRef: own }] } },
    {
      enabled: true,
      port: 7500,
      tls: { secretName: 'nats-tls' },
      authorization: {
        users: [
          { user: 'east', passwordSecretRef: own },
          { user: 'west', passwordSecretRef: own },
        ],
      },
    },
    {
      remotes: [
        { url: 'nats-leaf://hub.example.com', user: 'a', passwordSecretRef: own },
        { url: 'tls://[2001:db8::1]:7422', credentialsSecretRef: own, tls: { secretName: 'hub-ca' } },
        { url: 'wss://hub.example.com:443', tls: { secretName: 'nats-tls' } },
      ],
    },
  ],
  websocket: [
    undefined,
    { enabled: true },
    {
      ...{ enabled: true, port: 8443, tls: { secretName: 'nats-tls' }, sameOrigin: true, compression: true },
      allowedOrigins: ['https://meshery.example.com', 'http://localhost:9081'],
    },
  ],
  merge: [undefined, { max_pending: '<< 128MB >>', server_tags: ['az:a', 'b'], authorization: { timeout: 5 } }],
  maxPayload: [undefined, '1k', '64Mi'],
  maxConnections: [undefined, 1, 2_147_483_647],
  writeDeadline: [undefined, '1ms', '10s'],
  pingInterval: [undefined, '2m', '1h'],
  pingMax: [undefined, 1, 100],
  debug: [undefined, true, false],
  trace: [undefined, true, false],
  port: [undefined, 14_222],
  promExporter: [undefined, { enabled: true }],
};

/** A spec of these values, where each field that requires another one has it. */
function specOf(row: Record<string, JsonObject>): JsonObject {
  const { size, tls, routes, monitor, tokenSecretRef, users, promExporter, port, leafNodes, websocket, ...others } =
    row;
  const { fileStore, memoryStore, encryption, maxOutstandingCatchup, domain, ...config } = others;
  const jetstream = {
    ...{ fileStore, memoryStore, maxOutstandingCatchup },
    ...(encryption && fileStore && { encryptionKeySecretRef: own, ...encryption }),
    domain: domain ?? (leafNodes && 'required'),
  };
  return {
    ...{ size, promExporter, jetstream, config, leafNodes, websocket, service: { port } },
    auth: { tokenSecretRef, users },
    tls: { ...tls, ...(tls && { monitor }), routes },
  } as unknown as JsonObject;
}

describe('the configuration for every pair of field values', () => {
  const rows = make(fields) as Record<string, JsonObject>[];

  it('every pair of values is in one of the rows', () => {
    const names = Object.keys(fields);
    for (const [at, first] of names.entries()) {
      for (const second of names.slice(at + 1)) {
        const pairs = new Set(rows.map((row) => JSON.stringify([row[first] ?? null, row[second] ?? null])));
        expect(pairs.size, `${first} and ${second}`).toBe((fields[first] ?? []).length * (fields[second] ?? []).length);
      }
    }
  });

  it('NATS accepts the configuration, and starts', async () => {
    expect(rows.length).toBeGreaterThan(12);
    for (const row of rows) {
      const spec = specOf(row);
      const { files, pod } = await configuration('meshery-broker', spec);
      expect(await configurationProblem(files, pod, certificates), JSON.stringify(spec)).toBe('');
      expect(await startProblem(files, pod, certificates), JSON.stringify(spec)).toBe('');
    }
  }, 240_000);
});

describe('the check of a configuration', () => {
  it.each([
    ['a broken credentials file', { 'credentials.conf': 'authorization { token: "' }],
    ['no credentials file', { 'nats.conf': 'include ./missing.conf' }],
    ['a field that NATS does not know', { 'credentials.conf': 'authorisation { token: "a" }' }],
  ])('reports %s', async (_what, broken: Partial<Configuration>) => {
    const { files } = await configuration('meshery-broker', { size: 3 });
    expect(await configurationProblem({ ...files, ...broken }, 'meshery-nats-0')).not.toBe('');
  });

  it('reports that the name of the server is missing', async () => {
    const { files } = await configuration('meshery-broker', {});
    expect(await configurationProblem(files)).toContain('POD_NAME');
  });
});

describe('beside the token that Meshery needs, NATS refuses', () => {
  it.each([
    ['users', 'authorization { token: "a", users: [{ user: "b", password: "c" }] }', 'a token and a users array'],
    ['users of an account', 'accounts { B { users: [{ user: "b", password: "c" }] } }', 'a token and'],
    ['exports of its account', 'accounts { "$G" { exports: [{ stream: ">" }] } }', 'Reserved Account'],
    [
      'imports from its account',
      'accounts { B { imports: [{ stream: { account: "$G", subject: ">" } }] } }',
      'not defined',
    ],
  ])('%s, so that those have a server of their own or none', async (_what, block, error) => {
    const token = block.startsWith('authorization') ? '' : 'authorization { token: "a" }\n';
    const files = { 'nats.conf': 'include ./credentials.conf\n', 'credentials.conf': `${token}${block}\n` };
    expect(await configurationProblem(files)).toContain(error);
  });
});

describe('the golden Brokers', () => {
  const goldens = readdirSync('test/golden', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const brokers = goldens.flatMap(({ name }) => {
    const documents = parseAllDocuments(readFileSync(`test/golden/${name}/expected.yaml`, 'utf8'));
    const objects = documents.map((document) => document.toJS() as KubeObject);
    const secrets = objects.filter(({ stringData }) => at(stringData, 'credentials.conf'));
    return secrets.map((secret): [string, Configuration] => {
      const base = secret.metadata.name.replace(/-server$/, '');
      const config = objects.find(({ metadata }) => metadata.name === `${base}-config`);
      const values = Object.entries(secret.stringData as Record<string, string>);
      // The golden manifests have no certificates, which are re-created for each run.
      const own = Object.fromEntries(
        values.map(([name, value]) => [name, value === 'CERTIFICATE' ? ca.certificate : value]),
      );
      const files = { 'credentials.conf': '', ...own, 'nats.conf': String(at(config, 'data', 'nats.conf')) };
      return [`${base} of ${name}`, files];
    });
  });

  it('are all checked', () => {
    expect(brokers).toHaveLength(30);
  });

  it.each(brokers)('%s has a configuration that NATS accepts', async (_name, files) => {
    expect(await configurationProblem(files, 'meshery-nats-0', certificates)).toBe('');
  });
});
