import fp from 'fastify-plugin';

/** `GET /livez` and `GET /readyz`: 200 as long as the process serves; ready only while it takes new requests. */
export const health = fp(async (app) => {
  let stopping = false;
  app.addHook('preClose', async () => {
    stopping = true;
  });
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) =>
    stopping ? reply.code(503).send({ status: 'stopping' }) : { status: 'ok' },
  );
});
