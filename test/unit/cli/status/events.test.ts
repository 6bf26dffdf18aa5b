import { expect, it } from 'vitest';
import type { Event } from '../../../../src/cli/cluster/objects.ts';
import { indexEvents, recentEvents } from '../../../../src/cli/status/events.ts';

const event = (name: string, message: string, minute: number, more: Partial<Event> = {}): Event => ({
  metadata: { name: `${name}.${minute}`, creationTimestamp: '2026-01-01T00:00:00Z' },
  involvedObject: { kind: 'Pod', namespace: 'meshery', name, uid: `uid-${name}` },
  reason: 'Failed',
  message,
  lastTimestamp: `2026-01-01T00:${String(minute).padStart(2, '0')}:00Z`,
  ...more,
});

it('shows the five newest, and counts those that say the same', () => {
  const events = [1, 2, 3, 4, 5, 6].map((minute) => event('a', `message ${minute}`, minute));
  const same = [event('b', 'message\n6', 7, { count: 3 }), event('c', 'message 6', 8, { count: null })];
  expect(
    recentEvents([...events, ...same]).map(({ object, message, count, last }) => [object, message, count, last]),
  ).toEqual([
    ['Pod c', 'message 6', 5, '2026-01-01T00:08:00Z'],
    ['Pod a', 'message 5', 1, '2026-01-01T00:05:00Z'],
    ['Pod a', 'message 4', 1, '2026-01-01T00:04:00Z'],
    ['Pod a', 'message 3', 1, '2026-01-01T00:03:00Z'],
    ['Pod a', 'message 2', 1, '2026-01-01T00:02:00Z'],
  ]);
});

it('reads the times and counts of both kinds of Events, and no credentials', () => {
  const series = event('a', `nats://secret@host t${'0'.repeat(64)}`, 1, {
    ...{ lastTimestamp: null, eventTime: '2026-01-01T00:01:00Z' },
    series: { count: 7, lastObservedTime: '2026-01-01T00:09:00Z' },
  });
  const bare = event('b', 'x', 1, { lastTimestamp: null });
  expect(recentEvents([bare, series])).toEqual([
    { object: 'Pod a', reason: 'Failed', message: 'nats://***@host ***', count: 7, last: '2026-01-01T00:09:00Z' },
    { object: 'Pod b', reason: 'Failed', message: 'x', count: 1, last: '2026-01-01T00:00:00Z' },
  ]);
});

it('finds Events by uid, and by name where no object was listed', () => {
  const index = indexEvents([event('a', 'old', 1), event('b', 'other', 2), event('a', 'new', 3)]);
  expect(index.of('uid-a').map(({ message }) => message)).toEqual(['new', 'old']);
  expect(index.named('Pod', 'meshery', 'b').map(({ message }) => message)).toEqual(['other']);
  expect([index.of(undefined), index.of('uid-c'), index.named('Pod', 'other', 'b')]).toEqual([[], [], []]);
});

it('counts Events of objects with generated names as one', () => {
  const refused = (name: string, minute: number) =>
    event('a', `Error creating: pods "meshery-meshsync-5c8fdbcc87-${name}" is forbidden`, minute);
  const [one, ...others] = recentEvents([refused('2xw7f', 1), refused('zk9bn', 2), refused('m4d8q', 3)]);
  expect(others).toEqual([]);
  expect(one).toMatchObject({ count: 3, last: '2026-01-01T00:03:00Z' });
  expect(one?.message).toContain('m4d8q');
});

it('leaves out what was seen last before some time', () => {
  const events = [1, 2, 3].map((minute) => event('a', `message ${minute}`, minute));
  const messages = (since?: string) => recentEvents(events, since).map(({ message }) => message);
  expect(messages('2026-01-01T00:02:00Z')).toEqual(['message 3']);
  expect(messages('')).toEqual(messages());
});
