import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/cluster/**', 'test/monitoring/**', 'test/node/**', 'test/soak/**'],
    globalSetup: 'test/global-setup.ts',
    // Properties take long on a busy machine.
    testTimeout: 120_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // Run as processes of their own, by their bundles.
      exclude: ['src/server/main.ts', 'src/server/serve.ts', 'src/cli/main.ts', 'src/cli/demo.ts'],
      reporter: ['text-summary'],
      thresholds: { lines: 94 },
    },
  },
});
