import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1ObjectMeta } from '@kubernetes/client-node';
import { controllers } from '../controllers.ts';
import type { Controller } from '../metacontroller/controller.ts';
import { customResourceDefinition } from '../metacontroller/crd.ts';
import { OPERATOR_LABELS } from '../operator.ts';
import { version } from '../server/version.ts';
import { printYaml } from './yaml.ts';

/** First line of every generated YAML file. */
export const GENERATED = '# Generated from src/controllers.ts by "npm run generate".';

/**
 * The CRDs of some controllers as YAML, by the name of their file.
 * @param more labels and annotations of the CRDs, besides the labels that all have
 */
export function crdFiles(
  list: readonly Controller[] = controllers,
  more: Pick<V1ObjectMeta, 'labels' | 'annotations'> = {},
): Map<string, string> {
  return new Map(
    list.map((controller) => {
      const crd = crdOf(controller, more);
      return [`${controller.group}_${controller.plural}.yaml`, `${GENERATED}\n${printYaml(crd)}`];
    }),
  );
}

/** The CRD of a controller, with the labels that all have, as a release has it. */
export function crdOf(controller: Controller, more: Pick<V1ObjectMeta, 'labels' | 'annotations'> = {}) {
  const labels = { ...OPERATOR_LABELS, 'app.kubernetes.io/version': version, ...more.labels };
  // A release of Helm that has had it in it never deletes it: all Brokers or MeshSyncs would go with it.
  const annotations = { 'helm.sh/resource-policy': 'keep', ...more.annotations };
  return customResourceDefinition(controller, { labels, annotations });
}

/** Writes the CRDs into a folder, which is made when it is missing. */
export async function writeCrds(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const [name, yaml] of crdFiles()) await writeFile(join(directory, name), yaml);
}
