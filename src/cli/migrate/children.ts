import { AUTH_KEYS, brokerNames } from '../../broker/contract.ts';
import { CONTROLLER_UID_LABEL, type Fields, isObject, LAST_APPLIED, project } from '../../metacontroller/reapply.ts';
import { type ClusterObject, FIELD_MANAGER } from '../cluster/connection.ts';
import { controllerOfObject, objectInWords } from '../cluster/objects.ts';
import { ownerReference } from '../sent-objects.ts';
import { type Change, patched } from './change.ts';
import type { Child, Facts } from './facts.ts';
import { AUTH_SECRET, FIELD_MANAGERS } from './go-operator.ts';
import { type Entry, entriesOf, handedOver, isOfManager, type Manager, owns } from './managed-fields.ts';
import { managerOf } from './metacontroller.ts';

/**
 * Makes the children of all resources of a kind those that Metacontroller would have made: labelled, so that it claims them, and
 * with the fields of the Go operator as its own, so that it removes those that the hooks do not ask for. Otherwise a volume would
 * have two sources and a probe two handlers, which the API server refuses on every sync.
 */
export function handOverChildren(facts: Facts, kind: 'Broker' | 'MeshSync'): Change[] {
  return childrenToHandOver(facts)
    .filter(({ owner }) => owner.kind === kind)
    .map((child) => handOver(child, managerFor(facts)));
}

/** The children that Metacontroller would not take as they are, and those of whose fields this program still owns some. */
export function childrenToHandOver(facts: Facts): Child[] {
  const to = managerFor(facts);
  return facts.children.filter(
    (child) =>
      isAdoptable(child, facts) && (!isTaken(child, to) || entriesOf(child.object).some((entry) => isLeft(entry, to))),
  );
}

/** Whether a child is as the Go operator leaves it: without the label of Metacontroller, or with fields of the Go operator. */
export function isGoOperators(child: Child, facts: Facts): boolean {
  const { object } = child;
  return isAdoptable(child, facts) && (!isClaimed(child) || entriesOf(object).some(isOfGoOperator));
}

/** Whether a child belongs to its resource, and this operator makes one of its name. */
function isAdoptable(child: Child, facts: Facts): boolean {
  return isOurs(child, facts) && hasOurName(child);
}

function isClaimed({ object, owner }: Child): boolean {
  return object.metadata.labels?.[CONTROLLER_UID_LABEL] === owner.metadata.uid;
}

/**
 * Whether a child belongs to its resource: by its owner reference or, where Metacontroller has taken that from a child without
 * its label, by who made it or by its copy.
 */
export function isOurs(child: Child, { backups }: Pick<Facts, 'backups'>): boolean {
  const { object, owner } = child;
  const controller = controllerOfObject(object);
  if (controller) return controller.uid === owner.metadata.uid;
  const copies = backups.map((backup) => backup.object).filter(({ metadata }) => metadata.uid === object.metadata.uid);
  const wasMade = (each: ClusterObject) => entriesOf(each).some(isOfGoOperator) || isGoToken(each);
  const wasControlled = (each: ClusterObject) => controllerOfObject(each)?.uid === owner.metadata.uid;
  return isClaimed(child) || copies.some(wasControlled) || [object, ...copies].some(wasMade);
}

/** Whether this operator gives a child the name that it has. */
export function hasOurName({ owner }: Child): boolean {
  return owner.kind !== 'Broker' || brokerNames(owner.metadata.name).auth === AUTH_SECRET;
}

function managerFor({ metacontroller }: Facts): Manager {
  return metacontroller?.manager ?? managerOf(false);
}

/**
 * The next change that hands a child over: first the fields, then the label. Metacontroller must never see its label without its
 * fields, or with fields that another manager owns as well: it would apply a part, and replace the pods once more.
 */
