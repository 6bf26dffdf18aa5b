import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decode, encode } from '../../src/kubernetes/secrets.ts';
import type { Exchange } from './gateway.ts';

/**
 * Writes the requests of Metacontroller in the scenarios: of each parent the first and the last sync, and a customize
 * request. Credentials are replaced; order and content are otherwise unchanged.
 * @param directory is emptied before
 */
export async function record(exchanges: Exchange[], directory: string): Promise<void> {
  const chosen = new Map<string, string>();
  for (const { path, request, status } of exchanges) {
    // A private key can not be replaced without making its certificate useless.
    if (status !== 200 || request.includes('"tls.key"')) continue;
    const { parent } = JSON.parse(request) as { parent: { metadata: { namespace: string; name: string } } };
    const { namespace, name } = parent.metadata;
    const hook = `${namespace}-${name}${path.replaceAll('/', '-')}`;
    if (!chosen.has(`${hook}-first.json`)) chosen.set(`${hook}-first.json`, request);
    if (path.endsWith('sync')) chosen.set(`${hook}-last.json`, request);
  }
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  for (const [file, request] of chosen) await writeFile(join(directory, file), withoutCredentials(request));
}

/**
 * Replaces every credential by another value of the same length, in all places: in the data of Secrets, in the files among
 * them, in annotations that repeat them.
 */
export function withoutCredentials(request: string): string {
  const { children = {}, related = {} } = JSON.parse(request) as Record<'children' | 'related', Groups | undefined>;
  const secrets = [children, related].flatMap((groups) => Object.values(groups['Secret.v1'] ?? {}));
  const values = secrets.flatMap(({ data = {} }) => Object.values(data));
  const credentials = secrets.flatMap(({ data = {} }) =>
    Object.entries(data).flatMap(([key, value]) => (key.endsWith('.conf') ? [] : decode(value))),
  );
  let result = request;
  for (const value of new Set(values)) {
    let text = decode(value);
    for (const credential of new Set(credentials)) {
      if (credential) text = text.replaceAll(credential, replacement(credential));
    }
    result = result.replaceAll(value, encode(text));
  }
  return result;
}

type Groups = Record<string, Record<string, { data?: Record<string, string> }> | undefined>;

function replacement(credential: string): string {
  return 'tRecordedCredential'.repeat(Math.ceil(credential.length / 19)).slice(0, credential.length);
}
