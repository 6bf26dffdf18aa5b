import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { customResourceDefinitions } from '../api/crds.ts';

/** The CRDs as YAML by the name of their file. */
export function crdFiles(): Map<string, string> {
  return new Map(
    customResourceDefinitions().map((crd) => [
      `${crd.spec.group}_${crd.spec.names.plural}.yaml`,
      `# Generated from src/api by "npm run crds".\n${stringify(crd, { lineWidth: 0, aliasDuplicateObjects: false })}`,
    ]),
  );
}

/** Writes the CRDs into a folder, which is made when it is missing. */
export async function writeCrds(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, yaml] of crdFiles()) await writeFile(join(directory, name), yaml);
}
