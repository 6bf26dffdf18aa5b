import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { controllers } from '../../controllers.ts';
import { selectorString } from '../../kubernetes/labels.ts';
import { CONTROLLER_UID_LABEL } from '../../metacontroller/reapply.ts';
import { OPERATOR } from '../../operator.ts';
import { listIfServed, unlessMissing } from '../cluster/answer.ts';
import type { ClusterObject, Connection, Selection } from '../cluster/connection.ts';
import { isRegistrationOf } from '../cluster/registration.ts';
import { ClusterError } from '../errors.ts';
import { MIGRATION_LABEL, readKept } from './backup.ts';
import type { Child, Facts } from './facts.ts';
import {
  AUTH_SECRET,
  belongings,
  CERTIFICATES,
  childrenOf,
  isGoOperator,
  isOperator,
  isWorkload,
  type Workload,
} from './go-operator.ts';
import { releaseOf, revisionOf, revisionSelector } from './helm.ts';
import { CRD_NAMES, KINDS, type Kind, RESOURCES } from './kinds.ts';
import { findMetacontroller } from './metacontroller.ts';

/** Where a migration looks, besides what it finds by itself. */
export interface Scope {
  /** The namespace of the Go operator, where it can't be found. Default: that which Meshery Server expects. */
  namespace?: string;
  manifests?: ClusterObject[];
}

/** Reads what a migration has to know of a cluster. Changes nothing. */
export async function gather(connection: Connection, scope: Scope): Promise<Facts> {
  const list = (kind: Kind, where?: Selection) => listIfServed(connection, kind, where);
  const [crds, deployments, statefulSets, kept, registrations] = await Promise.all([
    Promise.all(CRD_NAMES.map((name) => connection.get(KINDS.crd, name))),
    list(KINDS.deployment),
    list(KINDS.statefulSet),
    list(KINDS.secret, { labelSelector: MIGRATION_LABEL }),
    list(KINDS.compositeController),
  ]);
  const { record, backups } = readKept(kept);
  const allOperators = deployments.filter(isOperator);
  const goOperators = allOperators.filter(isGoOperator);
  const operators = allOperators.filter((deployment) => !isGoOperator(deployment));
  const [goOperator] = goOperators;
  const namespace = record?.namespace ?? goOperator?.metadata.namespace ?? scope.namespace ?? OPERATOR.namespace;
  const name = record?.name ?? goOperator?.metadata.name ?? OPERATOR.name;
  const serviceAccount = record?.serviceAccount ?? goOperator?.spec.template.spec.serviceAccountName ?? OPERATOR.name;
  const release = record?.release ?? (goOperator && releaseOf(goOperator));
  const read = await readResources(connection, defined(crds));
  const metacontroller = findMetacontroller([...statefulSets, ...deployments].filter(isWorkload));

  const [pods, named, revisions, children, ownChildren, found, copies] = await Promise.all([
    Promise.all(goOperators.map((deployment) => podsOf(connection, deployment))),
    Promise.all(
      [KINDS.service, KINDS.networkPolicy, KINDS.podDisruptionBudget].map((kind) =>
        connection.get(kind, name, namespace),
      ),
    ),
    release ? list(KINDS.secret, { namespace: release.namespace, labelSelector: revisionSelector(release) }) : [],
    Promise.all(read.resources.map((owner) => findChildren(connection, owner))),
    record ? findOwnChildren(connection, read.resources) : [],
    Promise.all(
      belongings(namespace, { name, serviceAccount }).map(({ kind, name, namespace }) =>
        unlessMissing(connection.get(kind, name, namespace || undefined)),
      ),
    ),
    findCopies(connection, read.resources),
  ]);
  return {
    context: connection.context,
    namespace,
    crds: defined(crds),
    goOperators,
    operators,
    pods: pods.flat(),
    named: defined(named),
    revisions: revisions.map(revisionOf),
    ...read,
    children: children.flat(),
    ownChildren,
    registrations: registrations.filter((each) => controllers.some((controller) => isRegistrationOf(each, controller))),
    ...(metacontroller && { metacontroller }),
    belongings: [...defined(found).filter((each) => isBelonging(each, read.resources)), ...copies],
    ...(record && { record }),
    backups,
    manifests: scope.manifests ?? [],
  };
}

