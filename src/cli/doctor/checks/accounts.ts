import { rightsInWords } from '../../cluster/access.ts';
import { API } from '../../cluster/api.ts';
import type { Facts, MeshSyncAccount } from '../facts.ts';
import { check, type Finding, type Fix } from '../finding.ts';

/** Whether the ServiceAccount of each MeshSync may read what its watch-list names. */
export function accounts({ accounts: answer }: Pick<Facts, 'accounts'>): Finding[] {
  const { ok, warning, error, judge } = check('MeshSync');
  return judge(answer, (all) => {
    const findings = all
      .filter(({ denied }) => denied.length > 0)
      .map((one) => {
        const { account, denied, needed } = one;
        const what = `ServiceAccount ${account.namespace}/${account.name}`;
        const remedy = 'meshery-operator doctor --fix binds it to a role for its watch-list';
        // One that may read a part publishes that part.
        const finding = denied.length < needed ? warning : error;
        return finding(`${what} may not ${rightsInWords(denied)}`, { remedy, fix: fixOf(one) });
      });
    if (findings.length > 0) return findings;
    return [ok(all.length === 0 ? 'there is none' : 'each may read what its watch-list names')];
  });
}

function fixOf({ meshSync, grants }: MeshSyncAccount): Fix {
  const names = grants.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(' and ');
  return {
    summary: `apply ${names}, as rbac prints them for MeshSync ${meshSync.namespace}/${meshSync.name}`,
    writes: grants.map((body) => ({
      of: body.kind === 'ClusterRole' ? API.roles : API.bindings,
      name: body.metadata.name,
      patch: { type: 'apply', body, force: true },
      // An object of somebody else may grant its rights to others, who would get these too.
      ownLabels: body.metadata.labels,
    })),
  };
}
