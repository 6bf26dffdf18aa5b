import { expect, it } from 'vitest';
import { duration } from '../../../../src/cli/duration.ts';
import { logLines, oneLine, withoutCredentials, withPrintableTexts } from '../../../../src/cli/foreign-text.ts';
import { printTree } from '../../../../src/cli/status/tree.ts';
import { age, bytes, counted } from '../../../../src/cli/status/units.ts';

it.each([
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [7_199, '119m'],
  [7_200, '2h'],
  [172_799, '47h'],
  [172_800, '2d'],
  [-5, '0s'],
])('%i seconds ago is %s', (seconds, text) => {
  const now = new Date('2026-01-10T00:00:00Z');
  expect(age(new Date(now.getTime() - seconds * 1_000).toISOString(), now)).toBe(text);
});

it('has no age without a time', () => {
  expect([age(undefined, new Date()), age('soon', new Date())]).toEqual(['', '']);
});

it.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_536, '1.5 KiB'],
  [15 * 1024 ** 2, '15 MiB'],
  [1024 ** 3, '1.0 GiB'],
  [1024 ** 5, '1024 TiB'],
])('%i bytes are %s', (count, text) => {
  expect(bytes(count)).toBe(text);
});

it('counts in plural', () => {
  expect([0, 1, 2].map((count) => counted(count, 'restart'))).toEqual(['0 restarts', '1 restart', '2 restarts']);
});

it.each([
  ['90s', 90_000],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
])('reads the duration %s', (text, milliseconds) => {
  expect(duration(text)).toBe(milliseconds);
});

it.each(['', '5', '-1s', '0s', '1m1h', '1.5h', 'soon'])('refuses the duration "%s"', (text) => {
  expect(() => duration(text)).toThrow(`${text} is no duration: write 90s, 5m or 1h30m`);
});

it('draws a tree', () => {
  const below = [
    { text: 'a', below: [{ text: 'b', below: [{ text: 'c' }] }] },
    { text: 'd', below: [{ text: 'e' }] },
  ];
  expect(printTree({ text: 'root', below })).toBe('root\n├─ a\n│  └─ b\n│     └─ c\n└─ d\n   └─ e\n');
});

it('hides credentials of URLs and generated tokens, and nothing else', () => {
  const digest = `nats@sha256:${'0'.repeat(64)}`;
  expect(withoutCredentials(`tls://user:pass@host:4222 t${'a'.repeat(64)} ${digest} a@b http://host/x@y`)).toBe(
    `tls://***@host:4222 *** ${digest} a@b http://host/x@y`,
  );
});

it('lets no text of others write to the terminal', () => {
  expect(oneLine(' a\n\tb \u001b[2Jc nats://x@y ')).toBe('a b �[2Jc nats://***@y');
  expect(logLines('\u001b[31mred\u001b[0m\r\na\tb\u0007\ntls://x@y\n\n')).toEqual(['red', 'a b�', 'tls://***@y']);
  expect(logLines(`${'x'.repeat(501)}`)).toEqual([`${'x'.repeat(500)}…`]);
  // Bidirectional controls show what follows in another order.
  expect(oneLine('a \u202egnp.exe\u2066')).toBe('a �gnp.exe�');
  const event = { reason: 'Bad\u001b[2J\r\n  forged', count: 3, log: ['  indented nats://x:p@ss@y'], last: undefined };
  expect(withPrintableTexts({ events: [event], ready: false })).toEqual({
    events: [{ reason: 'Bad�[2J forged', count: 3, log: ['  indented nats://***@y'] }],
    ready: false,
  });
});

it('hides JSON Web Tokens', () => {
  expect(withoutCredentials('Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln-_x refused')).toBe('Bearer *** refused');
});
