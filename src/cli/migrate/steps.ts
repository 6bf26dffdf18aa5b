import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { OPERATOR } from '../../operator.ts';
import type { ClusterObject } from '../cluster/connection.ts';
import { objectInWords } from '../cluster/objects.ts';
import { copying, type MigrationRecord, marking, recording } from './backup.ts';
import { type Change, patched, removal } from './change.ts';
import { childrenToHandOver, handOverChildren, isGoOperators } from './children.ts';
import { definitionsToReplace, isOfGoOperator, replaceDefinitions } from './definitions.ts';
import type { Facts } from './facts.ts';
import { FINALIZERS } from './go-operator.ts';
import { releaseOf, withoutRelease } from './helm.ts';
import { install } from './install.ts';
import { KINDS, kindOf } from './kinds.ts';
import { waitingFor } from './readiness.ts';
import type { Step } from './step.ts';

/**
 * The steps of a migration, in their order. Each is decided by the cluster alone, so that a run that was interrupted goes on
 * with what is left. Only the last one can't be undone.
 */
export function stepsOf(facts: Facts): Step[] {
  const isStarted = isMigrating(facts);
  const whileMigrating = (step: Step): Step => (isStarted ? step : { name: step.name, title: step.title, changes: [] });
  return [
    whileMigrating(keepCopies(facts)),
    stop(facts),
    replaceDefinitions(facts),
    releaseResources(facts),
    whileMigrating({
      name: 'children',
      title: 'Hand the children of Brokers over to Metacontroller',
      changes: handOverChildren(facts, 'Broker'),
    }),
    whileMigrating(makeRoom(facts)),
    whileMigrating(install(facts)),
    whileMigrating(adoptBrokers(facts)),
    whileMigrating(adoptMeshSyncs(facts)),
    removeRest(facts),
  ];
}

/** Whether there is anything of the Go operator that has to be migrated, or a migration has begun. */
export function isMigrating(facts: Facts): boolean {
  const { record, goOperators, crds, resources } = facts;
  if (record || goOperators.length > 0 || crds.some(isOfGoOperator)) return true;
  return resources.some(hasFinalizer) || facts.children.some((child) => isGoOperators(child, facts));
}

function keepCopies(facts: Facts): Step {
  const { goOperators, resources, record, backups, namespace } = facts;
  const changed = [
    ...definitionsToReplace(facts),
    ...goOperators,
    ...oldServices(facts),
    ...oldRevisions(facts),
    ...resources.filter(hasFinalizer),
    ...childrenToHandOver(facts).map(({ object }) => object),
  ];
  const missing = changed.filter((object) => !backups.some((backup) => isSame(backup.object, object)));
  const copies = record?.phase === 'final' ? [] : missing.map((object) => copying(object, namespace));
  return {
    name: 'copies',
    title: 'Keep a copy of what changes, for a rollback',
    changes: [...(record ? [] : [recording(recordOf(facts))]), ...copies],
  };
}

function recordOf({ goOperators: [goOperator], namespace }: Facts): MigrationRecord {
  const { metadata, spec } = goOperator ?? {};
  const release = goOperator && releaseOf(goOperator);
  return {
    namespace,
    name: metadata?.name ?? OPERATOR.name,
    serviceAccount: spec?.template.spec.serviceAccountName ?? OPERATOR.name,
    ...(release && { release }),
  };
}

/** The step that stops the Go operator, and waits until its pods are gone. */
export function stop({ goOperators, pods }: Facts): Step {
  const running = goOperators.filter(({ spec }) => spec.replicas !== 0);
  return {
    name: 'stop',
    title: 'Stop the Go operator; brokers and MeshSyncs run on',
    changes: running.map((deployment) => {
      const does = `scale ${objectInWords(deployment)} from ${deployment.spec.replicas ?? 1} to 0`;
      return patched(does, KINDS.deployment, deployment, { type: 'merge', body: { spec: { replicas: 0 } } });
    }),
    ...(pods.length > 0 && { waitsFor: `the end of ${pods.map(({ metadata }) => `pod ${metadata.name}`).join(', ')}` }),
  };
}

function releaseResources({ resources }: Facts): Step {
  const changes = resources.filter(hasFinalizer).flatMap((resource): Change[] => {
    const kind = kindOf(resource);
    const { finalizers = [], resourceVersion } = resource.metadata;
    const kept = finalizers.filter((each) => !FINALIZERS.includes(each));
    const taken = finalizers.filter((each) => FINALIZERS.includes(each)).join(', ');
    const body = { metadata: { resourceVersion, finalizers: kept } };
    return kind
      ? [patched(`take ${taken} from ${objectInWords(resource)}`, kind, resource, { type: 'merge', body })]
      : [];
  });
  return { name: 'finalizers', title: 'Take the finalizers from the resources', changes };
}

