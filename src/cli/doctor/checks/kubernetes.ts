import semver from 'semver';
import type { Facts } from '../facts.ts';
import { check, type Finding } from '../finding.ts';

/** The least version of Kubernetes that the operator works with. */
const LEAST = '1.30.0';

/** Whether the version of Kubernetes is supported. */
export function kubernetesVersion({ version }: Pick<Facts, 'version'>): Finding[] {
  const { ok, warning, error, judge } = check('Kubernetes');
  return judge(version, (given) => {
    const parsed = semver.coerce(given);
    if (!parsed) return [warning(`version ${given} can't be compared with ${LEAST}, the least that is supported`)];
    const remedy = `upgrade the cluster to ${LEAST} or later`;
    if (semver.lt(parsed, LEAST)) return [error(`version ${given} is older than ${LEAST}`, { remedy })];
    return [ok(`version ${given}`)];
  });
}
