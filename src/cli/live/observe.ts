import type { SyncContext } from '../../api/context.ts';
import { controllers } from '../../controllers.ts';
import { selectorString } from '../../kubernetes/labels.ts';
import type { Controller } from '../../metacontroller/controller.ts';
import { CONTROLLER_UID_LABEL } from '../../metacontroller/reapply.ts';
import { inParallel } from '../cluster/answer.ts';
import { apiResourceOf } from '../cluster/api.ts';
import type { ClusterObject, Connection } from '../cluster/connection.ts';
import { controllerOfObject } from '../cluster/objects.ts';
import { UsageError } from '../errors.ts';
import type { GivenResource } from '../resources.ts';
import type { Observation, SentObjects, SentParent } from '../sent-objects.ts';
import type { LiveArgument } from './argument.ts';

/** Requests that are made at the same time. */
const PARALLEL = 10;

/**
 * A resource of the cluster with what Metacontroller would send its hook.
 * @throws UsageError when there is none
 */
export async function liveResource(
  connection: Connection,
  { text, controller: { kind }, name }: LiveArgument,
): Promise<GivenResource> {
  const { namespace } = connection;
  const controller = controllerOf(kind);
  const object = await connection.get(apiResourceOf(controller), name, namespace);
  if (!object) throw new UsageError(`${text}: there is no ${kind} ${name} in namespace ${namespace}`);
  return asGiven(await observe(connection, controller, object), { file: text });
}

/** The controller of a kind. */
export function controllerOf(kind: string): Controller<SyncContext> {
  const controller = controllers.find((each) => each.kind === kind);
  if (!controller) throw new UsageError(`there is no kind ${kind}`);
  return controller;
}

/** An observed resource in place of one of a file. */
export function asGiven(observed: Observation, place: GivenResource['place'], source = place.file): GivenResource {
  const { apiVersion, kind, metadata, spec } = observed.parent;
  return { apiVersion, kind, metadata, spec, place, source, observed };
}

/** The children of a resource and the objects that its `customize` asks for. */
export async function observe(
  connection: Connection,
  controller: Controller<SyncContext>,
  object: ClusterObject,
): Promise<Observation> {
  const parent = asSent(controller, object);
  const [children, related] = await Promise.all([
    childrenOf(connection, controller, parent),
    relatedOf(connection, controller, parent),
  ]);
  return { parent, children, related };
}

function asSent({ apiVersion, kind }: Controller<SyncContext>, { metadata, spec, status }: ClusterObject): SentParent {
  const { name, namespace = '', uid = '', generation = 1, creationTimestamp, deletionTimestamp } = metadata;
  const { labels, annotations } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      ...{ name, namespace, uid, generation },
      ...(creationTimestamp && { creationTimestamp }),
      ...(deletionTimestamp && { deletionTimestamp }),
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    },
    spec: spec ?? {},
    ...(typeof status === 'object' && status && { status }),
  };
}

async function childrenOf(
  connection: Connection,
  { children }: Controller<SyncContext>,
  { metadata: { namespace, uid } }: SentParent,
): Promise<SentObjects> {
  const labelSelector = `${CONTROLLER_UID_LABEL}=${uid}`;
  const groups = await inParallel(children, PARALLEL, async (kind) => {
    const objects = await connection.list(kind, { namespace, labelSelector });
    const owned = objects.filter((object) => controllerOfObject(object)?.uid === uid);
    return [kind.key, byName(owned)] as const;
  });
  return Object.fromEntries(groups);
}

async function relatedOf(
  connection: Connection,
  controller: Controller<SyncContext>,
  parent: SentParent,
): Promise<SentObjects> {
  const result: SentObjects = {};
  const groups = await inParallel(controller.customize(parent), PARALLEL, async (rule) => {
    const { apiVersion, resource, namespace, names, labelSelector } = rule;
    const kind = controller.kinds.find((each) => each.apiVersion === apiVersion && each.resource === resource);
    if (!kind) return undefined;
    const objects = names
      ? await inParallel(names, PARALLEL, (name) => connection.get(kind, name, namespace))
      : await connection.list(kind, { namespace, labelSelector: selectorString(labelSelector?.matchLabels ?? {}) });
    return [kind.key, byName(objects.flatMap((object) => object ?? []))] as const;
  });
  for (const group of groups) if (group) result[group[0]] = { ...result[group[0]], ...group[1] };
  return result;
}

function byName(objects: ClusterObject[]): Record<string, object> {
  return Object.fromEntries(objects.map((object) => [`${object.metadata.namespace}/${object.metadata.name}`, object]));
}
