import fp from 'fastify-plugin';
import type { Controller, Metrics } from '../metrics.ts';
import { Overloaded } from './overload.ts';

const controllers: Record<string, Controller> = { '/broker/sync': 'Broker', '/meshsync/sync': 'MeshSync' };

/** Counts the syncs of the application in `metrics`, and what is refused of all hooks. */
export const counting = fp<{ metrics: Metrics }>(async (app, { metrics }) => {
  app.addHook('onError', async (_request, _reply, error) => {
    if (error instanceof Overloaded) metrics.refused(error.reason);
    else if (error.statusCode === 401) metrics.refused('unauthorized');
  });
  app.addHook('onResponse', async (request, reply) => {
    const controller = controllers[request.routeOptions.url ?? ''];
    if (controller) metrics.answered(controller, reply.statusCode, reply.elapsedTime / 1000);
  });
});

/** `GET /metrics` in the Prometheus text format. */
export const metricsPage = fp<{ metrics: Metrics }>(async (app, { metrics: { registry } }) => {
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
});
