import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from '../../src/kubernetes/secrets.ts';
import type { ControlPlane } from './control-plane.ts';

const MESHERY = 'meshery.io/v1alpha2';

/** The public objects, in which no credential may be. */
const kinds = [
  [MESHERY, 'Broker'],
  [MESHERY, 'MeshSync'],
  ['v1', 'ConfigMap'],
  ['v1', 'Event'],
  ['v1', 'Service'],
  ['apps/v1', 'StatefulSet'],
  ['apps/v1', 'Deployment'],
] as const;

/**
 * Finds credentials, plain or in base64, outside Secrets: in the output of any program that a world has run, or in other
 * objects.
 * @returns names of logs and kinds of objects
 */
export async function exposedIn(
  { directory, kubernetes }: Pick<ControlPlane, 'directory' | 'kubernetes'>,
  credentials: string[],
): Promise<string[]> {
  const words = credentials.flatMap((credential) => [credential, encode(credential).replace(/=+$/, '')]);
  const logs = (await readdir(directory)).filter((file) => file.endsWith('.log'));
  const texts = [
    ...logs.map(async (file) => [file, await readFile(join(directory, file), 'utf8')] as const),
    ...kinds.map(
      async ([apiVersion, kind]) => [kind, JSON.stringify(await kubernetes.list(apiVersion, kind))] as const,
    ),
  ];
  const exposed = (await Promise.all(texts)).filter(([, text]) => words.some((word) => text.includes(word)));
  return exposed.map(([where]) => where);
}
