import { readdirSync, readFileSync } from 'node:fs';
import { make } from 'covertable';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { encode } from '../../../../src/kubernetes/secrets.ts';
import { generateToken } from '../../../../src/server/generate-token.ts';
import { at, type JsonObject, type KubeObject } from '../../../stand-in/json.ts';
import { testApp } from '../../../support/app.ts';
import { authority, issue, tlsSecret } from '../../../support/certificates.ts';
import { type Configuration, configurationProblem } from '../../../support/nats.ts';
import { brokerParent } from '../../../support/scenarios.ts';

const ca = await authority();
const issued = await issue(ca, 'meshery-nats.meshery.svc');
const certificates = { 'tls.crt': issued.certificate, 'tls.key': issued.key, 'ca.crt': ca.certificate };
const token = { metadata: { name: 'own', namespace: 'meshery' }, data: { token: encode('1e5') } };
const secrets = {
  'meshery/nats-tls': tlsSecret('nats-tls', issued, ca),
  'meshery/own': { apiVersion: 'v1', kind: 'Secret', ...token },
};

async function configuration(name: string, spec: JsonObject, namespace = 'meshery') {
  const service = testApp({ context: { now: () => new Date(0), generateToken } });
  const parent = brokerParent(spec, name, namespace);
  const response = await service.post('/broker/sync', { parent, children: {}, related: { 'Secret.v1': secrets } });
  const children = response.json().children as unknown as KubeObject[];
  const find = (kind: string) => children.find((child) => child.kind === kind);
  const secret = children.find(({ kind, metadata }) => kind === 'Secret' && metadata.name.endsWith('-nats-server'));
  const credentials = String(at(secret, 'data', 'credentials.conf'));
  return {
    files: {
      'nats.conf': String(at(find('ConfigMap'), 'data', 'nats.conf')),
      'credentials.conf': Buffer.from(credentials, 'base64').toString(),
    },
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

/** Every field that ends up in the configuration, with the values that it can have; `undefined` leaves it out. */
const fields: Record<string, unknown[]> = {
  size: [1, 2, 3, 10],
  tls: [undefined, { secretName: 'nats-tls' }, { secretName: 'nats-tls', verify: true }],
  auth: [undefined, { tokenSecretRef: { name: 'own' } }],
  fileStore: [undefined, { size: '10Gi' }, { size: '1.5Ti', maxSize: '1Gi' }],
  memoryStore: [undefined, { maxSize: '64Mi' }],
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

  it('NATS accepts the configuration', async () => {
    expect(rows.length).toBeGreaterThan(12);
    for (const { size, tls, auth, port, promExporter, fileStore, memoryStore, ...config } of rows) {
      const jetstream = { fileStore, memoryStore };
      const spec = { size, tls, auth, promExporter, jetstream, config, service: { port } } as unknown as JsonObject;
      const { files, pod } = await configuration('meshery-broker', spec);
      expect(await configurationProblem(files, pod, tls ? certificates : {}), JSON.stringify(spec)).toBe('');
    }
  }, 120_000);
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

describe('the golden Brokers', () => {
  const goldens = readdirSync('test/golden', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const brokers = goldens.flatMap(({ name }) => {
    const documents = parseAllDocuments(readFileSync(`test/golden/${name}/expected.yaml`, 'utf8'));
    const objects = documents.map((document) => document.toJS() as KubeObject);
    const secrets = objects.filter(({ stringData }) => at(stringData, 'credentials.conf'));
    return secrets.map((secret): [string, Configuration] => {
      const base = secret.metadata.name.replace(/-server$/, '');
      const config = objects.find(({ metadata }) => metadata.name === `${base}-config`);
      const files = {
        'nats.conf': String(at(config, 'data', 'nats.conf')),
        'credentials.conf': String(at(secret, 'stringData', 'credentials.conf')),
      };
      return [`${base} of ${name}`, files];
    });
  });

  it('are all checked', () => {
    expect(brokers).toHaveLength(19);
  });

  it.each(brokers)('%s has a configuration that NATS accepts', async (_name, files) => {
    expect(await configurationProblem(files, 'meshery-nats-0', certificates)).toBe('');
  });
});
