import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/cluster/**', 'test/monitoring/**', 'test/node/**', 'test/soak/**'],
    globalSetup: 'test/global-setup.ts',
    // Properties take long on a busy machine.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: [
        // Run as processes of their own, by their bundles.
        ...[
          'src/server/main.ts',
          'src/server/serve.ts',
          'src/cli/main.ts',
          'src/cli/demo.ts',
          'src/cli/file-commands.ts',
        ],
        ...['src/cli/program.ts', 'src/cli/completion.ts', 'src/cli/given.ts', 'src/cli/terminal.ts'],
        // What asks a cluster is run by test/cluster and test/node.
        'src/cli/{cluster,connect,live,migrate,status}/**',
        'src/cli/doctor/{doctor,fix,gather}.ts',
      ],
      reporter: ['text-summary'],
      thresholds: { lines: 94 },
    },
  },
});
