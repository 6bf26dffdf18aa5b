import { expect } from 'vitest';
import { controllers } from '../../src/controllers.ts';
import { type ConditionTable, commonConditions } from '../../src/metacontroller/conditions.ts';
import { at, groupKey, isObject, type JsonObject, type KubeObject, walk } from '../stand-in/json.ts';
import type { SyncOutcome } from '../stand-in/metacontroller.ts';

interface Condition {
  type: string;
  status: string;
  lastTransitionTime: string;
  observedGeneration?: number;
  reason: string;
  message: string;
}

export function conditionsOf(status: unknown): Condition[] {
  const conditions = at(status, 'conditions');
  return Array.isArray(conditions) ? (conditions as unknown as Condition[]) : [];
}

export function condition(status: unknown, type: string): Condition | undefined {
  return conditionsOf(status).find((each) => each.type === type);
}

/** The invariants of every response, for any request. */
export function expectSound(
  { request, children, status }: Pick<SyncOutcome, 'request' | 'children' | 'status'>,
  now: string,
): void {
  expectNoneDropped(request.children, children, request.parent);
  // A null removes a field that somebody else has set.
  const seen = new Set([...walk(request.children)].map(([path]) => path.at(-1)));
  const nulls = [...walk({ children, status })].filter(([path, value]) => value === null && !seen.has(path.at(-1)));
  expect(nulls).toEqual([]);
  for (const child of children) {
    expect(child.metadata.namespace).toBe(request.parent.metadata.namespace);
    expect(Object.keys(child)).not.toContain('status');
    const system = ['uid', 'resourceVersion', 'managedFields', 'ownerReferences', 'generation', 'creationTimestamp'];
    expect(Object.keys(child.metadata).filter((field) => system.includes(field))).toEqual([]);
  }
  expectTransitionTimes(request.parent.status, status, now);
  expectListed(request.parent, status);
  expectStalled(request.parent, status);
  expect(at(status, 'observedGeneration')).not.toBe(-1);
  const [first] = conditionsOf(status);
  if (first) expect(first.type).toBe('Ready');
}

/** Conditions are API: each type and reason is in the table of its controller, or was in the last status already. */
function expectListed({ kind, status: before }: KubeObject, status: unknown): void {
  const controller = controllers.find((each) => each.kind === kind);
  const table: ConditionTable = { ...commonConditions, ...controller?.conditions };
  const every = Object.values(table).flatMap(({ reasons }) => Object.keys(reasons));
  for (const { type, status: value, reason } of conditionsOf(status)) {
    if (condition(before, type)?.reason === reason) continue;
    // Reasons of Kubernetes for a rollout that failed.
    if (type === 'Progressing' && value === 'Unknown') continue;
    const isSummary = type === 'Ready' || type === 'Stalled';
    expect(isSummary ? every : Object.keys(table[type]?.reasons ?? {}), type).toContain(reason);
  }
}

/** Stalled repeats Ready, exactly while that is False for a reason of the table that ends only by an edit. */
function expectStalled({ kind, metadata }: KubeObject, status: unknown): void {
  if (metadata.deletionTimestamp) return;
  const controller = controllers.find((each) => each.kind === kind);
  const table: ConditionTable = { ...commonConditions, ...controller?.conditions };
  const needEdits = Object.values(table).flatMap((each) => each.needEdits ?? []);
  const ready = conditionsOf(status).find(({ type }) => type === 'Ready');
  const isPresent = ready?.observedGeneration === metadata.generation;
  const stalls = ready?.status === 'False' && isPresent && needEdits.includes(ready.reason);
  const { reason, message } = ready ?? {};
  const expected = stalls ? [{ type: 'Stalled', status: 'True', reason, message }] : [];
  const found = conditionsOf(status).filter(({ type }) => type === 'Stalled');
  expect(found.map(({ type, status, reason, message }) => ({ type, status, reason, message }))).toEqual(expected);
}

