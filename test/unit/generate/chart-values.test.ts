import { expect, it } from 'vitest';
import { chartValuesPage } from '../../../generate/reference/chart-values.ts';

const schema = {
  type: 'object',
  properties: { pods: { type: 'integer', minimum: 0 }, part: { properties: { mode: { enum: ['a', 'b'] } } } },
};
const page = (values: string) => chartValuesPage(values, schema as never);

it('lists values below the map that they are in, with type and default', () => {
  const text = page(`# -- How many.
pods: 2
image:
  # -- Its tag. Default: that of the chart.
  tag: ""
# What belongs together.
part:
  # -- Its mode,
  # on two lines.
  mode: a
  inner:
    # -- A list.
    list: []
`);
  expect(text.slice(text.indexOf('## Operator'))).toBe(`## Operator

The Deployment of the operator.

- **\`pods\`** *integer; at least 0 · default: \`2\`*\\
  How many.
- **\`image.tag\`** *string · default: that of the chart*\\
  Its tag.

## part

What belongs together.

- **\`part.mode\`** *string; one of \`a\`, \`b\` · default: \`a\`*\\
  Its mode, on two lines.
- **\`part.inner.list\`** *list · default: \`[]\`*\\
  A list.
`);
});

it('links to a default that is too long for a line', () => {
  expect(page(`# -- A map.\nlong:\n  a: ${'x'.repeat(100)}\n`)).toContain('default: see [values.yaml](');
});

it('refuses a value without a description', () => {
  expect(() => page('# -- How many.\npods: 2\nother: 1\n')).toThrow('the value other of the chart has no description');
});
