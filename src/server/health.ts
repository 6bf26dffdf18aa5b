import fp from 'fastify-plugin';
import type { Load } from '../metacontroller/http/overload.ts';

/** Whether the process is shutting down, and how many requests are in flight; shared by both listeners. */
export interface Health extends Load {
  stopping: boolean;
}

/**
 * `GET /livez` and `GET /readyz`: 200 while the process serves; `/readyz` only until shutdown begins. Responses during
 * shutdown close their connection, which would otherwise delay it.
 */
export const healthRoutes = fp<{ health: Health }>(async (app, { health }) => {
  app.addHook('onSend', async (_request, reply) => {
    if (health.stopping) reply.header('connection', 'close');
  });
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) =>
    health.stopping ? reply.code(503).send({ status: 'stopping' }) : { status: 'ok' },
  );
});
