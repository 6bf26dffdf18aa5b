import type { ClusterObject } from '../../cluster/connection.ts';
import { objectInWords, type Resource } from '../../cluster/objects.ts';
import { FIELD_MANAGERS } from '../../migrate/go-operator.ts';
import type { Facts, Release } from '../facts.ts';
import { check, type Finding } from '../finding.ts';
import type { Workload } from '../objects.ts';
import { target } from '../workload.ts';

/** The command that prints how to move from the Go operator to this one. */
export const MIGRATE = 'meshery-operator migrate plan';

/** Whether a Deployment runs Meshery's Go operator. */
export function isGoOperator({ spec }: Workload): boolean {
  return spec.template.spec.containers.some(({ image = '' }) =>
    /(?:^|\/)meshery\/meshery-operator(?:[:@]|$)/.test(image),
  );
}

/** What Meshery's Go operator has left behind, or whether it still runs. */
export function goOperator(facts: Pick<Facts, 'workloads' | 'resources' | 'releases'>): Finding[] {
  const { ok, judge } = check('Go operator');
  const findings = [
    ...judge(facts.workloads, (all) => [...running(all), ...managed(all)]),
    ...judge(facts.resources, (all) => [...finalizers(all), ...managed(all)]),
    ...judge(facts.releases, releases),
  ];
  return findings.length > 0 ? findings : [ok("nothing is left of Meshery's Go operator")];
}

function running(workloads: readonly Workload[]): Finding[] {
  const { error } = check('Go operator');
  return workloads.filter(isGoOperator).map((workload) => {
    const what =
      workload.spec.replicas === 0
        ? "of Meshery's Go operator is there, scaled to zero"
        : "runs Meshery's Go operator, which acts on the same resources";
    return error(`${objectInWords(workload)} ${what}`, { remedy: `${MIGRATE} shows how to move to this operator` });
  });
}

/** Its finalizers, which nobody removes once it is gone, so that a deletion never ends. */
function finalizers(resources: readonly Resource[]): Finding[] {
  const { error } = check('Go operator');
  return resources.flatMap((resource) => {
    const { finalizers = [], deletionTimestamp } = resource.metadata;
    const index = finalizers.findIndex((name) => name.includes('meshery'));
    if (index < 0) return [];
    const value = finalizers[index];
    const path = `/metadata/finalizers/${index}`;
    const patch = removal([{ op: 'test', path, value }], path);
    const hint = deletionTimestamp ? ', which ends its deletion' : '';
    const remedy = `once the Go operator is gone${hint}: kubectl patch ${target(resource)} --type=json -p '${patch}'`;
    return [error(`${objectInWords(resource)} has finalizer ${value}, and its deletion would hang`, { remedy })];
  });
}

/** Fields that still belong to it: what it has set stays when this operator no longer sets it. */
function managed(objects: readonly (ClusterObject | Resource | Workload)[]): Finding[] {
  const { warning } = check('Go operator');
  return objects.flatMap((object) => {
    const { managedFields = [] } = object.metadata;
    const index = managedFields.findIndex(({ manager }) => Object.values(FIELD_MANAGERS).includes(String(manager)));
    if (index < 0) return [];
    const value = managedFields[index]?.manager;
    const path = `/metadata/managedFields/${index}`;
    const patch = removal([{ op: 'test', path: `${path}/manager`, value }], path);
    const remedy = `kubectl patch ${target(object)} --type=json -p '${patch}'`;
    return [
      warning(`${objectInWords(object)} has fields of field manager ${value}, which stay when nobody wants them`, {
        remedy,
      }),
    ];
  });
}

/** A JSON patch that removes something if it is what it was. */
function removal(tests: object[], path: string): string {
  return JSON.stringify([...tests, { op: 'remove', path }]);
}

function releases(all: readonly Release[]): Finding[] {
  const { warning } = check('Go operator');
  return all
    .filter(({ chart, isOurs }) => chart === 'meshery-operator' && !isOurs)
    .map(({ namespace, name, chart, version }) => {
      const remedy = `an upgrade of it would bring the Go operator back: ${MIGRATE} shows how to leave it`;
      return warning(`Helm release ${namespace}/${name} is of chart ${chart} ${version}, the Go operator's`, {
        remedy,
      });
    });
}
