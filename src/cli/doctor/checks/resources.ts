import { objectInWords, type Resource } from '../../cluster/objects.ts';
import type { Facts } from '../facts.ts';
import { check, type Finding } from '../finding.ts';
import { conditionOf, generationOf, isSynced } from '../resource.ts';
import { target } from '../workload.ts';

/** How long a resource may wait for its first sync, or for that of an edit, before that is an error. */
const PATIENCE_MS = 60_000;

/** Whether the resources are synced, and none waits for a person. */
export function resources({ resources: answer, now }: Pick<Facts, 'resources' | 'now'>): Finding[] {
  const { ok, judge } = check('resources');
  return judge(answer, (all) => {
    const findings = all.flatMap((resource) => {
      const found = [...synced(resource, now), ...waiting(resource)];
      return found.length > 0 ? found : ready(resource);
    });
    if (findings.length > 0) return findings;
    return [ok(all.length === 0 ? 'there is no Broker and no MeshSync' : `${all.length} are synced, and Ready`)];
  });
}

function synced(resource: Resource, now: Date): Finding[] {
  const { warning, error } = check('resources');
  const { metadata } = resource;
  if (isSynced(resource)) return [];
  const remedy = 'see the findings about Metacontroller, registrations and hooks; kubectl describe shows its Events';
  if (generationOf(resource) >= 0) {
    const behind = `its status is of generation ${generationOf(resource)}, and it is at ${metadata.generation}`;
    return [warning(`${objectInWords(resource)} is not synced since its last edit: ${behind}`, { remedy })];
  }
  const isNew = now.getTime() - Date.parse(metadata.creationTimestamp ?? '') < PATIENCE_MS;
  return [(isNew ? warning : error)(`${objectInWords(resource)} was never synced`, { remedy })];
}

function waiting(resource: Resource): Finding[] {
  const { error } = check('resources');
  const stalled = conditionOf(resource, 'Stalled');
  const created = conditionOf(resource, 'ChildrenCreated');
  // Taken names have a check of their own.
  const isStalled = stalled?.status === 'True' && stalled.reason !== 'NameConflict';
  const remedy = `kubectl describe ${target(resource)}`;
  return [
    ...(isStalled
      ? [
          error(`${objectInWords(resource)} is stalled, ${stalled.reason}: ${stalled.message}`, {
            remedy: `${remedy}, then edit what it names`,
          }),
        ]
      : []),
    ...(created?.status === 'False'
      ? [
          error(`${objectInWords(resource)}: Kubernetes refuses a child: ${created.message}`, {
            remedy: `${remedy} shows why`,
          }),
        ]
      : []),
  ];
}

/** Reasons of a resource that is as its author wants it, or has a check of its own. */
const NO_DEFECT = ['Hibernated', 'NameConflict'];

function ready(resource: Resource): Finding[] {
  const { warning } = check('resources');
  const condition = conditionOf(resource, 'Ready');
  if (!condition || condition.status === 'True' || NO_DEFECT.includes(condition.reason)) return [];
  const { kind, metadata } = resource;
  const remedy = `meshery-operator status ${kind.toLowerCase()} ${metadata.name} --namespace ${metadata.namespace} shows what stops it`;
  return [warning(`${objectInWords(resource)} is not Ready, ${condition.reason}: ${condition.message}`, { remedy })];
}

/** Whether no other object has the name of a child. */
export function takenNames({ resources: answer }: Pick<Facts, 'resources'>): Finding[] {
  const { ok, error, judge } = check('names');
  return judge(answer, (all) => {
    const findings = all.flatMap((resource) => {
      const condition = conditionOf(resource, 'NamesAvailable');
      if (condition?.reason !== 'NameConflict') return [];
      const remedy = 'rename the resource, or make room once nobody needs that object: it is left unchanged';
      return [error(`${objectInWords(resource)}: ${condition.message}`, { remedy })];
    });
    return findings.length > 0 ? findings : [ok('no other object has the name of a child')];
  });
}
