import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { compiled, firstError, once } from '../../src/api/compiled.ts';
import { comesAgain } from '../../src/memory.ts';

describe('a schema that is checked once', () => {
  const check = compiled(Type.Object({ map: once(Type.Record(Type.String(), Type.Object({ name: Type.String() }))) }));

  it('takes what fits, and what comes again without another look', () => {
    let looks = 0;
    const map = {
      get a() {
        looks += 1;
        return { name: 'a' };
      },
    };
    expect(check.Check({ map })).toBe(true);
    const once = looks;
    expect(once).toBeGreaterThan(0);
    comesAgain(map);
    for (const _time of [1, 2, 3]) expect(check.Check({ map })).toBe(true);
    expect(looks).toBe(2 * once);
  });

  it('refuses what does not fit each time, and tells of the field', () => {
    const map = { a: { name: 'a' }, b: { name: 1 } };
    comesAgain(map);
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
