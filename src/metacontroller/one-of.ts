import { compareQuantities } from '../schema/quantity.ts';
import type { ObservedObject } from './object.ts';
import { type Fields, fieldSets, identifies, isObject, lastApplied } from './reapply.ts';
import type { SyncBody } from './request.ts';
import type { SyncResponse } from './response.ts';

/**
 * A rule of the API server: an object may have only one of some fields. The objects are those in a field of the list `in`, or
 * the items of such a list. Rules are those of Kubernetes' validation (pkg/apis/core/validation, pkg/apis/policy/validation)
 * with its messages.
 */
interface OneOf {
  in: string[];
  fields: string[];
  /** Whether the rule applies to the desired values; by default it always does. */
  when?: (desired: Fields) => boolean;
}

export const oneOfs: readonly OneOf[] = [
  // "may not specify more than 1 handler type"
  { in: ['livenessProbe', 'readinessProbe', 'startupProbe'], fields: ['exec', 'grpc', 'httpGet', 'tcpSocket'] },
  { in: ['postStart', 'preStop'], fields: ['exec', 'httpGet', 'sleep', 'tcpSocket'] },
  // "may not be specified when `value` is not empty"
  { in: ['env'], fields: ['value', 'valueFrom'] },
  // "may not have more than one field specified at a time"
  { in: ['valueFrom'], fields: ['configMapKeyRef', 'fieldRef', 'fileKeyRef', 'resourceFieldRef', 'secretKeyRef'] },
  // "may not specify more than 1 volume type"; those with objects inside can't be taken over by server-side-apply
  {
    in: ['volumes'],
    fields: [
      ...['configMap', 'downwardAPI', 'emptyDir', 'hostPath', 'image', 'nfs'],
      ...['persistentVolumeClaim', 'projected', 'secret'],
    ],
  },
  // "minAvailable and maxUnavailable cannot be both set"
  { in: ['spec'], fields: ['maxUnavailable', 'minAvailable'] },
  // "ShareProcessNamespace and HostPID cannot both be enabled"
  { in: ['spec'], fields: ['hostPID', 'shareProcessNamespace'] },
  // "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
  {
    in: ['securityContext'],
    fields: ['allowPrivilegeEscalation', 'privileged'],
    when: ({ allowPrivilegeEscalation }) => allowPrivilegeEscalation === false,
  },
  // "can only be set when seccomp type is set to Localhost"
  { in: ['seccompProfile'], fields: ['localhostProfile', 'type'], when: ({ type }) => type !== 'Localhost' },
  // "may only be used when `type` is 'LoadBalancer'"
  { in: ['spec'], fields: ['loadBalancerSourceRanges', 'type'], when: ({ type }) => type !== 'LoadBalancer' },
];

/** Fields that server-side-apply replaces as a whole, and so removes by null. */
const ATOMIC = ['configMapKeyRef', 'fieldRef', 'fileKeyRef', 'resourceFieldRef', 'secretKeyRef'];

/** What is required inside such a field, with valid values that differ from the observed ones. */
const substitutes: Record<string, (observed: Fields) => Fields> = {
  configMap: ({ name }) => ({ name: other(name) }),
  exec: ({ command }) => ({ command: [other(Array.isArray(command) ? command[0] : '')] }),
  grpc: ({ port }) => ({ port: other(port) }),
  hostPath: ({ path }) => ({ path: other(path) }),
  httpGet: ({ port }) => ({ port: other(port) }),
  image: ({ reference }) => ({ reference: other(reference) }),
  nfs: ({ path, server }) => ({ path: path === '/a' ? '/b' : '/a', server: other(server) }),
  persistentVolumeClaim: ({ claimName }) => ({ claimName: other(claimName) }),
  secret: ({ secretName }) => ({ secretName: other(secretName) }),
  sleep: ({ seconds }) => ({ seconds: other(seconds) }),
  tcpSocket: ({ port }) => ({ port: other(port) }),
  valueFrom: ({ secretKeyRef }) => ({ secretKeyRef: otherKey(secretKeyRef) }),
};

function other(value: unknown): string | number {
  if (typeof value === 'number') return value === 1 ? 2 : 1;
  return value === 'a' ? 'b' : 'a';
}

/** A key of a Secret that there is not, so that no container starts with a wrong value. */
function otherKey(secretKeyRef: unknown): Fields {
  return { key: 'a', name: other(isObject(secretKeyRef) ? secretKeyRef.name : undefined) };
}

/** An object with null for each value in it. */
function nulls(value: Fields): Fields {
  return Object.fromEntries(Object.keys(value).map((key) => [key, null]));
}

/**
 * Children that the API server accepts in spite of edits by hand. Where somebody has replaced a field by another one of
 * which an object may have only one (a probe by one of another type, a value by `valueFrom`), an apply would add the desired
 * field beside the edited one, and be refused on every sync, with all other changes. Children without such an edit are
 * returned unchanged.
 *
 * A scalar is removed by null. An object is applied first, instead of the desired field; then it is one of our fields, and the
 * next sync removes it, since it is not desired.
 */
export function repairEdits(children: SyncResponse['children'], observed: SyncBody['children']) {
  return children.map((child: ChildFields) => {
    const { apiVersion, kind, metadata } = child;
    const object = observed[`${kind}.${apiVersion}`]?.[`${metadata?.namespace}/${metadata?.name}`];
    return object ? repaired('', child, { ...object }, () => claimsOn(object)) : child;
  });
}

type ChildFields = Fields & { apiVersion?: string; kind?: string; metadata?: { name?: string; namespace?: string } };

