import semver from 'semver';
import { controllers } from '../../../controllers.ts';
import type { Controller } from '../../../metacontroller/controller.ts';
import { crdName, customResourceDefinition } from '../../../metacontroller/crd.ts';
import { OPERATOR_LABELS } from '../../../operator.ts';
import { version } from '../../../server/version.ts';
import { API, REGISTRATIONS_CRD } from '../../cluster/api.ts';
import type { Facts } from '../facts.ts';
import { check, type Finding, type Fix } from '../finding.ts';
import type { Crd } from '../objects.ts';
import { isOurs, keptMetadata } from '../ownership.ts';
import { differences, somePaths } from '../structure.ts';
import { MIGRATE } from './go-operator.ts';

const APPLY = 'meshery-operator crds | kubectl apply --server-side -f -';
const VERSION_LABEL = 'app.kubernetes.io/version';

/** Whether the CRDs are there, served, and as this version has them. */
export function crds({ crds: answer }: Pick<Facts, 'crds'>): Finding[] {
  const { ok, error, judge } = check('CRDs');
  return judge(answer, (found) => {
    const findings = [
      ...controllers.flatMap((controller) => ofController(controller, found)),
      ...(found.has(REGISTRATIONS_CRD)
        ? established(REGISTRATIONS_CRD, found.get(REGISTRATIONS_CRD))
        : [error(`${REGISTRATIONS_CRD} is missing`, { remedy: 'install Metacontroller, which brings it' })]),
    ];
    return findings.length > 0 ? findings : [ok(`there, served, and those of ${version}`)];
  });
}

function ofController(controller: Controller, found: Map<string, Crd>): Finding[] {
  const { warning, error } = check('CRDs');
  const name = crdName(controller);
  const crd = found.get(name);
  if (!crd) return [error(`${name} is missing`, { remedy: APPLY })];
  if (!isOurs(crd)) {
    const whose = isGenerated(crd) ? "is that of Meshery's Go operator" : 'is not that of this operator';
    const remedy = `do not delete it, which would delete all of its resources${isGenerated(crd) ? `: ${MIGRATE} shows how to replace it` : ''}`;
    return [error(`${name} ${whose}`, { remedy })];
  }
  const problems = [...established(name, crd), ...served(controller, name, crd)];
  if (problems.length > 0) return problems;
  const expected = customResourceDefinition(controller, {});
  const different = differences(expected.spec, crd.spec, 'spec');
  if (different.length === 0) return [];
  const of = crd.metadata.labels?.[VERSION_LABEL];
  if (of && !semver.valid(of)) {
    const remedy = `apply that of this version, unless ${of} is newer: ${APPLY}`;
    return [warning(`${name} is of version ${of}, and differs from ${version} in ${somePaths(different)}`, { remedy })];
  }
  const age = of ? semver.compare(of, version) : -1;
  if (age > 0) {
    const remedy = `use the command line of version ${of}`;
    return [warning(`${name} is of version ${of}, and this command of ${version}`, { remedy })];
  }
  if (age === 0) {
    const remedy = `apply it anew, unless somebody changed it on purpose: ${APPLY}`;
    return [error(`${name} is of version ${of}, but differs from it in ${somePaths(different)}`, { remedy })];
  }
  const fix = fixOf(controller, name, crd, of);
  return [error(`${name} is of ${of ?? 'an older version'}, older than ${version}`, { remedy: APPLY, fix })];
}

function established(name: string, crd: Crd | undefined): Finding[] {
  const { error } = check('CRDs');
  const conditions = crd?.status?.conditions ?? [];
  if (conditions.some(({ type, status }) => type === 'Established' && status === 'True')) return [];
  const reason = conditions.find(({ status, message }) => status === 'False' && message)?.message;
  const remedy = `kubectl describe crd ${name} says more`;
  return [error(`${name} is not Established${reason ? `: ${reason}` : ''}`, { remedy })];
}

function served({ versions }: Controller, name: string, { spec }: Crd): Finding[] {
  const { error } = check('CRDs');
  const missing = versions.filter((each) => !spec.versions.some((one) => one.name === each && one.served));
  return missing.length === 0 ? [] : [error(`${name} does not serve ${missing.join(' and ')}`, { remedy: APPLY })];
}

/** Whether a CRD was made by controller-gen, as those of operators in Go are. */
function isGenerated({ metadata }: Crd): boolean {
  return metadata.annotations?.['controller-gen.kubebuilder.io/version'] !== undefined;
}

function fixOf(controller: Controller, name: string, crd: Crd, of: string | undefined): Fix {
  const labels = { ...OPERATOR_LABELS, [VERSION_LABEL]: version };
  const body = customResourceDefinition(controller, keptMetadata(crd, labels));
  return {
    summary: `apply CustomResourceDefinition ${name} of ${version}, in place of ${of ?? 'an older one'}`,
    writes: [{ of: API.crds, name, patch: { type: 'apply', body, force: true } }],
  };
}