/** A child that is missing in the response is deleted; that is valid only for children that the spec does not need. */
function expectNoneDropped(
  observed: Record<string, Record<string, KubeObject>>,
  children: KubeObject[],
  { kind, metadata: { name }, spec }: KubeObject,
): void {
  const statefulSet = children.find(({ kind }) => kind === 'StatefulSet');
  const isInternal = (at(spec, 'service', 'type') ?? 'ClusterIP') === 'ClusterIP';
  const isExposed = children.some(
    (child) =>
      child.kind === 'Service' && at(child, 'spec', 'type') !== 'ClusterIP' && child.metadata.name.endsWith('-nats'),
  );
  const dispensable: Record<string, boolean> = {
    Secret: true,
    ServiceAccount: Boolean(at(spec, 'serviceAccountName')),
    PodDisruptionBudget:
      at(spec, 'podDisruptionBudget', 'enabled') === false ||
      at(statefulSet, 'spec', 'replicas') === 1 ||
      Number(at(spec, 'size') ?? 1) === 1,
    NetworkPolicy: at(spec, 'networkPolicy', 'enabled') !== true,
    Deployment: kind === 'Broker' && at(spec, 'natsBox', 'enabled') !== true,
  };
  const returned = new Set(children.map((child) => `${groupKey(child)} ${child.metadata.name}`));
  for (const child of Object.values(observed).flatMap((group) => Object.values(group))) {
    const key = `${groupKey(child)} ${child.metadata.name}`;
    if (child.kind === 'Secret' && child.metadata.name !== `${name}-broker-auth`) expect(returned).toContain(key);
    // That of a single server, which was removed or whose Service is not desired any more.
    else if (child.kind === 'Service' && /-nats-\d+$/.test(child.metadata.name))
      expectServerService(spec, child, children);
    else if (child.metadata.name.endsWith('-nats-external') && (isInternal || isExposed)) continue;
    else if (!dispensable[child.kind]) expect(returned).toContain(key);
  }
}

/** The Service of a single server stays while there is that server. */
function expectServerService(spec: unknown, { metadata: { name } }: KubeObject, children: KubeObject[]): void {
  const replicas = Number(
    at(
      children.find(({ kind }) => kind === 'StatefulSet'),
      'spec',
      'replicas',
    ) ?? 0,
  );
  const isDesired = at(spec, 'service', 'perServer') === true && Number(/\d+$/.exec(name)) < replicas;
  if (isDesired) expect(children.map((child) => child.metadata.name)).toContain(name);
}

function expectTransitionTimes(before: unknown, after: unknown, now: string): void {
  const previous = conditionsOf(before);
  for (const { type, status, lastTransitionTime } of conditionsOf(after)) {
    const old = previous.find((each) => each.type === type);
    expect(lastTransitionTime, type).toBe(old?.status === status ? old.lastTransitionTime : now);
  }
}

/** Credentials are only in Secrets: nowhere else, neither plain nor in base64. */
export function expectSecret({ children, status, request }: SyncOutcome, credentials: string[]): void {
  const secrets = [...children, ...Object.values(request.children['Secret.v1'] ?? {})].filter(
    ({ kind }) => kind === 'Secret',
  );
  const values = secrets.flatMap(({ data }) => (isObject(data) ? Object.values(data) : [])).map(String);
  const plain = values.map((value) => Buffer.from(value, 'base64').toString());
  // A URL without a user is no secret.
  const isSecret = (text: string) => text !== '' && !text.includes('\n') && !/^\w+:\/\/[^@/]+$/.test(text);
  const forbidden = [...credentials, ...plain].filter(isSecret);
  const shown = JSON.stringify([status, ...children.filter(({ kind }) => kind !== 'Secret')]);
  for (const text of forbidden) {
    expect(shown).not.toContain(text);
    expect(shown).not.toContain(Buffer.from(text).toString('base64').replace(/=+$/, ''));
  }
}

/** A status without the transition times of its conditions. */
export function timeless(status: JsonObject): JsonObject {
  return { ...status, conditions: conditionsOf(status).map(({ lastTransitionTime: _time, ...rest }) => rest) };
}
