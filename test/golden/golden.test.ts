import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { placeholderFile } from '../../src/broker/nkeys.ts';
import { render } from '../../src/cli/render.ts';
import { type GivenSecret, readResources } from '../../src/cli/resources.ts';
import { encode } from '../../src/kubernetes/secrets.ts';
import { authority, issue, tlsData } from '../support/certificates.ts';

const FOLDER = 'test/golden';

const cases = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

const ca = await authority();
/** The Secrets that the cases refer to. */
const secrets: GivenSecret[] = [
  { name: 'nats-tls', data: tlsData(await issue(ca, 'meshery-nats.meshery.svc'), ca) },
  { name: 'routes-tls', data: tlsData(await issue(ca, '*.meshery-nats-headless.meshery.svc'), ca) },
  { name: 'hub-ca', data: { 'ca.crt': encode(ca.certificate) } },
  {
    name: 'own',
    data: {
      password: encode('a-token-of-their-own'),
      nkey: encode('UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4'),
      key: encode('a-key-of-their-own'),
      'nats.creds': encode(placeholderFile('a.jwt')),
    },
  },
].map(({ name, data }) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'meshery' }, data }));

async function rendered(name: string): Promise<string> {
  const { resources } = await readResources([join(FOLDER, name, 'input.yaml')]);
  const { yaml, notes } = render(
    { resources, secrets },
    { mint: false, namespace: 'default', now: () => new Date('2026-01-01T00:00:00Z') },
  );
  expect(notes).toEqual([]);
  // The certificates of the cases are re-created for each run.
  return yaml
    .replace(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g, 'CERTIFICATE')
    .replace(/(ca-checksum|revision): [0-9a-f]{64}/g, (line, key) =>
      yaml.includes('ca-checksum') ? `${key}: CHECKSUM` : line,
    );
}

describe('golden manifests', () => {
  it('are there for every case', () => {
    expect(cases).toEqual([
      'broker-addresses',
      'broker-config',
      'broker-encryption',
      'broker-jetstream',
      'broker-leaf-node',
      'broker-leaf-nodes',
      'broker-memory-store',
      'broker-memory-volumes',
      'broker-merge',
      'broker-nats-box',
      'broker-network-policy',
      'broker-pod-fields',
      'broker-pods',
      'broker-services',
      'broker-static-volumes',
      'broker-tls',
      'broker-tls-routes',
      'broker-tls-verify',
      'broker-users',
      'broker-websocket',
      'common-metadata',
      'default',
      'loadbalancer-full',
      'meshsync-cross-namespace',
      'meshsync-custom-secrets',
      'meshsync-custom-url',
      'meshsync-custom-url-with-credentials',
      'meshsync-native',
      'meshsync-old-version',
      'meshsync-output',
      'meshsync-pod-fields',
      'meshsync-pods',
      'meshsync-watch-list',
      'nodeport',
      'size-3',
      'two-brokers',
      'version-with-v',
    ]);
  });

  it.each(cases)('%s is rendered as expected', async (name) => {
    const file = join(FOLDER, name, 'expected.yaml');
    const yaml = await rendered(name);
    if (process.env.UPDATE_GOLDEN) writeFileSync(file, yaml);
    if (!existsSync(file)) throw new Error(`${file} is missing: UPDATE_GOLDEN=1 writes it`);
    expect(yaml).toBe(await readFile(file, 'utf8'));
  });
});
