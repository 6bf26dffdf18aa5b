import { compositeController } from '../../src/metacontroller/composite-controller.ts';
import type { Controller } from '../../src/metacontroller/controller.ts';
import { OPERATOR, OPERATOR_LABELS } from '../../src/operator.ts';
import type { CompositeController } from './composite-controller.ts';

/** Returns the kind of a resource where there is no API server for discovery. */
export type KindOf = (apiVersion: string, resource: string) => string;

/** The kinds of some controllers: of their parents, of their children, and of their related objects. */
export function kindsOf(controllers: readonly Controller[]): KindOf {
  const parents = controllers.map(({ apiVersion, plural, kind }) => ({ apiVersion, resource: plural, kind }));
  const all = [...parents, ...controllers.flatMap(({ kinds }) => kinds)];
  const known = new Map(all.map(({ apiVersion, resource, kind }) => [`${apiVersion} ${resource}`, kind]));
  return (apiVersion, resource) => {
    const kind = known.get(`${apiVersion} ${resource}`);
    if (!kind) throw new Error(`no controller knows ${resource} of ${apiVersion}`);
    return kind;
  };
}

/** The registration of the controller of a kind. */
export function registrationOf(controllers: readonly Controller[], kind: string): CompositeController {
  const controller = controllers.find((each) => each.kind === kind);
  if (!controller) throw new Error(`no controller of ${kind}`);
  return compositeController(controller, `meshery-${controller.name}`, OPERATOR, OPERATOR_LABELS);
}
