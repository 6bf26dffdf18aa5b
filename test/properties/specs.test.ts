import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brokerSpec, meshSyncSpec } from '../support/arbitraries.ts';
import { pathsOf, specFields } from '../support/spec-fields.ts';

/** Enough for each field to be there. */
const SAMPLES = 1_000;

const found: Record<string, Set<string>> = {
  Broker: new Set(fc.sample(brokerSpec, { numRuns: SAMPLES, seed: 1 }).flatMap(pathsOf)),
  MeshSync: new Set(fc.sample(meshSyncSpec, { numRuns: SAMPLES, seed: 1 }).flatMap(pathsOf)),
};

/** Fields of the shape of a ConfigMap that are not read. */
const UNREAD = ['apiVersion', 'kind', 'metadata', 'binaryData', 'immutable'].map((field) => `watch-list.${field}`);

describe('the random specs of the properties', () => {
  it.each(specFields.filter(({ path }) => !UNREAD.includes(path)).map(({ kind, path }) => [kind, path] as const))(
    'of a %s have the field spec.%s',
    (kind, path) => {
      expect(found[kind]?.has(path), `add spec.${path} to the specs in test/support/arbitraries.ts`).toBe(true);
    },
  );
});
