import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/node/**/*.test.ts'],
    reporters: ['verbose'],
    // One cluster, with one scenario at a time: gaps are measured.
    maxWorkers: 1,
    bail: 0,
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
});
