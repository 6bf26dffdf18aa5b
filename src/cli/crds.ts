import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { controllers } from '../controllers.ts';
import type { Controller } from '../metacontroller/controller.ts';
import { customResourceDefinition } from '../metacontroller/crd.ts';
import { OPERATOR_LABELS } from '../operator.ts';
import { printYaml } from './yaml.ts';

/** First line of every generated YAML file. */
export const GENERATED = '# Generated from src/controllers.ts by "npm run generate".';

/** The CRDs of some controllers as YAML, by the name of their file. */
export function crdFiles(list: readonly Controller[] = controllers): Map<string, string> {
  return new Map(
    list.map((controller) => {
      const crd = customResourceDefinition(controller, OPERATOR_LABELS);
      return [`${controller.group}_${controller.plural}.yaml`, `${GENERATED}\n${printYaml(crd)}`];
    }),
  );
}

/** Writes the CRDs into a folder, which is made when it is missing. */
export async function writeCrds(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, yaml] of crdFiles()) await writeFile(join(directory, name), yaml);
}