function makeRoom(facts: Facts): Step {
  const why = 'the new one has its name';
  return {
    name: 'room',
    title: 'Make room for the new operator',
    changes: [
      ...facts.goOperators.map((deployment) => removal(KINDS.deployment, deployment, why)),
      ...oldServices(facts).map((service) => removal(KINDS.service, service, why)),
      ...oldRevisions(facts).map((secret) =>
        removal(KINDS.secret, secret, 'Helm forgets the old release, and uninstalls nothing of it'),
      ),
    ],
  };
}

function adoptBrokers({ resources, unreadable }: Facts): Step {
  const waiting = [...(unreadable ? [unreadable] : []), ...waitingForAll(resources, 'Broker')];
  return {
    name: 'brokers',
    title: 'Let Metacontroller adopt them; each pod of a broker is replaced once',
    changes: [],
    ...(waiting.length > 0 && { waitsFor: waiting.join('; ') }),
  };
}

/** After the brokers: a MeshSync that starts while its broker ends does not find it, and ends too. */
function adoptMeshSyncs(facts: Facts): Step {
  const waiting = waitingForAll(facts.resources, 'MeshSync');
  return {
    name: 'meshsyncs',
    title: 'Hand the children of MeshSyncs over; each of their pods is replaced once',
    changes: handOverChildren(facts, 'MeshSync'),
    ...(waiting.length > 0 && { waitsFor: waiting.join('; ') }),
  };
}

function waitingForAll(resources: readonly ClusterObject[], kind: string): string[] {
  return resources.filter((each) => each.kind === kind).flatMap((each) => waitingFor(each) ?? []);
}

function removeRest(facts: Facts): Step {
  const { record, backups, belongings, resources, revisions } = facts;
  const isReinstalled = revisions.some(({ chart }) => chart?.isOurs);
  const ofRelease = resources.filter((resource) => {
    const release = releaseOf(resource);
    return !isReinstalled && record?.release && release?.name === record.release.name;
  });
  return {
    name: 'rest',
    title: 'Remove what is left of the Go operator; after this, nothing can be undone',
    changes: [
      ...(record && record.phase !== 'final' ? [marking(record, 'final')] : []),
      ...backups.map(({ secret }) => removal(KINDS.secret, secret)),
      ...ofRelease.flatMap((resource): Change[] => {
        const kind = kindOf(resource);
        const does = `take ${objectInWords(resource)} out of the old release of Helm`;
        return kind ? [patched(does, kind, resource, { type: 'merge', body: withoutRelease(resource) })] : [];
      }),
      ...belongings.flatMap((object): Change[] => {
        const kind = kindOf(object);
        return kind ? [removal(kind, object)] : [];
      }),
      ...(record ? [removal(KINDS.secret, record.secret)] : []),
    ],
  };
}

/** The Service of the Go operator's chart, which has the name of that of this operator. */
export function oldServices({ named, goOperators, record }: Facts): ClusterObject[] {
  if (goOperators.length === 0 && !record) return [];
  return named.filter((object) => object.kind === 'Service' && !leadsToHooks(object));
}

const Ports = Type.Object({
  ports: Type.Array(Type.Object({ targetPort: Type.Optional(Type.Union([Type.String(), Type.Integer()])) })),
});

/** Whether a Service leads to the pods of this operator. */
export function leadsToHooks({ spec }: ClusterObject): boolean {
  return Value.Check(Ports, spec) && spec.ports.some(({ targetPort }) => targetPort === 'hooks');
}

function oldRevisions({ revisions }: Facts): ClusterObject[] {
  return revisions.filter(({ chart }) => chart && !chart.isOurs).map(({ secret }) => secret);
}

function hasFinalizer({ metadata: { finalizers = [] } }: ClusterObject): boolean {
  return finalizers.some((each) => FINALIZERS.includes(each));
}

/** Whether two objects have the same kind, namespace and name. */
export function isSame(one: ClusterObject, other: ClusterObject): boolean {
  const { metadata: left } = one;
  const { metadata: right } = other;
  return one.kind === other.kind && left.name === right.name && left.namespace === right.namespace;
}
