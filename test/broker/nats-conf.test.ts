import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { mintToken } from '../../src/mint.ts';
import { testApp } from '../support/app.ts';
import { at, type JsonObject, type KubeObject } from '../support/json.ts';
import { type Configuration, configurationProblem } from '../support/nats.ts';
import { brokerParent } from '../support/scenarios.ts';

async function configuration(name: string, spec: JsonObject, namespace = 'meshery') {
  const service = testApp({ context: { now: () => new Date(0), mintToken } });
  const response = await service.post('/broker/sync', { parent: brokerParent(spec, name, namespace), children: {} });
  const children = response.json().children as unknown as KubeObject[];
  const find = (kind: string) => children.find((child) => child.kind === kind);
  const credentials = String(at(find('Secret'), 'data', 'credentials.conf'));
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
  it.each(names)('is one that NATS takes for a Broker called %s', async (name) => {
    for (const size of [1, 3]) {
      const { files, pod } = await configuration(name, { size });
      expect(await configurationProblem(files, pod)).toBe('');
    }
  });

  it('is one that NATS takes whatever name, namespace and size', async () => {
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

  it('holds its credentials in the file of the Secret alone', async () => {
    const { files } = await configuration('meshery-broker', { size: 3 });
    const credentials = [...files['credentials.conf'].matchAll(/"(t[0-9a-f]{64})"/g)].map(([, value]) => value ?? '');
    expect(new Set(credentials).size).toBe(2);
    for (const credential of credentials) expect(files['nats.conf']).not.toContain(credential);
  });
});

describe('the check', () => {
  it.each([
    ['a broken credentials file', { 'credentials.conf': 'authorization { token: "' }],
    ['no credentials file', { 'nats.conf': 'include ./missing.conf' }],
    ['a field that NATS does not know', { 'credentials.conf': 'authorisation { token: "a" }' }],
  ])('finds %s', async (_what, broken: Partial<Configuration>) => {
    const { files } = await configuration('meshery-broker', { size: 3 });
    expect(await configurationProblem({ ...files, ...broken }, 'meshery-nats-0')).not.toBe('');
  });

  it('finds that the name of the server is missing', async () => {
    const { files } = await configuration('meshery-broker', {});
    expect(await configurationProblem(files)).toContain('POD_NAME');
  });
});

describe('golden brokers', () => {
  const goldens = readdirSync('test/golden', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const brokers = goldens.flatMap(({ name }) => {
    const documents = parseAllDocuments(readFileSync(`test/golden/${name}/expected.yaml`, 'utf8'));
    const objects = documents.map((document) => document.toJS() as KubeObject);
    const secrets = objects.filter(({ stringData }) => at(stringData, 'credentials.conf'));
    return secrets.map((secret): [string, Configuration] => {
      const base = secret.metadata.name.replace(/-auth$/, '');
      const config = objects.find(({ metadata }) => metadata.name === `${base}-config`);
      const files = {
        'nats.conf': String(at(config, 'data', 'nats.conf')),
        'credentials.conf': String(at(secret, 'stringData', 'credentials.conf')),
      };
      return [`${base} of ${name}`, files];
    });
  });

  it('are all looked at', () => {
    expect(brokers).toHaveLength(9);
  });

  it.each(brokers)('%s has a configuration that NATS takes', async (_name, files) => {
    expect(await configurationProblem(files, 'meshery-nats-0')).toBe('');
  });
});
