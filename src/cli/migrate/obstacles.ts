import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { brokerNames, isUsable } from '../../broker/contract.ts';
import { controllers } from '../../controllers.ts';
import { decode } from '../../kubernetes/secrets.ts';
import { controllerOfObject, objectInWords } from '../cluster/objects.ts';
import { hasOurName, isOurs } from './children.ts';
import { isOfGoOperator, versionsOf } from './definitions.ts';
import type { Facts } from './facts.ts';
import { AUTH_SECRET } from './go-operator.ts';
import { findingsOf } from './specs.ts';

/** Why a migration can't begin, and what to do about it. */
export interface Obstacle {
  /** The object that it is about. */
  about: string;
  message: string;
  remedy: string;
}

/** What stops a migration. */
export function obstaclesOf(facts: Facts): Obstacle[] {
  return [
    ...ofRollback(facts),
    ...unreadable(facts),
    ...ofOperators(facts),
    ...ofRelease(facts),
    ...ofDefinitions(facts),
    ...ofDeletions(facts),
    ...ofNames(facts),
    ...ofToken(facts),
    ...findingsOf(facts)
      .filter(({ severity }) => severity === 'error')
      .map(({ kind, namespace, name, path, message }) => ({
        about: `${kind} ${namespace}/${name}`,
        message: `this operator would refuse it: ${path ? `${path} ` : ''}${message}`,
        remedy: 'correct it while the Go operator runs',
      })),
  ];
}

function ofRollback({ record }: Facts): Obstacle[] {
  if (record?.phase !== 'undone') return [];
  const remedy = 'run migrate rollback to its end first';
  return [{ about: objectInWords(record.secret), message: 'says that a rollback has begun', remedy }];
}

function unreadable({ unreadable, record }: Facts): Obstacle[] {
  if (!unreadable || record) return [];
  const remedy = 'start the Go operator, which answers it, or set spec.conversion.strategy of both CRDs to None';
  return [{ about: 'the conversion webhook', message: unreadable, remedy }];
}

function ofOperators({ goOperators }: Facts): Obstacle[] {
  const owned = goOperators.flatMap((deployment): Obstacle[] => {
    const owner = controllerOfObject(deployment);
    if (!owner) return [];
    const message = `${owner.kind} ${owner.name} would start it again`;
    return [
      { about: objectInWords(deployment), message, remedy: `delete ${owner.kind} ${owner.name} and what creates it` },
    ];
  });
  if (goOperators.length < 2) return owned;
  const all = goOperators.map(objectInWords).join(', ');
  return [...owned, { about: all, message: 'several Go operators', remedy: 'delete all of them but one' }];
}

function ofRelease({ revisions }: Facts): Obstacle[] {
  const other = revisions.find(({ chart }) => chart && !chart.isOurs && chart.name !== 'meshery-operator');
  if (other) {
    const remedy =
      'annotate its Brokers and MeshSyncs with helm.sh/resource-policy=keep, then upgrade the release with meshery-operator.enabled=false';
    const message = `chart ${other.chart?.name} has more than the Go operator in it`;
    return [{ about: objectInWords(other.secret), message, remedy }];
  }
  const broken = revisions.find(({ chart }) => !chart);
  if (!broken) return [];
  return [
    { about: objectInWords(broken.secret), message: 'can not be read as a release of Helm', remedy: 'delete it' },
  ];
}

function ofDefinitions({ crds }: Facts): Obstacle[] {
  const stored = controllers[0]?.versions.at(-1);
  return crds
    .filter((crd) => isOfGoOperator(crd) && !versionsOf(crd).some(({ name }) => name === stored))
    .map((crd) => ({
      about: `CustomResourceDefinition ${crd.metadata.name}`,
      message: `has no version ${stored}`,
      remedy: 'upgrade the Go operator to 1.0 first',
    }));
}

/** A deletion can't be stopped. Once a migration has begun, its step for finalizers ends it. */
function ofDeletions({ resources, goOperators, record }: Facts): Obstacle[] {
  if (record) return [];
  const isStopped = goOperators.every(({ spec }) => spec.replicas === 0);
  return resources
    .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
    .map((resource) => {
      const { kind = '', metadata } = resource;
      const patch = `kubectl patch ${kind.toLowerCase()} ${metadata.name} -n ${metadata.namespace} --type=merge -p '{"metadata":{"finalizers":null}}'`;
      const remedy = isStopped
        ? `let it go, with its children, by: ${patch}`
        : 'wait until the Go operator has let it go';
      return { about: objectInWords(resource), message: 'is being deleted, which nothing can stop', remedy };
    });
}

/** Children that would not become those of this operator. */
function ofNames({ children, backups }: Facts): Obstacle[] {
  return children.flatMap((child): Obstacle[] => {
    const { object, owner } = child;
    const controller = controllerOfObject(object);
    if (isOurs(child, { backups }) && !hasOurName(child)) {
      const { nats } = brokerNames(owner.metadata.name);
      const message = `belongs to ${objectInWords(owner)}, for which this operator would make ${nats} instead`;
      const remedy = `delete that Broker and create one called meshery-broker; its clients get a new token`;
      return object.kind === 'StatefulSet' ? [{ about: objectInWords(object), message, remedy }] : [];
    }
    if (isOurs(child, { backups }) || !hasOurName(child)) return [];
    const by = controller
      ? `is controlled by ${controller.kind} ${controller.name}`
      : 'was made by nobody that is known';
    const message = `${by}, and has the name of a child of ${objectInWords(owner)}`;
    return [{ about: objectInWords(object), message, remedy: 'rename or delete one of the two' }];
  });
}

const Data = Type.Object({ data: Type.Optional(Type.Record(Type.String(), Type.String())) });

function ofToken({ children }: Facts): Obstacle[] {
  return children.flatMap(({ object }): Obstacle[] => {
    if (object.kind !== 'Secret' || object.metadata.name !== AUTH_SECRET || !Value.Check(Data, object)) return [];
    const token = decode(object.data?.token);
    if (token === '' || isUsable(token)) return [];
    const message = 'its token has other characters than letters, digits and .-_~, which this operator does not use';
    return [{ about: objectInWords(object), message, remedy: 'change the token while the Go operator runs' }];
  });
}