/** Who has applied the fields of an object, or of a part of it. */
interface Claims {
  /** What dynamic-apply has last applied; absent under server-side-apply. */
  last?: unknown;
  isDynamic: boolean;
  /** FieldsV1 sets of server-side-apply: of Metacontroller, and of all others. */
  own: unknown;
  others: unknown[];
}

function claimsOn(object: ObservedObject): Claims {
  const last = lastApplied(object);
  const { own, others } = fieldSets(object);
  return { last, isDynamic: last !== undefined, own, others };
}

function claimsIn({ last, isDynamic, own, others }: Claims, field: string): Claims {
  const key = `f:${field}`;
  return { last: at(last, field), isDynamic, own: at(own, key), others: others.map((set) => at(set, key)) };
}

function claimsOnItem({ last, isDynamic, own, others }: Claims, item: Fields): Claims {
  const inSet = (set: unknown) => Object.entries(isObject(set) ? set : {}).find(([key]) => identifies(key, item))?.[1];
  return { last: named(last, item.name), isDynamic, own: inSet(own), others: others.map(inSet) };
}

function at(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

function named(list: unknown, name: unknown): Fields | undefined {
  return Array.isArray(list) ? list.filter(isObject).find((item) => item.name === name) : undefined;
}

/** The desired value of a field that is an object, or of an item of a list. Claims are read only for an edit. */
function repaired<Value extends Fields>(field: string, desired: Value, observed: Fields, claims: () => Claims): Value {
  const changes: Fields = field === 'resources' ? withinLimits(desired, observed) : {};
  for (const [key, value] of Object.entries(desired)) {
    const seen = observed[key];
    if (isObject(value) && isObject(seen)) {
      const inside = repaired(key, value, seen, () => claimsIn(claims(), key));
      if (inside !== value) changes[key] = inside;
    }
    if (Array.isArray(value) && Array.isArray(seen)) {
      const items = value.map((item) => repairedItem(key, item, seen, claims));
      if (items.some((item, index) => item !== value[index])) changes[key] = items;
    }
  }
  for (const rule of oneOfs) {
    if (rule.in.includes(field) && (rule.when?.(desired) ?? true))
      Object.assign(changes, onlyOne(rule, desired, observed, claims));
  }
  if (Object.keys(changes).length === 0) return desired;
  const entries = Object.entries({ ...desired, ...changes }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Value;
}

function repairedItem(field: string, item: unknown, seen: unknown[], claims: () => Claims): unknown {
  if (!isObject(item) || typeof item.name !== 'string') return item;
  const observed = named(seen, item.name);
  return observed ? repaired(field, item, observed, () => claimsOnItem(claimsIn(claims(), field), observed)) : item;
}

/** What to change in an object, so that it has only one of the fields of a rule. */
function onlyOne({ fields }: OneOf, desired: Fields, observed: Fields, claims: () => Claims): Fields {
  const wanted = fields.filter((name) => Object.hasOwn(desired, name));
  const edited = fields.filter((name) => !wanted.includes(name) && observed[name]);
  const changes: Fields = {};
  for (const name of wanted.length > 0 ? edited : []) {
    const value = observed[name];
    const on = claims();
    if (isOurs(name, value, on)) continue;
    if (!isObject(value) || (isWhole(name, value) && !on.isDynamic)) {
      changes[name] = null;
      continue;
    }
    for (const each of wanted) changes[each] = undefined;
    changes[name] = on.isDynamic ? {} : { ...nulls(value), ...substitutes[name]?.(value) };
  }
  return changes;
}

/** Whether server-side-apply removes a field by null: a value without owned fields in it. */
function isWhole(name: string, value: unknown): boolean {
  return !isObject(value) || Object.keys(value).length === 0 || ATOMIC.includes(name);
}

/** Whether an apply without the field removes it: nobody else owns a value in it. */
function isOurs(name: string, value: unknown, { last, isDynamic, own, others }: Claims): boolean {
  if (isDynamic) return at(last, name) !== undefined;
  const key = `f:${name}`;
  const whole = isWhole(name, value);
  const ownsValue = (set: unknown) => isObject(set) && (whole || Object.keys(set).some((inside) => inside !== '.'));
  return at(own, key) !== undefined && !others.some((set) => ownsValue(at(set, key)));
}

/**
 * Limits and requests of a container that were added by hand and contradict the desired ones are applied with the same
 * quantities, which makes them ours; the next sync removes them.
 */
function withinLimits({ limits, requests }: Fields, observed: Fields): Fields {
  const low = contradictions(
    observed.limits,
    requests,
    limits,
    (limit, request) => compareQuantities(limit, request) < 0,
  );
  const high = contradictions(
    observed.requests,
    limits,
    requests,
    (request, limit) => compareQuantities(request, limit) > 0,
  );
  return {
    ...(low.length > 0 && { limits: { ...(limits as Fields), ...Object.fromEntries(low) } }),
    ...(high.length > 0 && { requests: { ...(requests as Fields), ...Object.fromEntries(high) } }),
  };
}

/** The desired quantities that observed ones, which are not desired themselves, contradict. */
function contradictions(
  observed: unknown,
  desired: unknown,
  alsoDesired: unknown,
  contradict: (observed: string, desired: string) => boolean,
): [string, unknown][] {
  if (!isObject(observed) || !isObject(desired)) return [];
  return Object.entries(desired).filter(
    ([name, quantity]) =>
      observed[name] !== undefined &&
      at(alsoDesired, name) === undefined &&
      contradict(String(observed[name]), String(quantity)),
  );
}
