import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { CompositeController } from './composite-controller.ts';
import { type Definition, kindsOf } from './kinds.ts';

/** The kinds of Kubernetes and of our CRDs. */
export const kindOf = kindsOf(objectsIn<Definition>('manifests/crds', 'CustomResourceDefinition'));

const controllers = objectsIn<CompositeController>('metacontroller/controllers', 'CompositeController');

/** Our registration of a kind of parent. */
export function registrationOf(kind: string): CompositeController {
  const found = controllers.find(({ spec: { parentResource } }) => {
    return kindOf(parentResource.apiVersion, parentResource.resource) === kind;
  });
  if (!found) throw new Error(`no CompositeController for ${kind}`);
  return found;
}

function objectsIn<Type>(folder: string, kind: string): (Type & { kind: string })[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => parse(readFileSync(join(folder, file), 'utf8')))
    .filter((object) => object.kind === kind);
}
