// Bundles the server and the command line into one file each, which need nothing but Node at run time.
import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });

// The API page is part of what serves it, so that there is one file to run: in a comment, which takes no memory until it is
// read.
const swaggerUi = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const apiPage = [
  ...['index.html', 'openapi.json'].map((file) => join(import.meta.dirname, 'docs/api', file)),
  ...['swagger-ui.css', 'swagger-ui-bundle.js'].map((file) => join(swaggerUi, file)),
].map((path) => [basename(path), brotliCompressSync(readFileSync(path)).toString('base64')]);

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
  footer: { js: `/*API page: ${JSON.stringify(Object.fromEntries(apiPage))}*/` },
};

await Promise.all([
  build({ ...shared, entryPoints: ['src/main.ts'], outfile: 'dist/server.js' }),
  build({
    ...shared,
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/cli.js',
    banner: { js: `#!/usr/bin/env node\n${shared.banner.js}` },
  }),
]);
