import type { Facts } from '../facts.ts';
import { check, type Finding } from '../finding.ts';

const ENFORCE = 'pod-security.kubernetes.io/enforce';

/** Levels that keep privileged pods out of a namespace; all pods of this operator meet the stricter one. */
const LEVELS = ['restricted', 'baseline'];

/** Whether the namespaces of the operator and of the resources keep privileged pods out; other pods there may need to be let in. */
export function podSecurity({ namespaces }: Pick<Facts, 'namespaces'>): Finding[] {
  const { ok, judge } = check('Pod Security');
  return judge(namespaces, (all) => {
    const open = all.filter(({ metadata }) => !LEVELS.includes(metadata.labels?.[ENFORCE] ?? ''));
    if (open.length === 0) return [ok('the namespaces enforce restricted or baseline')];
    const names = open.map(({ metadata }) => metadata.name);
    const remedy = `to keep them out, see which of them would be refused, then do it without --dry-run: kubectl label --dry-run=server --overwrite namespace ${names.join(' ')} ${ENFORCE}=restricted`;
    const others = `${names.join(', ')} ${names.length > 1 ? 'admit' : 'admits'} other pods as well`;
    return [ok(`pods of this operator need only restricted; ${others}`, { remedy })];
  });
}