async function podsOf(connection: Connection, { metadata, spec }: Workload): Promise<ClusterObject[]> {
  const labelSelector = selectorString(spec.selector?.matchLabels ?? {});
  if (!labelSelector || !metadata.namespace) return [];
  return connection.list(KINDS.pod, { namespace: metadata.namespace, labelSelector });
}

/** The resources. A conversion webhook that does not answer, such as that of a stopped operator, makes them unreadable. */
async function readResources(
  connection: Connection,
  crds: ClusterObject[],
): Promise<Pick<Facts, 'resources' | 'unreadable'>> {
  const kinds = RESOURCES.filter(({ resource }) =>
    crds.some(({ metadata }) => metadata.name.startsWith(`${resource}.`)),
  );
  try {
    const found = await Promise.all(kinds.map((kind) => listIfServed(connection, kind)));
    return { resources: found.flat() };
  } catch (error) {
    if (!(error instanceof ClusterError) || !/conversion webhook/.test(error.message)) throw error;
    return { resources: [], unreadable: error.message };
  }
}

async function findChildren(connection: Connection, owner: ClusterObject): Promise<Child[]> {
  const { namespace } = owner.metadata;
  const found = await Promise.all(
    childrenOf(owner).map(async ({ kind, name }) => ({ kind, object: await connection.get(kind, name, namespace) })),
  );
  return found.flatMap(({ kind, object }) => (object ? [{ kind, object, owner }] : []));
}

/** Children that Metacontroller has made for a resource, and the Go operator never makes. */
async function findOwnChildren(connection: Connection, resources: ClusterObject[]): Promise<ClusterObject[]> {
  const kinds = [
    ...[KINDS.secret, KINDS.service, KINDS.configMap, KINDS.serviceAccount, KINDS.statefulSet, KINDS.deployment],
    ...[KINDS.podDisruptionBudget, KINDS.networkPolicy],
  ];
  const found = await Promise.all(kinds.map((kind) => connection.list(kind, { labelSelector: CONTROLLER_UID_LABEL })));
  return found.flat().filter((object) => {
    const owner = resources.find(({ metadata }) => metadata.uid === object.metadata.labels?.[CONTROLLER_UID_LABEL]);
    const isOfBoth =
      owner && childrenOf(owner).some(({ kind, name }) => kind.kind === object.kind && name === object.metadata.name);
    return owner !== undefined && !isOfBoth;
  });
}

/** The copies of a Broker's token that the Go operator has made for MeshSyncs of other namespaces. */
async function findCopies(connection: Connection, resources: ClusterObject[]): Promise<ClusterObject[]> {
  const brokers = resources.filter(({ kind }) => kind === 'Broker');
  const namespaces = new Set(
    resources.flatMap(({ kind, metadata }) => (kind === 'MeshSync' && metadata.namespace ? [metadata.namespace] : [])),
  );
  const others = [...namespaces].filter((each) => !brokers.some(({ metadata }) => metadata.namespace === each));
  const found = await Promise.all(others.map((each) => connection.get(KINDS.secret, AUTH_SECRET, each)));
  const isCopy = ({ labels, ownerReferences = [] }: ClusterObject['metadata']) =>
    labels?.component === 'broker' && ownerReferences.every(({ kind }) => kind === 'MeshSync');
  return defined(found).filter(({ metadata }) => isCopy(metadata));
}

/** The annotation by which cert-manager names the Certificate of a Secret. */
const ISSUED_FOR = 'cert-manager.io/certificate-name';

const Named = Type.Object({ serviceAccountName: Type.String() });

/**
 * Whether an object was made for the Go operator. Others may have a Secret with the usual name of a certificate, and its values
 * may name a ServiceAccount that is there for others.
 */
function isBelonging({ kind, metadata }: ClusterObject, resources: ClusterObject[]): boolean {
  const { labels = {}, annotations = {}, name } = metadata;
  if (kind === 'Secret') return name.startsWith(OPERATOR.name) || CERTIFICATES.includes(annotations[ISSUED_FOR] ?? '');
  if (kind !== 'ServiceAccount') return true;
  if (resources.some(({ spec }) => Value.Check(Named, spec) && spec.serviceAccountName === name)) return false;
  return name.startsWith(OPERATOR.name) || labels['app.kubernetes.io/name'] === OPERATOR.name;
}

function defined<Item extends object>(items: (Item | undefined)[]): Item[] {
  return items.filter((item) => item !== undefined);
}
