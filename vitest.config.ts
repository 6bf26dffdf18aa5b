import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/cluster/**', 'test/monitoring/**', 'test/soak/**'],
    globalSetup: 'test/global-setup.ts',
    testTimeout: 120_000,
  },
});
