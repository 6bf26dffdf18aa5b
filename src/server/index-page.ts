import fp from 'fastify-plugin';
import type { Controller } from '../metacontroller/controller.ts';
import { version } from './version.ts';

/** `GET /`: name, version and routes of the service. */
export const indexPage = fp<{ controllers: readonly Controller[] }>(async (app, { controllers }) => {
  const page = {
    name: 'meshery-operator',
    version,
    description:
      'Webhook service for Metacontroller: manages the Brokers and MeshSyncs of Meshery. Its hooks are for Metacontroller only.',
    hooks: controllers.flatMap(({ name }) => [`/${name}/sync`, `/${name}/customize`]),
    source: 'https://github.com/meshery/meshery-operator-metacontroller',
  };
  app.get('/', async () => page);
});
