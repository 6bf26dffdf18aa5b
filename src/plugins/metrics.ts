import fp from 'fastify-plugin';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** Controllers by route, named as the operator that this one replaces names them in its metrics. */
const controllers: Record<string, string> = { '/broker/sync': 'Broker', '/meshsync/sync': 'MeshSync' };

/** `GET /metrics` in the Prometheus text format: syncs, failures and durations by controller, and the process. */
export const metrics = fp(async (app) => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const shared = { labelNames: ['controller'] as const, registers: [registry] };
  const total = new Counter({ name: 'meshery_operator_reconcile_total', help: 'Number of syncs.', ...shared });
  const failed = new Counter({
    name: 'meshery_operator_reconcile_errors_total',
    help: 'Number of syncs that were not answered with success.',
    ...shared,
  });
  const duration = new Histogram({
    name: 'meshery_operator_reconcile_duration_seconds',
    help: 'Time from the arrival of a sync to its answer.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    ...shared,
  });

  app.addHook('onResponse', async (request, reply) => {
    const controller = controllers[request.routeOptions.url ?? ''];
    if (!controller) return;
    total.inc({ controller });
    if (reply.statusCode >= 400) failed.inc({ controller });
    duration.observe({ controller }, reply.elapsedTime / 1000);
  });

  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
});
