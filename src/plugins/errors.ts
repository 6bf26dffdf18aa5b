import type { FastifyError } from 'fastify';
import fp from 'fastify-plugin';

/** Body of every answer that is not a success. Metacontroller puts it into an Event, so it is short and tells no values. */
export interface ErrorBody {
  statusCode: number;
  error: string;
  message: string;
  /** JSON pointer to the field of the request's body that is wrong. */
  path?: string;
}

/** Answers errors as JSON. Faults of our own are logged in full and answered without details. */
export const errors = fp(async (app) => {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const statusCode = error.statusCode ?? 500;
    if (statusCode >= 500) {
      request.log.error({ err: error }, 'request failed');
      return reply
        .code(statusCode)
        .send({ statusCode, error: 'Internal Server Error', message: 'see the log of the operator' });
    }
    const invalid = error.validation?.[0];
    if (invalid) {
      return reply.code(400).send({
        statusCode: 400,
        error: 'Bad Request',
        message: `${invalid.instancePath || 'the body'} ${invalid.message}`,
        path: invalid.instancePath,
      });
    }
    return reply
      .code(statusCode)
      .send({ statusCode, error: titles[statusCode] ?? 'Bad Request', message: error.message });
  });

  app.setNotFoundHandler((request, reply) => {
    const [path] = request.url.split('?');
    const methods = app.supportedMethods.filter((method) => app.hasRoute({ method, url: path ?? '' }));
    const known = methods.length > 0;
    if (known) reply.header('allow', methods.join(', '));
    const statusCode = known ? 405 : 404;
    return reply.code(statusCode).send({
      statusCode,
      error: titles[statusCode],
      message: known ? `this route takes ${methods.join(', ')}` : 'there is no such route',
    });
  });
});

const titles: Record<number, string> = {
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
};
