import { Type } from '@sinclair/typebox';
import { expect, it } from 'vitest';
import { Default, DefaultInWords, explained, inline, withDefault } from '../../../src/schema/defaults.ts';
import { structural } from '../../../src/schema/structural.ts';

it('the description of a field in a CRD ends with its default', () => {
  const options = { description: 'A size.' };
  expect(structural(Type.String({ ...options, [Default]: '1Gi' })).description).toBe('A size. Default: 1Gi.');
  expect(structural(Type.String({ ...options, [DefaultInWords]: 'a half' })).description).toBe(
    'A size. Default: a half.',
  );
  expect(structural(Type.Boolean({ ...options, [Default]: false })).description).toBe('A size. Default: false.');
  expect(structural(Type.String(options)).description).toBe('A size.');
  expect(structural(Type.String({ [Default]: '1Gi' }))).not.toHaveProperty('description');
});

it('a schema that is shared has a default in one place only', () => {
  const shared = Type.Object({ cpu: Type.String() }, { description: 'Resources.' });
  expect(explained(withDefault(shared, { cpu: '1' }))).toBe('Resources. Default: {cpu: 1}.');
  expect(explained(shared)).toBe('Resources.');
});

it('a value is printed as YAML on one line', () => {
  expect(inline({ a: [1, { b: true }], c: null })).toBe('{a: [1, {b: true}], c: null}');
});
