import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { isConfirmed } from '../../../src/cli/confirm.ts';

let input: PassThrough;
let printed: string;
beforeEach(() => {
  input = new PassThrough();
  printed = '';
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(input as never);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    printed += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

it.each([
  ['y\n', true],
  ['YES\n', true],
  ['n\n', false],
  ['\n', false],
  ['yesterday\n', false],
])('takes only yes as a yes: %j', async (text, expected) => {
  const answer = isConfirmed('Do this?');
  input.write(text);
  expect(await answer).toBe(expected);
  expect(printed).toContain('Do this? [y/N] ');
});

it('takes the end of the input as a no', async () => {
  const answer = isConfirmed('Do this?');
  input.end();
  expect(await answer).toBe(false);
  expect(printed.endsWith('\n')).toBe(true);
});
