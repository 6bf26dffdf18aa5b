import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { answerText, remembered } from '../../src/metacontroller/remembered.ts';

class Other {
  readonly value = 1;
}

it('a function gives again what it made of an object, while its other arguments are the same', () => {
  const make = vi.fn((of: object, ...rest: unknown[]) => ({ of, rest }));
  const once = remembered(make);
  const [of, observed] = [{}, new Other()];
  const first = once(of, 'a', { b: [1, { c: undefined }] }, observed);
  expect(first).toEqual({ of, rest: ['a', { b: [1, { c: undefined }] }, observed] });
  expect(once(of, 'a', { b: [1, { c: undefined }] }, observed)).toBe(first);
  expect(make).toHaveBeenCalledTimes(1);
});

it.each<[string, unknown[]]>([
  ['another text', ['b', { b: [1, { c: undefined }] }]],
  ['another value in an object', ['a', { b: [2, { c: undefined }] }]],
  ['another key with the same value', ['a', { b: [1, { d: undefined }] }]],
  ['one key more', ['a', { b: [1, { c: undefined, d: 1 }] }]],
  ['one key fewer', ['a', { b: [1, {}] }]],
  ['a map for a list', ['a', { b: { 0: 1, 1: { c: undefined } } }]],
  ['nothing', ['a', undefined]],
  ['null', ['a', null]],
  ['one argument more', ['a', { b: [1, { c: undefined }] }, undefined]],
  ['one argument fewer', ['a']],
])('a function is called again for %s', (_what, rest) => {
  const once = remembered((_of: object, ...rest: unknown[]) => ({ rest }));
  const of = {};
  once(of, 'a', { b: [1, { c: undefined }] });
  expect(once(of, ...rest)).toEqual({ rest });
});

it('a function is called again for another object, and for another instance of a class', () => {
  const once = remembered((of: object, ...rest: unknown[]) => ({ of, rest }));
  const of = { a: 1 };
  const first = once(of, new Other());
  expect(once({ a: 1 }, new Other())).not.toBe(first);
  expect(once(of, new Other())).not.toBe(first);
});

it('an answer is written as JSON is, the first time and later', () => {
  const child = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(child), (status, children) => {
      const expected = JSON.stringify({ status, children });
      expect(answerText({ status, children })).toBe(expected);
      expect(answerText({ status, children: [...children, {}] })).toBe(
        JSON.stringify({ status, children: [...children, {}] }),
      );
    }),
  );
});
