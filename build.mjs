// Bundles the server into one file and the command line into a few, besides the one that runs either, which need nothing but Node at run time.
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
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
  // Node's own module of this name is deprecated, and warns whoever runs a bundle in which a dependency uses it.
  alias: { punycode: createRequire(import.meta.url).resolve('punycode/punycode.es6.js') },
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
    entryPoints: { cli: 'src/cli/main.ts' },
    outdir: 'dist',
    // What only some commands need is loaded by those.
    splitting: true,
    chunkNames: 'cli-[hash]',
  }),
]);
