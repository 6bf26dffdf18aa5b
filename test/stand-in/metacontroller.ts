import { Type } from '@sinclair/typebox';
import { type ChildrenOutcome, manageChildren } from './children.ts';
import { CONTROLLER_UID, claimChildren } from './claim.ts';
import type { CompositeController, Webhook } from './composite-controller.ts';
import { type RelatedRule, relatedObjects } from './customize.ts';
import { AnyObject, decode } from './decode.ts';
import { equal, groupKey, type JsonObject, type KubeObject, type Objects, qualifiedName, walk } from './json.ts';
import { type Transport, unless } from './transport.ts';

/**
 * A STAND-IN for Metacontroller, a test double: one sync of one parent, by either apply strategy. It follows
 * pkg/controller/composite and pkg/controller/common of Metacontroller 4.17 as far as our registrations need it:
 * `generateSelector`, children that are updated in place, hooks of v2, no finalize hook. It neither watches nor retries:
 * its caller decides when a parent is synced.
 */
export interface StandIn {
  transport: Transport;
  controller: CompositeController;
  call: CallHook;
  strategy: Strategy;
  /** Cached customize responses by uid and generation of the parent, as in Metacontroller. */
  rules?: Map<string, RelatedRule[]>;
}

export type Strategy = 'dynamic-apply' | 'server-side-apply';

/** Sends a request to a hook; fails unless the response has status 200. */
export type CallHook = (webhook: Webhook, body: object) => Promise<unknown>;

export interface SyncRequest {
  parent: KubeObject;
  children: Objects;
  related: Objects;
}

export interface SyncOutcome extends ChildrenOutcome {
  request: SyncRequest;
  /** The status in the response. */
  status: JsonObject;
  /** The children in the response. */
  children: KubeObject[];
  statusWritten: boolean;
}

/** One sync. */
export async function sync(standIn: StandIn, parent: KubeObject): Promise<SyncOutcome> {
  return carryOut(standIn, await observe(standIn, parent));
}

/** The first half of a sync: the request to the sync hook. */
export async function observe(standIn: StandIn, parent: KubeObject): Promise<SyncRequest> {
  const children = await claimChildren(standIn, parent);
  return { parent, children, related: await relatedObjects(standIn, parent) };
}

/** The second half of a sync: calls the sync hook, applies the children and writes the status, also when children fail. */
export async function carryOut(standIn: StandIn, request: SyncRequest): Promise<SyncOutcome> {
  const { controller, call } = standIn;
  const { parent } = request;
  const response = await call(controller.spec.hooks.sync.webhook, { controller, ...request, finalizing: false });
  const { status, children } = checked(response, request);
  // The children of a parent that is being deleted are left to the garbage collector.
  const alive = !parent.metadata.deletionTimestamp;
  const outcome = alive ? await manageChildren(standIn, request, children) : { writes: [], errors: [] };
  const statusWritten = await writeStatus(standIn.transport, parent, status);
  return { request, status, children, ...outcome, statusWritten };
}

const SyncResponse = Type.Object(
  {
    status: Type.Optional(Type.Unsafe<JsonObject>(Type.Object({}))),
    children: Type.Optional(Type.Array(AnyObject)),
    resyncAfterSeconds: Type.Optional(Type.Number()),
    finalized: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

/** Metacontroller decodes strictly; in addition, every child must be one that can be applied. */
function checked(
  response: unknown,
  { parent, children: observed }: SyncRequest,
): Pick<SyncOutcome, 'status' | 'children'> {
  const { status = {}, children = [] } = decode(SyncResponse, response);
  // Metacontroller reads null in a child as a field to remove: one that somebody else has set.
  const seen = new Set([...walk(observed)].map(([path]) => path.at(-1)));
  for (const [path, value] of walk(response)) {
    if (value === null && !seen.has(path.at(-1))) throw new Error(`null at ${path.join('.')}`);
  }
  const names = new Set<string>();
  for (const child of children) {
    const group = groupKey(child);
    const name = `${group} ${qualifiedName(child)}`;
    const label = child.metadata.labels?.[CONTROLLER_UID] ?? parent.metadata.uid;
    if (!(group in observed)) throw new Error(`${group} is not registered`);
    if (child.metadata.namespace !== parent.metadata.namespace) throw new Error(`${name} is in another namespace`);
    if (label !== parent.metadata.uid) throw new Error(`labels of ${name} don't match the selector of the parent`);
    if (names.has(name)) throw new Error(`${name} is there twice`);
    names.add(name);
  }
  return { status, children };
}

async function writeStatus(transport: Transport, parent: KubeObject, returned: JsonObject): Promise<boolean> {
  // Added before the comparison, so that an unchanged status is not written again.
  const status = { ...returned, observedGeneration: parent.metadata.generation ?? 0 };
  if (equal(parent.status, status)) return false;
  await unless([404], transport.updateStatus({ ...parent, status }));
  return true;
}
