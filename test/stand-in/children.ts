import { CONTROLLER_UID, owned } from './claim.ts';
import { dynamicApply, LAST_APPLIED, withLastApplied } from './dynamic-apply.ts';
import { equal, groupKey, type KubeObject, qualifiedName } from './json.ts';
import type { StandIn, SyncRequest } from './metacontroller.ts';
import { type Transport, unless } from './transport.ts';

/** The result for the children. */
export interface ChildrenOutcome {
  /** Every write to a child, for example `update StatefulSet.apps/v1 meshery/meshery-nats`. */
  writes: string[];
  /** The writes that the API server rejected. */
  errors: string[];
}

/**
 * Deletes the observed children that are not desired, then applies the desired ones. A rejected write does not stop the
 * others.
 */
export async function manageChildren(
  { transport, strategy }: StandIn,
  { parent, children: observed }: SyncRequest,
  desired: KubeObject[],
): Promise<ChildrenOutcome> {
  const outcome: ChildrenOutcome = { writes: [], errors: [] };
  const attempt = async (object: KubeObject, write: () => Promise<string | undefined>) => {
    try {
      const done = await write();
      if (done) outcome.writes.push(`${done} ${nameOf(object)}`);
    } catch (error) {
      outcome.errors.push(String(error));
    }
  };
  const desiredNames = new Set(desired.map(nameOf));
  for (const object of Object.values(observed).flatMap((group) => Object.values(group))) {
    if (object.metadata.deletionTimestamp || desiredNames.has(nameOf(object))) continue;
    await attempt(object, async () => {
      await transport.delete(object);
      return 'delete';
    });
  }
  const apply = strategy === 'dynamic-apply' ? applyDynamically : applyServerSide;
  for (const child of desired) {
    const existing = observed[groupKey(child)]?.[qualifiedName(child)];
    if (existing?.metadata.deletionTimestamp) continue;
    await attempt(child, () => apply(transport, parent, existing, labelled(child, parent)));
  }
  return outcome;
}

/** Somebody else created, changed or deleted it after it was observed: the next sync handles that. */
const [NOT_FOUND, CONFLICT] = [404, 409];

async function applyDynamically(
  transport: Transport,
  parent: KubeObject,
  existing: KubeObject | undefined,
  child: KubeObject,
): Promise<string | undefined> {
  if (!existing) {
    const created = transport.create(owned(withLastApplied(child, child), parent));
    return (await unless([CONFLICT], created)) && 'create';
  }
  const next = dynamicApply(existing, child);
  if (equal(next, existing)) return undefined;
  return (await unless([NOT_FOUND, CONFLICT], transport.update(next))) && 'update';
}

async function applyServerSide(
  transport: Transport,
  parent: KubeObject,
  existing: KubeObject | undefined,
  child: KubeObject,
): Promise<string | undefined> {
  if (existing?.metadata.annotations?.[LAST_APPLIED] !== undefined) {
    const { [LAST_APPLIED]: _lastApplied, ...annotations } = existing.metadata.annotations;
    const next = { ...existing, metadata: { ...existing.metadata, annotations } };
    if (!(await unless([NOT_FOUND], transport.update(next)))) return undefined;
  }
  const applied = await unless([CONFLICT], transport.apply(owned(child, parent)));
  return applied && applied.metadata.resourceVersion !== existing?.metadata.resourceVersion ? 'apply' : undefined;
}

function labelled(child: KubeObject, { metadata: { uid = '' } }: KubeObject): KubeObject {
  return { ...child, metadata: { ...child.metadata, labels: { [CONTROLLER_UID]: uid, ...child.metadata.labels } } };
}

function nameOf(object: KubeObject): string {
  return `${groupKey(object)} ${qualifiedName(object)}`;
}
