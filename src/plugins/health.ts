import fp from 'fastify-plugin';

/** Whether the process goes on taking requests, and how many it has taken; shared by what it listens with. */
export interface Health {
  stopping: boolean;
  /** Requests to hooks that are being read or answered. */
  atWork: number;
}

/**
 * `GET /livez` and `GET /readyz`: 200 as long as the process serves; ready only while it takes new requests. What is
 * still answered after that ends its connection, which would keep the process from stopping otherwise.
 */
export const healthRoutes = fp<{ health: Health }>(async (app, { health }) => {
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (health.stopping) reply.header('connection', 'close');
    done();
  });
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) =>
    health.stopping ? reply.code(503).send({ status: 'stopping' }) : { status: 'ok' },
  );
});
