import { version } from '../../../server/version.ts';
import { podImageTag } from '../../cluster/image.ts';
import type { Facts } from '../facts.ts';
import { check, type Finding } from '../finding.ts';
import type { Workload } from '../objects.ts';
import { podsReady } from '../workload.ts';
import { isGoOperator } from './go-operator.ts';

/** The image of the container that Meshery Server takes the version of the operator from. */
export function managerImage({ spec }: Workload): string {
  return spec.template.spec.containers.find(({ name }) => name === 'manager')?.image ?? '';
}

/** Whether the operator runs in the version of this command, and its Service leads to it. */
export function operator(facts: Pick<Facts, 'namespace' | 'deployment' | 'service' | 'endpoints'>): Finding[] {
  const { deployment: found } = facts;
  // Without pods, no Service leads to one.
  const isScaledToZero = 'value' in found && found.value?.spec.replicas === 0;
  return [...deployment(facts), ...(isScaledToZero ? [] : service(facts))];
}

function deployment({ namespace, deployment }: Pick<Facts, 'namespace' | 'deployment'>): Finding[] {
  const { ok, warning, error, judge } = check('operator');
  return judge(deployment, (found) => {
    if (!found) {
      const remedy = 'install it (docs/install.md), or name its namespace by --namespace';
      return [error(`there is no Deployment meshery-operator in namespace ${namespace}`, { remedy })];
    }
    // Reported among what the Go operator has left.
    if (isGoOperator(found)) return [];
    const workload = { ...found, kind: 'Deployment' };
    const tag = podImageTag(managerImage(found));
    const remedy = 'upgrade the operator, or use the command line of its version';
    const isOther = tag !== '' && tag !== version;
    const ofVersion = isOther
      ? [warning(`runs version ${tag}, and this command is ${version}`, { remedy })]
      : [ok(`runs ${tag ? `version ${tag}` : 'an image by its digest'} in namespace ${namespace}`)];
    return [...ofVersion, ...podsReady('operator', workload, 2)];
  });
}

function service({ namespace, service, endpoints }: Pick<Facts, 'namespace' | 'service' | 'endpoints'>): Finding[] {
  const { error, judge } = check('operator');
  return judge(service, (found) => {
    const remedy = 'apply the manifests or the chart of the operator anew';
    if (!found) return [error(`there is no Service meshery-operator in namespace ${namespace}`, { remedy })];
    return judge(endpoints, (slices) => {
      const ready = slices
        .flatMap((slice) => slice.endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready !== false);
      if (ready.length > 0) return [];
      const why = `compare its selector with the labels of the pods: kubectl describe service meshery-operator --namespace ${namespace}`;
      return [error('its Service leads to no ready pod', { remedy: why })];
    });
  });
}
