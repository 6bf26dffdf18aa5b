import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/{cluster,monitoring}/**/*.test.ts'],
    globalSetup: ['test/cluster/global-setup.ts'],
    // Two control planes at a time fit on two cores: much of the time is waiting.
    maxWorkers: 2,
    testTimeout: 180_000,
    maxConcurrency: 20,
    hookTimeout: 1_200_000,
  },
});
