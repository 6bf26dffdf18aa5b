import { isDeepStrictEqual } from 'node:util';
import { isObject } from '../../metacontroller/reapply.ts';
import type { ClusterObject } from '../cluster/connection.ts';

/** A child as it is and as it would be; without the one it would be created, without the other deleted. */
export interface Change {
  /** `StatefulSet meshery/meshery-nats`. */
  what: string;
  before?: ClusterObject;
  after?: ClusterObject;
}

/** What pods would notice of a change: those of a new template restart, those of a new configuration reload it. */
export function effectOf({ what, before, after }: Change): string | undefined {
  if (!before || !after) return undefined;
  const { kind } = before;
  if (kind === 'ConfigMap' && !isDeepStrictEqual(before.data, after.data))
    return `reloads: the servers read ${what} again`;
  if (kind !== 'StatefulSet' && kind !== 'Deployment') return undefined;
  const [old, now] = [specOf(before), specOf(after)];
  if (!isDeepStrictEqual(old.template, now.template)) return `restarts: all pods of ${what}`;
  if (old.replicas !== now.replicas) return `scales: ${what} from ${old.replicas} to ${now.replicas} pods`;
  return undefined;
}

function specOf({ spec }: ClusterObject): Record<string, unknown> {
  return isObject(spec) ? spec : {};
}

/** Both objects as people compare them: without what the API server keeps for itself, and without the values of Secrets. */
export function comparable({ before, after }: Change): [before: object | undefined, after: object | undefined] {
  if (before?.kind !== 'Secret' && after?.kind !== 'Secret') return [before && plain(before), after && plain(after)];
  const [old, now] = [valuesOf(before), valuesOf(after)];
  const masked = (object: ClusterObject | undefined, own: Record<string, unknown>, mark: string) =>
    object && {
      ...plain(object),
      data: Object.fromEntries(Object.keys(own).map((key) => [key, old[key] === now[key] ? '***' : `*** (${mark})`])),
    };
  return [masked(before, old, 'before'), masked(after, now, 'after')];
}

function valuesOf(secret: ClusterObject | undefined): Record<string, unknown> {
  return isObject(secret?.data) ? secret.data : {};
}

/** Annotations that copy an object, the values of a Secret included. */
const COPIES = /\/last-applied-configuration$/;

function plain({ status: _status, metadata, ...object }: ClusterObject): object {
  const { managedFields: _fields, resourceVersion: _version, uid: _uid, generation: _generation, ...kept } = metadata;
  const { creationTimestamp: _time, annotations, ...rest } = kept;
  const shown = Object.entries(annotations ?? {}).filter(([key]) => !COPIES.test(key));
  const { apiVersion, kind, ...content } = object;
  return {
    ...{ apiVersion, kind },
    metadata: { ...rest, ...(shown.length > 0 && { annotations: Object.fromEntries(shown) }) },
    ...content,
  };
}

/** What a merge patch has to say so that an object that was applied once becomes what is applied now. */
export function mergePatch(last: unknown, now: unknown): unknown {
  if (!isObject(now) || !isObject(last)) return now;
  const removed = Object.keys(last).filter((key) => !Object.hasOwn(now, key));
  return {
    ...Object.fromEntries(Object.entries(now).map(([key, value]) => [key, mergePatch(last[key], value)])),
    ...Object.fromEntries(removed.map((key) => [key, null])),
  };
}
