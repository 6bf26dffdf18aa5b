import { isDeepStrictEqual } from 'node:util';
import { OPERATOR_LABELS } from '../../operator.ts';
import type { ClusterObject } from '../cluster/connection.ts';
import { objectInWords } from '../cluster/objects.ts';
import { marking } from './backup.ts';
import { type Change, patched, removal } from './change.ts';
import type { Facts } from './facts.ts';
import { FINALIZERS } from './go-operator.ts';
import { KINDS, kindOf } from './kinds.ts';
import { restoration } from './restore.ts';
import { isDone, type Step } from './step.ts';
import { isSame, leadsToHooks, stop } from './steps.ts';

/** Why there is nothing to undo, or why it can't be undone; `undefined` where it can. */
export function refusalOf({ record, goOperators }: Facts): string | undefined {
  if (record?.phase === 'final') {
    return 'the last step has begun: what the Go operator needs is being removed. Run migrate apply to its end';
  }
  if (record) return undefined;
  return goOperators.length > 0
    ? 'there is nothing to undo: no migration has begun'
    : 'there is nothing to undo: a migration that is complete has removed the Go operator. To go back, install it again';
}

/**
 * The steps that undo a migration, in their order, which is that of its steps reversed. As those, they are decided by the
 * cluster alone: by the copies in it, and by what differs from them.
 */
export function rollbackStepsOf(facts: Facts): Step[] {
  // Once the copies are gone, so is the record: the cluster is as it was.
  if (!facts.record) return [];
  return [...(facts.record.phase === 'undone' ? [] : restoringSteps(facts)), restart(facts), forget(facts)];
}

/** What must be as it was before the Go operator starts: from then on, it changes its resources and their children itself. */
function restoringSteps(facts: Facts): Step[] {
  const steps = [
    {
      name: 'registrations',
      title: 'Stop this operator; brokers and MeshSyncs run on',
      changes: facts.registrations.map((object) => removal(KINDS.compositeController, object)),
    },
    removeOperator(facts),
    restoreChildren(facts),
    restoreResources(facts),
    { name: 'definitions', title: 'Restore the CustomResourceDefinitions', changes: restored(facts, facts.crds, CRD) },
  ];
  // Somebody may have started it in between.
  return steps.every(isDone) ? [] : [stop(facts), ...steps];
}

const CRD = ({ kind }: ClusterObject) => kind === KINDS.crd.kind;
const isResource = ({ kind }: ClusterObject) => kind === 'Broker' || kind === 'MeshSync';
const isRevision = ({ type }: ClusterObject) => type === 'helm.sh/release.v1';

function removeOperator({ operators, named, revisions, namespace }: Facts): Step {
  const own = named.filter((object) => (object.kind === 'Service' ? leadsToHooks(object) : isPartOf(object)));
  const ofNamespace = operators.filter(({ metadata }) => metadata.namespace === namespace);
  return {
    name: 'operator',
    title: 'Remove this operator; its roles and Metacontroller stay',
    changes: [
      ...ofNamespace.map((deployment) => removal(KINDS.deployment, deployment)),
      ...own.flatMap((object): Change[] => {
        const kind = kindOf(object);
        return kind ? [removal(kind, object)] : [];
      }),
      ...revisions.filter(({ chart }) => chart?.isOurs).map(({ secret }) => removal(KINDS.secret, secret)),
    ],
  };
}

/** Whether an object is one of this operator by its labels; nothing of the Go operator has this one. */
function isPartOf({ metadata: { labels = {} } }: ClusterObject): boolean {
  return labels[PART_OF] === OPERATOR_LABELS[PART_OF];
}

const PART_OF = 'app.kubernetes.io/part-of';

/** The children as they were. What only this operator makes goes once no template names it any more. */
function restoreChildren(facts: Facts): Step {
  const live = facts.children.map(({ object }) => object);
  const isChild = (object: ClusterObject) => live.some((child) => isSame(child, object));
  const changes = restored(facts, live, isChild);
  const own = facts.ownChildren.flatMap((object): Change[] => {
    const kind = kindOf(object);
    return kind ? [removal(kind, object, 'the Go operator makes none')] : [];
  });
  return {
    name: 'children',
    title: 'Give the children back; where this operator has replaced pods, they are replaced again',
    changes: changes.length > 0 ? changes : own,
  };
}

/** Finalizers and status; the spec is that of its author. */
function restoreResources({ resources, backups, goOperators }: Facts): Step {
  const isStopped = goOperators.every(({ spec }) => spec.replicas === 0);
  const changes = backups
    .map(({ object }) => object)
    .filter(isResource)
    .flatMap((copy): Change[] => {
      const kind = kindOf(copy);
      const live = resources.find((resource) => isSame(resource, copy));
      if (!kind || !live) return [];
      const { finalizers = [], resourceVersion } = live.metadata;
      const missing = (copy.metadata.finalizers ?? []).filter(
        (each) => FINALIZERS.includes(each) && !finalizers.includes(each),
      );
      const body = { metadata: { resourceVersion, finalizers: [...finalizers, ...missing] } };
      const status = copy.status ?? {};
      return [
        ...(missing.length > 0
          ? [patched(`give ${missing.join(', ')} back to ${objectInWords(live)}`, kind, live, { type: 'merge', body })]
          : []),
        ...(!isStopped || isDeepStrictEqual(status, live.status ?? {})
          ? []
          : [
              patched(`restore the status of ${objectInWords(live)}`, kind, live, {
                ...{ type: 'json', subresource: 'status', body: [{ op: 'add', path: '/status', value: status }] },
              }),
            ]),
      ];
    });
  return { name: 'resources', title: 'Give the finalizers back to the resources', changes };
}

function restart(facts: Facts): Step {
  const { goOperators, named, revisions, record } = facts;
  const live = [...goOperators, ...named, ...revisions.map(({ secret }) => secret)];
  const isOfOperator = (object: ClusterObject) => {
    if (isRevision(object)) return true;
    const isChild = facts.children.some((child) => isSame(child.object, object)) || object.metadata.ownerReferences;
    return !isChild && ['Deployment', 'Service'].includes(object.kind ?? '');
  };
  return {
    name: 'start',
    title: 'Start the Go operator',
    changes: [
      ...(record && record.phase !== 'undone' ? [marking(record, 'undone')] : []),
      // Its Deployment last: it begins with what it had.
      ...restored(facts, live, isOfOperator).sort(
        (left, right) => Number(left.target.kind === 'Deployment') - Number(right.target.kind === 'Deployment'),
      ),
    ],
  };
}

function forget({ record, backups }: Facts): Step {
  return {
    name: 'copies',
    title: 'Delete the copies',
    changes: [
      ...backups.map(({ secret }) => removal(KINDS.secret, secret)),
      ...(record ? [removal(KINDS.secret, record.secret)] : []),
    ],
  };
}

/** The changes that restore objects from their copies. */
function restored({ backups }: Facts, live: ClusterObject[], isIt: (object: ClusterObject) => boolean): Change[] {
  return backups
    .map(({ object }) => object)
    .filter(isIt)
    .flatMap((copy) =>
      restoration(
        copy,
        live.find((object) => isSame(object, copy)),
      ),
    );
}
