import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, canonicalQuantity, compareQuantities } from '../../../src/schema/quantity.ts';
import { quantities } from '../../support/quantities.ts';

describe('canonicalQuantity', () => {
  // The canonical form of the API server for each; test/cluster/smoke.test.ts compares them with one.
  it.each(quantities)('of %s is %s', (quantity, canonical) => {
    expect(canonicalQuantity(quantity)).toBe(canonical);
    expect(canonicalQuantity(canonical)).toBe(canonical);
  });

  it('keeps the value', () => {
    const suffix = fc.constantFrom('', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi');
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(999), suffix, (whole, decimals, unit) => {
        const quantity = `${whole}.${decimals}${unit}`;
        // A fraction of a byte is rounded up in a binary unit.
        const difference = Number(bytes(canonicalQuantity(quantity)) - bytes(quantity));
        expect(difference).toBe(0);
      }),
    );
  });
});

it.each([
  ['1', 1, 0],
  ['1000m', '1', 0],
  ['1Gi', '1024Mi', 0],
  ['1G', '1Gi', -1],
  ['1.5', '1499m', 1],
])('%s compared with %s is %i', (left, right, expected) => {
  expect(compareQuantities(left, right)).toBe(expected);
});
