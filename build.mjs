// Bundles the server and the command line into one file each, besides the one that runs either, which need nothing but Node at run time.
import { rmSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });

const shared = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  minify: true,
  legalComments: 'none',
  // What Fastify loads only where it is given no compilers of schemas, and for injected requests.
  external: ['@fastify/ajv-compiler', '@fastify/fast-json-stringify-compiler', 'light-my-request'],
  // jsonc-parser's CommonJS can't be bundled.
  mainFields: ['module', 'main'],
  // Packages written as CommonJS call require() for Node's own modules.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
};

await Promise.all([
  build({ ...shared, entryPoints: ['src/main.ts'], outfile: 'dist/main.js', banner: {} }),
  build({ ...shared, entryPoints: ['src/server/main.ts'], outfile: 'dist/server.js' }),
  build({
    ...shared,
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/cli.js',
    banner: { js: `#!/usr/bin/env node\n${shared.banner.js}` },
  }),
]);
