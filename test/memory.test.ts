import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { comesAgain, keptFor, MEMORY, Memory, memoryOf } from '../src/memory.ts';
import { answerText } from '../src/metacontroller/envelope.ts';

class Other {
  readonly value = 1;
}

describe('a memory', () => {
  const ARGUMENTS = () => ['a', { b: [1, { c: undefined }] }] as unknown[];

  it('gives again what a function made, while its arguments are the same', () => {
    const [memory, observed] = [new Memory(), new Other()];
    const make = vi.fn((...of: unknown[]) => ({ of }));
    const first = memory.make(make, ...ARGUMENTS(), observed);
    expect(first).toEqual({ of: [...ARGUMENTS(), observed] });
    for (let time = 0; time < 3; time++) expect(memory.make(make, ...ARGUMENTS(), observed)).toBe(first);
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
  ])('calls the function again for %s', (_what, of) => {
    const memory = new Memory();
    const make = (...of: unknown[]) => ({ of });
    memory.make(make, ...ARGUMENTS());
    expect(memory.make(make, ...of)).toEqual({ of });
    expect(memory.make(make, ...ARGUMENTS())).toEqual({ of: ARGUMENTS() });
  });

  it('calls another function, one of another memory, and one for another instance of a class', () => {
    const [memory, other] = [new Memory(), new Other()];
    const make = (of: unknown) => ({ of });
    const first = memory.make(make, other);
    expect(memory.make((of: unknown) => ({ another: of }), other)).toEqual({ another: other });
    expect(new Memory().make(make, other)).not.toBe(first);
    expect(memory.make(make, new Other())).not.toBe(first);
  });

  it('gives the same object for one with the same fields, made of others', () => {
    const memory = new Memory();
    const name = (of: object) => ({ ...of });
    const other = (of: object) => ({ ...of });
    const ordered = (of: object) => ({ ...of });
    // Another object each time, of which a function leaves the same fields.
    const from = (fields: object) => Object.assign(new Other(), fields);
    const same = (make: typeof name, fields: object) => memory.make(make, from(fields));
    const first = same(name, { a: { b: 1 } });
    expect(same(name, { a: { b: 1 } })).toBe(first);
    expect(same(other, { a: { b: 1 } })).not.toBe(first);
    const inOrder = same(ordered, { a: 1, b: 2 });
    expect(same(ordered, { b: 2, a: 1 })).not.toBe(inOrder);
    expect(same(name, { a: { b: 2 } })).toEqual({ ...from({ a: { b: 2 } }) });
    expect(same(name, { a: { b: 1 } })).not.toBe(first);
  });

  it('is that of the request, or an empty one', () => {
    const memory = new Memory();
    expect(memoryOf({ [MEMORY]: memory })).toBe(memory);
    expect(memoryOf(JSON.parse('{"memory":{"make":1}}'))).toBeInstanceOf(Memory);
    expect(memoryOf({})).not.toBe(memoryOf({}));
  });
});

it('what is worked out of an object is kept when that comes again', () => {
  const work = vi.fn(({ a }: { a: number }) => a);
  const kept = keptFor(work);
  const object = { a: 1 };
  expect([kept(object), kept(object)]).toEqual([1, 1]);
  expect(work).toHaveBeenCalledTimes(2);
  comesAgain(object);
  expect([kept(object), kept(object), kept(object)]).toEqual([1, 1, 1]);
  expect(work).toHaveBeenCalledTimes(3);
  expect(kept({ a: 2 })).toBe(2);
});

it('an answer is written as JSON is, the first time and later', () => {
  const child = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(child), (status, children) => {
      const expected = JSON.stringify({ status, children });
      expect(answerText({ status, children })).toBe(expected);
      children.forEach(comesAgain);
      for (let time = 0; time < 2; time++) expect(answerText({ status, children })).toBe(expected);
      expect(answerText({ status, children: [...children, {}] })).toBe(
        JSON.stringify({ status, children: [...children, {}] }),
      );
    }),
  );
});
