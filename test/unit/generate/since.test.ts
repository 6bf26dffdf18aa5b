import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { everything, firstRelease, updatedSince } from '../../../generate/reference/since.ts';
import { Structure } from '../../../src/schema/fields.ts';

const Deep = Type.Object({ size: Type.String() }, { [Structure]: 'deep' });
const spec = Type.Object({ one: Deep, list: Type.Array(Deep), own: Type.Object({ name: Type.String() }) });
const status = Type.Object({ ready: Type.Boolean() });
const all = everything([{ kind: 'Broker', spec, status }]);

describe('the record of releases', () => {
  it('has every field one by one, however the page groups them', () => {
    expect(all.paths.get('Broker')).toEqual([
      ...['spec.one', 'spec.one.size', 'spec.list', 'spec.list[].size', 'spec.own', 'spec.own.name'],
      'status.ready',
    ]);
  });

  it('keeps what is known, gives this release to what is new, and forgets what is gone', () => {
    const known = { Broker: { 'spec.one': '1.0', 'spec.gone': '1.0' }, Gone: { 'spec.one': '1.0' } };
    const since = updatedSince(known, all, '2.10.3');
    expect(Object.keys(since)).toEqual(['Broker']);
    expect(since.Broker).toMatchObject({ 'spec.one': '1.0', 'spec.one.size': '2.10', 'status.ready': '2.10' });
    expect(since.Broker).not.toHaveProperty('spec.gone');
  });

  it('gives a field of a structure the first release that has it in any place', () => {
    const places = all.places.get('deep') ?? [];
    const since = { Broker: { 'spec.one.size': '2.10', 'spec.list[].size': '2.9' } };
    expect(firstRelease(since, places, 'size')).toBe('2.9');
    expect(firstRelease(since, places, 'none')).toBeUndefined();
  });
});
