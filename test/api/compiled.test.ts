import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { compiled, firstError, once } from '../../src/api/compiled.ts';

describe('a schema that is checked once', () => {
  const check = compiled(Type.Object({ map: once(Type.Record(Type.String(), Type.Object({ name: Type.String() }))) }));

  it('takes what fits, and again without another look', () => {
    let looks = 0;
    const map = {
      get a() {
        looks += 1;
        return { name: 'a' };
      },
    };
    expect(check.Check({ map })).toBe(true);
    const before = looks;
    expect(before).toBeGreaterThan(0);
    expect(check.Check({ map })).toBe(true);
    expect(looks).toBe(before);
  });

  it('refuses what does not fit each time, and tells of the field', () => {
    const map = { a: { name: 'a' }, b: { name: 1 } };
    for (const _time of [1, 2]) {
      expect(check.Check({ map })).toBe(false);
      expect(firstError(check, { map })).toMatchObject({ path: '/map/b/name', message: 'Expected string' });
    }
    for (const map of [null, 'x', [], undefined]) {
      expect(check.Check({ map })).toBe(false);
      expect(firstError(check, { map })).toMatchObject({ path: '/map' });
    }
    expect(firstError(check, { map: {} })).toBeUndefined();
  });

  it('is the same schema to whoever reads it', () => {
    const schema = Type.Record(Type.String(), Type.String());
    expect(JSON.stringify(once(schema))).toBe(JSON.stringify(schema));
  });
});
