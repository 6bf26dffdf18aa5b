import { Type } from '@sinclair/typebox';
import { describe, expect, it } from 'vitest';
import { describeField, describe as describeSchema } from '../../../generate/reference/schema.ts';
import { Quantity } from '../../../src/kubernetes/quantities.ts';
import { Default, DefaultInWords } from '../../../src/schema/defaults.ts';
import { DNS_LABEL, NamedStrings, pattern, StringEnum, Structure } from '../../../src/schema/fields.ts';
import { withRules } from '../../../src/schema/rules.ts';

describe('a field', () => {
  const shown = (schema: Parameters<typeof describeField>[0]) => {
    const { type, validation, absent } = describeField(schema, 'a');
    return [[type, ...validation].join('; '), absent];
  };

  it.each([
    [Type.Integer({ minimum: 1, maximum: 10, [Default]: 2 }), 'integer; 1 to 10', '`2`'],
    [Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }), 'integer; at least 0', undefined],
    [Type.Integer({ maximum: 5, default: 3 }), 'integer; at most 5', '`3`'],
    [Type.Boolean({ [Default]: false }), 'boolean', '`false`'],
    [Type.String({ pattern: DNS_LABEL, maxLength: 63 }), 'string; a DNS label; at most 63 characters', undefined],
    [Type.String({ minLength: 1, maxLength: 1 }), 'string; 1 to 1 character', undefined],
    [Type.String({ format: 'byte' }), 'string; Base64', undefined],
    [StringEnum(['', 'On'], { description: '', [DefaultInWords]: 'on_' }), 'string; `On`, or empty', 'on\\_'],
    [Type.Literal('v1'), 'string; `v1`', undefined],
    [
      Type.Array(Type.String({ pattern: DNS_LABEL, maxLength: 9 }), { minItems: 1, maxItems: 8 }),
      'list of string; 1 to 8 items; each a DNS label, at most 9 characters',
      undefined,
    ],
    [
      Type.Array(Type.Object({}), { 'x-kubernetes-list-map-keys': ['name', 'port'] }),
      'list of object; one for each `name` and `port`',
      undefined,
    ],
    [Type.Array(Type.String(), { 'x-kubernetes-list-type': 'set' }), 'list of string; no duplicates', undefined],
    [
      NamedStrings({ description: '' }, Type.String({ maxLength: 5 })),
      'map of string; keys: qualified names such as `example.com/team`; values: at most 5 characters',
      undefined,
    ],
    [Quantity('A quantity.'), 'quantity', undefined],
    [Type.Unknown(), 'anything', undefined],
    [Type.Array(Type.Object({}, { [Structure]: 'network peer' })), 'list of [network peer](#network-peer)', undefined],
  ])('%# is shown as %s', (schema, ...expected) => {
    expect(shown(schema)).toEqual(expected);
  });

  it('without a description has none, and with one it has no markup', () => {
    expect(describeField(Type.String({ description: 'A <b>.' }), 'a', true)).toMatchObject({
      description: 'A `<b>`.',
      isRequired: true,
    });
    expect(describeField(Type.String(), 'a')).not.toHaveProperty('description');
  });

  it('with a pattern that has no meaning in words is refused', () => {
    expect(() => describeField(Type.String({ pattern: '^unknown$' }), 'a')).toThrow(
      'the pattern ^unknown$ has no meaning',
    );
    expect(shown(Type.String({ pattern: pattern('this word', '^unknown$') }))).toEqual([
      'string; this word',
      undefined,
    ]);
  });
});

describe('an object', () => {
  const inner = Type.Object({ deep: Type.String() }, { [Structure]: 'inner' });
  const schema = withRules(
    Type.Object({
      list: Type.Array(Type.Object({ item: Type.Optional(Type.String()) })),
      named: inner,
      'with-dash': Type.Optional(Type.String()),
    }),
    [{ rule: 'true', message: 'must be', fieldPath: ".list['with-dash']", holds: () => true }],
  );

  it('is listed with all that is inside, but for structures with a name', () => {
    const { fields, structures, rules } = describeSchema(schema, 'spec');
    expect(fields.map(({ path, isRequired }) => [path, isRequired])).toEqual([
      ['spec.list', true],
      ['spec.list[].item', false],
      ['spec.named', true],
      ['spec.with-dash', false],
    ]);
    expect(structures).toEqual([inner]);
    expect(rules).toEqual([{ path: 'spec.list.with-dash', message: 'must be' }]);
  });

  it('that is a structure has paths from its own root', () => {
    const { fields, rules } = describeSchema(schema, '');
    expect(fields[1]?.path).toBe('list[].item');
    expect(rules[0]?.path).toBe('list.with-dash');
  });
});
