import { type Event, lastSeen, objectInWords, type Resource } from '../../cluster/objects.ts';
import type { Facts } from '../facts.ts';
import { check, type Finding } from '../finding.ts';
import { isSynced, lastTransition } from '../resource.ts';

/** How long a failed sync matters: Metacontroller tries again after 16 minutes at most. */
const RECENT_MS = 20 * 60_000;

/** Whether Metacontroller reaches the hooks and is let in: by its failed syncs, and by a request through the API server. */
export function hooks(facts: Pick<Facts, 'now' | 'events' | 'resources' | 'proxied' | 'endpoints'>): Finding[] {
  const { judge } = check('hooks');
  return [
    ...judge(facts.resources, (resources) => judge(facts.events, (events) => failed(resources, events, facts.now))),
    ...reachable(facts),
  ];
}

function failed(resources: readonly Resource[], events: readonly Event[], now: Date): Finding[] {
  const { warning, error } = check('hooks');
  return resources.flatMap((resource) => {
    const [latest] = events
      .filter(
        ({ involvedObject, message }) => involvedObject.uid === resource.metadata.uid && SYNC_ERROR.test(message ?? ''),
      )
      .map((event) => ({ message: event.message ?? '', time: Date.parse(lastSeen(event) ?? '') }))
      .filter(({ time }) => now.getTime() - time < RECENT_MS)
      .sort((one, other) => other.time - one.time);
    // While an operator starts, the first syncs fail: what is said of a later one counts.
    if (!latest || (isSynced(resource) && lastTransition(resource) >= latest.time)) return [];
    const minutes = Math.max(0, Math.round((now.getTime() - latest.time) / 60_000));
    const message = `a sync of ${objectInWords(resource)} failed ${minutes} min ago: ${oneLine(latest.message)}`;
    return [(isSynced(resource) ? warning : error)(message, { remedy: remedyOf(latest.message) })];
  });
}

const SYNC_ERROR = /^Sync error/i;

/** The most of a message that a line shows. */
const MOST = 200;

function oneLine(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line.length > MOST ? `${line.slice(0, MOST)}…` : line;
}

function remedyOf(message: string): string {
  if (/status code: 40[13]/.test(message)) {
    return 'install the same overlay of docs/security.md (token, tls, mutual-tls) for the operator and the registrations, then restart Metacontroller, which reads its Secrets when it starts';
  }
  if (/x509|certificate|tls:/i.test(message)) {
    return 'the certificate of the hooks and the CA in the registrations must fit: see "Securing the hooks" in docs/security.md';
  }
  if (/status code: 4/.test(message)) return 'the versions of operator, CRDs and registrations must be the same';
  if (/dial tcp|connection refused|no such host|timeout|deadline/i.test(message)) {
    return 'the Service of the operator must have ready pods, and its NetworkPolicy must allow the namespace of Metacontroller';
  }
  return 'kubectl describe shows the Events of the resource, and the log of the operator the rest';
}

function reachable({ proxied, resources, endpoints }: Pick<Facts, 'proxied' | 'resources' | 'endpoints'>): Finding[] {
  const { ok, warning, judge } = check('hooks');
  return judge(proxied, (answer) => {
    // Without a Service or without endpoints, that is what is reported.
    if (!answer || ('value' in endpoints && !endpoints.value.some((slice) => slice.endpoints?.length))) return [];
    if (answer.status === 200) return [ok('the operator answers through its Service')];
    const all = 'value' in resources ? resources.value : [];
    const synced = all.filter(isSynced).length;
    if (synced > 0) return [ok(`Metacontroller reaches them: ${synced} of ${all.length} resources are synced`)];
    const why = answer.message ? oneLine(answer.message) : `status ${answer.status}`;
    const refusal = `the operator does not answer the API server: ${why}`;
    const remedy =
      'a NetworkPolicy or mutual TLS may keep the API server out: create a Broker, and see whether it is synced';
    return [warning(refusal, { remedy })];
  });
}
