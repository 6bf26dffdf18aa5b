import fp from 'fastify-plugin';
import type { Load } from '../metacontroller/http/overload.ts';

/** Whether the process goes on accepting requests, and how many are in flight; shared by what it listens with. */
export interface Health extends Load {
  stopping: boolean;
}

/**
 * `GET /livez` and `GET /readyz`: 200 as long as the process serves; ready only while it accepts new requests. What is
 * still answered after that ends its connection, which would keep the process from stopping otherwise.
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
