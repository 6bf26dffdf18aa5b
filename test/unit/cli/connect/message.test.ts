import { expect, it } from 'vitest';
import { entryLine, entryOf } from '../../../../src/cli/connect/message.ts';

const at = new Date('2026-01-01T12:00:00Z');
const entry = (data: string, subject = 'meshery.meshsync.core') => entryOf(subject, new TextEncoder().encode(data), at);

it.each([
  ['{"EventType":"ADDED","Object":{"kind":"Pod","metadata":{"name":"a","namespace":"b"}}}', 'ADDED     Pod b/a'],
  ['{"EventType":"MODIFIED","Object":{"kind":"Node","metadata":{"name":"a"}}}', 'MODIFIED  Node a'],
  ['{"EventType":"DELETED","Object":{}}', 'DELETED   object'],
  ['{"EventType":"ADDED","Object":{"kind":"\\u001b]0;x\\u0007","metadata":{"name":"a\\nb"}}}', 'ADDED     �]0;x� a�b'],
  ['{"Object":{}}', 'meshery.meshsync.core  13 bytes'],
  ['null', 'meshery.meshsync.core  4 bytes'],
  ['no JSON', 'meshery.meshsync.core  7 bytes'],
])('%s is one line', (data, line) => {
  expect(entryLine(entry(data))).toBe(`2026-01-01T12:00:00.000Z  ${line}`);
});

it('has nothing of the object but its name', () => {
  const secret = { kind: 'Secret', metadata: { name: 'a', labels: { b: 'c' } }, data: { password: 'cGFzcw==' } };
  expect(entry(JSON.stringify({ EventType: 'ADDED', Object: secret }))).toEqual({
    ...{ time: '2026-01-01T12:00:00.000Z', subject: 'meshery.meshsync.core' },
    ...{ bytes: expect.any(Number), event: 'ADDED', kind: 'Secret', name: 'a' },
  });
});
