import { Type } from '@sinclair/typebox';
import { expect, it } from 'vitest';
import { compiled } from '../../../src/schema/compiled.ts';

it('a compiled schema accepts valid values, and names the field of invalid ones', () => {
  const check = compiled(Type.Object({ map: Type.Record(Type.String(), Type.Object({ name: Type.String() })) }));
  expect(check.Check({ map: { a: { name: 'a' } } })).toBe(true);
  for (const map of [null, 'x', undefined, { b: { name: 1 } }]) expect(check.Check({ map })).toBe(false);
  expect(check.Errors({ map: { a: { name: 'a' }, b: { name: 1 } } }).First()).toMatchObject({
    path: '/map/b/name',
    message: 'Expected string',
  });
});
