import fp from 'fastify-plugin';

/**
 * `GET /livez` and `GET /readyz`: 200 as long as the process serves; ready only while it takes new requests. What is
 * still answered after that ends its connection, which would keep the process from stopping otherwise.
 */
export const health = fp(async (app) => {
  let stopping = false;
  app.addHook('preClose', async () => {
    stopping = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (stopping) reply.header('connection', 'close');
  });
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) =>
    stopping ? reply.code(503).send({ status: 'stopping' }) : { status: 'ok' },
  );
});
