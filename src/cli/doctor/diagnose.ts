import { oneLine } from '../foreign-text.ts';
import { accounts } from './checks/accounts.ts';
import { crds } from './checks/crds.ts';
import { goOperator } from './checks/go-operator.ts';
import { hooks } from './checks/hooks.ts';
import { kubernetesVersion } from './checks/kubernetes.ts';
import { metacontroller, metacontrollerFlags, metacontrollerRights } from './checks/metacontroller.ts';
import { operator } from './checks/operator.ts';
import { podSecurity } from './checks/pod-security.ts';
import { registrations } from './checks/registrations.ts';
import { resources, takenNames } from './checks/resources.ts';
import { certificates, credentials } from './checks/secrets.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';

/** All checks, in the order in which one thing needs the other. */
const CHECKS: readonly ((facts: Facts) => Finding[])[] = [
  ...[kubernetesVersion, metacontroller, metacontrollerFlags, metacontrollerRights, crds, registrations],
  ...[operator, hooks, resources, takenNames, accounts, certificates, credentials, goOperator, podSecurity],
];

/** What all checks find. A right that is missing is said once by each check that needs it. */
export function diagnose(facts: Facts): Finding[] {
  return CHECKS.flatMap((check) => {
    const said = new Set<string>();
    return check(facts)
      .filter(({ message }) => !said.has(message) && said.add(message))
      .map(printableFinding);
  });
}

/** A finding whose texts, which may be those of objects, are lines without credentials. */
function printableFinding(finding: Finding): Finding {
  const { message, remedy } = finding;
  return { ...finding, message: oneLine(message), ...(remedy !== undefined && { remedy: oneLine(remedy) }) };
}
