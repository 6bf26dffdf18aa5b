import { existsSync } from 'node:fs';
import { controllers } from '../../controllers.ts';
import type { Controller } from '../../metacontroller/controller.ts';

/** A resource of the cluster that an argument names. */
export interface LiveArgument {
  /** The argument. */
  text: string;
  controller: Pick<Controller, 'kind'>;
  name: string;
}

/**
 * What `broker/meshery-broker` names: a resource of the cluster, by its kind, plural or short name, unless there is such a file.
 * `undefined` for a file.
 */
export function liveArgument(text: string, isFile: (path: string) => boolean = existsSync): LiveArgument | undefined {
  const [, kind = '', name] = /^([A-Za-z]+)\/([a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/.exec(text) ?? [];
  if (!name || /\.(ya?ml|json)$/.test(name)) return undefined;
  const controller = controllerOf(kind);
  return controller && !isFile(text) ? { text, controller, name } : undefined;
}

/** The controller of a kind, by its name, plural or short name, as kubectl understands them. */
export function controllerOf(kind: string): Pick<Controller, 'kind'> | undefined {
  const called = kind.toLowerCase();
  return controllers.find(({ kind, plural, shortNames = [] }) =>
    [kind.toLowerCase(), plural, ...shortNames].includes(called),
  );
}