function handOver(child: Child, to: Manager): Change {
  const { kind, object, owner } = child;
  const { name, namespace, resourceVersion } = object.metadata;
  const entries = entriesOf(object);
  const left = entries.filter((entry) => isLeft(entry, to));
  const about = objectInWords({ kind: kind.kind, metadata: { name, namespace } });
  const labelled = `label it as that of ${owner.kind} ${owner.metadata.name}`;
  if (left.length > 0) {
    const from = [...new Set(left.map(({ manager }) => manager))].join(' and ');
    const does = `make the fields of ${from} in ${about} those of ${to.manager}${isClaimed(child) ? '' : `, then ${labelled}`}`;
    const managedFields = handedOver(object, (entry) => isLeft(entry, to), to, isClaimed(child) ? CLAIM : {});
    return patched(does, kind, object, { type: 'merge', body: { metadata: { resourceVersion, managedFields } } });
  }
  const fields = entries.find((entry) => isOfManager(entry, to))?.fieldsV1 ?? {};
  const labels = { [CONTROLLER_UID_LABEL]: owner.metadata.uid };
  const does = `in ${about}, ${labelled}`;
  if (to.operation === 'Update') {
    const annotations = lastApplied(object, fields);
    const others = (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid);
    const ownerReferences = [...others, ownerReference(owner)];
    const body = { metadata: { resourceVersion, labels, ownerReferences, ...(annotations && { annotations }) } };
    return patched(does, kind, object, { type: 'merge', body });
  }
  const { metadata: projected, ...rest } = asFields(project(object, fields));
  const own = asFields(projected);
  const all = { ...asFields(own.labels), ...labels };
  const metadata = { ...own, name, namespace, labels: all, ownerReferences: [ownerReference(owner)] };
  const body = { ...typeOf(object), ...rest, metadata };
  return patched(does, kind, object, { type: 'apply', force: true, fieldManager: to.manager, body });
}

/** The field by which Metacontroller claims a child. */
const CLAIM = { 'f:metadata': { 'f:labels': { [`f:${CONTROLLER_UID_LABEL}`]: {} } } };

/** Whether Metacontroller claims a child, and knows it for one that it has applied. */
function isTaken(child: Child, to: Manager): boolean {
  const path = ['f:metadata', 'f:labels', `f:${CONTROLLER_UID_LABEL}`];
  const isKnown = entriesOf(child.object).some((entry) => isOfManager(entry, to) && owns(entry, path));
  return isClaimed(child) && (to.operation === 'Update' || isKnown);
}

/** Whether an entry must not remain: it is handed over, or of this program. */
function isLeft(entry: Entry, to: Manager): boolean {
  return isHandedOver(entry, to) || isOwnEntry(entry);
}

function typeOf({ apiVersion, kind }: ClusterObject): Fields {
  return { apiVersion, kind };
}

/** The annotation by which dynamic-apply finds the fields to remove. Not for a Secret: it would be a copy of its values. */
function lastApplied(object: ClusterObject, fields: Fields): Record<string, string> | undefined {
  if (object.kind === 'Secret' || Object.keys(fields).length === 0) return undefined;
  const { metadata, ...rest } = asFields(project(object, fields));
  const { ownerReferences: _owners, ...kept } = asFields(metadata);
  const { name, namespace } = object.metadata;
  return { [LAST_APPLIED]: JSON.stringify({ ...typeOf(object), metadata: { ...kept, name, namespace }, ...rest }) };
}

function asFields(value: unknown): Fields {
  return isObject(value) ? value : {};
}

function isHandedOver(entry: Entry, to: Manager): boolean {
  return !isOfManager(entry, to) && (isOfGoOperator(entry) || isOfCreator(entry));
}

function isOfGoOperator({ manager }: Entry): boolean {
  return manager === FIELD_MANAGERS.broker || manager === FIELD_MANAGERS.meshSync;
}

/**
 * The Go operator creates the Secret by the name of its program, which is not always the same. Metacontroller would have set the
 * label as well.
 */
function isOfCreator(entry: Entry): boolean {
  const isCreator = owns(entry, ['f:metadata', 'f:ownerReferences']) || owns(entry, ['f:data', `f:${AUTH_KEYS.token}`]);
  return (
    entry.operation === 'Update' && isCreator && !owns(entry, ['f:metadata', 'f:labels', `f:${CONTROLLER_UID_LABEL}`])
  );
}

function isOwnEntry({ manager }: Entry): boolean {
  return manager === FIELD_MANAGER;
}

function isGoToken({ kind, metadata: { name, labels } }: ClusterObject): boolean {
  return kind === 'Secret' && name === AUTH_SECRET && labels?.component === 'broker';
}
