import { type Event, lastSeen } from '../cluster/objects.ts';
import { oneLine } from '../foreign-text.ts';
import type { EventStatus } from './model.ts';

const MAX_EVENTS = 5;

/** The Events of some objects, of any number of Events. */
export interface EventIndex {
  /** By the uid of the object that they are about, newest first. */
  of(uid: string | undefined): Event[];
  /** By kind and name, for objects that were not listed. */
  named(kind: string, namespace: string, name: string): Event[];
}

/** Arranges Events by their objects. */
export function indexEvents(events: Event[]): EventIndex {
  const byUid = new Map<string, Event[]>();
  const byName = new Map<string, Event[]>();
  const add = (map: Map<string, Event[]>, key: string, event: Event) => {
    const group = map.get(key);
    if (group) group.push(event);
    else map.set(key, [event]);
  };
  for (const event of newestFirst(events)) {
    const { uid, kind, namespace, name } = event.involvedObject;
    if (uid) add(byUid, uid, event);
    add(byName, `${kind} ${namespace}/${name}`, event);
  }
  return {
    of: (uid) => byUid.get(uid ?? '') ?? [],
    named: (kind, namespace, name) => byName.get(`${kind} ${namespace}/${name}`) ?? [],
  };
}

/** The end of a name that Kubernetes generated: each attempt to create a pod has another. */
const GENERATED = /-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g;

/**
 * The newest Events, those that say the same of objects of a kind as one.
 * @param since what was seen last before it, or at that second, has passed
 */
export function recentEvents(events: Event[], since = ''): EventStatus[] {
  const found = new Map<string, EventStatus>();
  for (const event of newestFirst(events)) {
    if (Date.parse(lastSeen(event) ?? '') <= Date.parse(since)) continue;
    const { kind, name } = event.involvedObject;
    const reason = event.reason ?? '';
    const message = messageOf(event);
    const count = event.series?.count ?? event.count ?? 1;
    const key = `${kind}\n${reason}\n${message.replaceAll(GENERATED, '')}`;
    const known = found.get(key);
    if (known) known.count += count;
    else {
      const last = lastSeen(event);
      found.set(key, { object: `${kind} ${name}`, reason, message, count, ...(last && { last }) });
    }
  }
  return [...found.values()].slice(0, MAX_EVENTS);
}

/** The message of an Event in one line, without credentials. */
export function messageOf({ message }: Event): string {
  return oneLine(message ?? '');
}

function newestFirst(events: Event[]): Event[] {
  const time = (event: Event) => Date.parse(lastSeen(event) ?? '') || 0;
  return [...events].sort((left, right) => time(right) - time(left));
}
