import { extname } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import fp from 'fastify-plugin';
import { version } from '../version.ts';

/** `GET /`: what this is, and where to go from here. */
export const indexPage = fp<{ docs: boolean }>(async (app, { docs }) => {
  const page = {
    name: 'meshery-operator',
    version,
    description:
      'Webhook service for Metacontroller: runs the Broker and the MeshSync of Meshery. Nothing here is for a browser or for Meshery Server.',
    hooks: ['/broker/sync', '/broker/customize', '/meshsync/sync', '/meshsync/customize'],
    ...(docs && { documentation: '/docs' }),
    source: 'https://github.com/meshery/meshery-operator',
  };
  app.get('/', async () => page);
});

/** Files of a page by name, compressed by brotli and in base64. */
export type PackedFiles = Record<string, string>;

const types: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  json: 'application/json; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};

/** `GET /docs`: the hooks as OpenAPI, in Swagger UI. */
export const apiPage = fp<{ files: PackedFiles }>(async (app, { files }) => {
  for (const [file, packed] of Object.entries(files)) {
    const content = brotliDecompressSync(Buffer.from(packed, 'base64'));
    const type = types[extname(file).slice(1)] ?? 'application/octet-stream';
    app.get(`/docs/${file}`, async (_request, reply) => reply.type(type).send(content));
  }
  app.get('/docs', async (_request, reply) => reply.redirect('/docs/index.html'));
});
