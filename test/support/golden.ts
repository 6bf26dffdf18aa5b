import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { placeholderFile } from '../../src/broker/nkeys.ts';
import { type GivenResource, type GivenSecret, readResources } from '../../src/cli/resources.ts';
import { encode } from '../../src/kubernetes/secrets.ts';
import { authority, issue, tlsData } from './certificates.ts';

/** The folder of the cases. */
export const GOLDEN = 'test/golden';

/** The names of the cases: folders with resources, and what is rendered of them. */
export const goldenCases = readdirSync(GOLDEN, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** The path of a file of a case. */
export function goldenFile(name: string, file: 'input.yaml' | 'expected.yaml'): string {
  return join(GOLDEN, name, file);
}

const ca = await authority();

/** The Secrets that the cases refer to. */
export const goldenSecrets: GivenSecret[] = [
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

/** The resources of a case. */
export async function readGolden(name: string): Promise<GivenResource[]> {
  return (await readResources([goldenFile(name, 'input.yaml')])).resources;
}
