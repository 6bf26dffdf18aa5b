import fp from 'fastify-plugin';
import type { Controller, Metrics } from '../metrics.ts';
import { Overloaded } from './overload.ts';

const hooks: Record<string, { controller: Controller; sync: boolean }> = {
  '/broker/sync': { controller: 'Broker', sync: true },
  '/broker/customize': { controller: 'Broker', sync: false },
  '/meshsync/sync': { controller: 'MeshSync', sync: true },
  '/meshsync/customize': { controller: 'MeshSync', sync: false },
};

/** Answers to who was refused, which are counted apart. */
const refusals = [401, 429];

/** Counts the syncs of the application in `metrics`, and what is refused of all hooks. */
export const counting = fp<{ metrics: Metrics }>(async (app, { metrics }) => {
  app.addHook('onError', async (_request, _reply, error) => {
    if (error instanceof Overloaded) metrics.refused(error.reason);
    else if (error.statusCode === 401) metrics.refused('unauthorized');
  });
  app.addHook('onResponse', (request, reply, done) => {
    done();
    const hook = hooks[request.routeOptions.url ?? ''];
    if (!hook || refusals.includes(reply.statusCode)) return;
    // No sync follows a customize that fails: it is the sync that failed.
    if (hook.sync || reply.statusCode >= 400) {
      metrics.answered(hook.controller, reply.statusCode, reply.elapsedTime / 1000);
    }
  });
});

/** `GET /metrics` in the Prometheus text format. */
export const metricsPage = fp<{ metrics: Metrics }>(async (app, { metrics }) => {
  app.get('/metrics', async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.text()));
});
