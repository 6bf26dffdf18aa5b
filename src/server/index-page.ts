import fp from 'fastify-plugin';
import type { Controller } from '../metacontroller/controller.ts';
import { version } from './version.ts';

/** `GET /`: what this is, and where to go from here. */
export const indexPage = fp<{ controllers: readonly Controller[] }>(async (app, { controllers }) => {
  const page = {
    name: 'meshery-operator',
    version,
    description:
      'Webhook service for Metacontroller: runs the Broker and the MeshSync of Meshery. Nothing here is for a browser or for Meshery Server.',
    hooks: controllers.flatMap(({ name }) => [`/${name}/sync`, `/${name}/customize`]),
    source: 'https://github.com/meshery/meshery-operator',
  };
  app.get('/', async () => page);
});
