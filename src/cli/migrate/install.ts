import { controllers } from '../../controllers.ts';
import { OPERATOR } from '../../operator.ts';
import type { ClusterObject } from '../cluster/connection.ts';
import { isRegistrationOf } from '../cluster/registration.ts';
import type { Facts } from './facts.ts';
import { isGoOperator, isOperator } from './go-operator.ts';
import { manifestChanges } from './manifests.ts';
import type { Step } from './step.ts';

/** The step that installs this operator: from the given files, else by the caller. */
export function install(facts: Facts): Step {
  const { metacontroller } = facts;
  const step = { name: 'install', title: `Install this operator${metacontroller ? '' : ' and Metacontroller'}` };
  const missing = missingParts(facts);
  if (missing.length === 0) return { ...step, changes: [] };
  const changes = manifestChanges(facts);
  if (changes.length > 0) return { ...step, changes };
  const names = missing.map(({ name }) => name).join(', ');
  return {
    ...{ ...step, changes: [] },
    waitsFor: `you to install it, as docs/migrate.md says (missing: ${names})`,
  };
}

/** What the given files must contain, and do not: the names of parts of this operator. */
export function lackingIn({ manifests }: Facts, missing: readonly Part[]): string[] {
  if (manifests.length === 0) return [];
  return missing.filter(({ isIn }) => !manifests.some(isIn)).map(({ name }) => name);
}

/** A part of an installation of this operator. */
interface Part {
  name: string;
  /** Whether an object of a file is it. */
  isIn: (object: ClusterObject) => boolean;
}

/** What is not installed of this operator. */
export function missingParts({ registrations, operators }: Facts): Part[] {
  const deployment: Part = {
    name: `Deployment ${OPERATOR.name}`,
    isIn: (object) => isOperator(object) && !isGoOperator(object),
  };
  const unregistered = controllers
    .map((controller): Part => {
      const isIn = (object: ClusterObject) => isRegistrationOf(object, controller);
      return { name: `the CompositeController of ${controller.kind}`, isIn };
    })
    .filter(({ isIn }) => !registrations.some(isIn));
  return [...(operators.length === 0 ? [deployment] : []), ...unregistered];
}
