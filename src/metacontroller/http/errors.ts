import type { FastifyError, FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import { Overloaded } from './overload.ts';
import { InvalidBody } from './validation.ts';

/** Body of every error response. Metacontroller copies it into an Event, so it is short and contains no values. */
export interface ErrorBody {
  statusCode: number;
  error: string;
  message: string;
  /** JSON pointer to the invalid field of the request's body. */
  path?: string;
}

/**
 * Sends errors as JSON. The messages are our own, since those of parsers quote their input. Internal errors are logged in
 * full and sent without details.
 */
export const errors = fp(async (app) => {
  app.setErrorHandler((error: FastifyError | InvalidBody, request, reply) => {
    // An error never matches the ETag of the client.
    delete request.headers['if-none-match'];
    if (isTooDeep(error)) return reply.code(400).send({ ...bodyOf(400), message: 'the body is nested too deeply' });
    const statusCode = error.statusCode ?? 500;
    if (statusCode >= 500) request.log.error({ err: error }, 'request failed');
    if (error instanceof Overloaded) reply.header('retry-after', error.retryAfter);
    if (statusCode === 401) reply.header('www-authenticate', 'Bearer');
    const [title, message] = texts[statusCode] ?? texts[statusCode >= 500 ? 500 : 400] ?? ['', ''];
    const body: ErrorBody =
      error instanceof InvalidBody
        ? { statusCode, error: title, message: error.message, path: error.path }
        : { statusCode, error: title, message };
    return reply.code(statusCode).send(body);
  });

  const routes = new Map<string, string[]>();
  app.addHook('onRoute', ({ url, method }) => {
    routes.set(url, [...(routes.get(url) ?? []), ...[method].flat()]);
  });
  app.setNotFoundHandler((request, reply) => {
    const methods = routes.get(request.url.split('?')[0] ?? '');
    if (!methods) return noSuchRoute(reply);
    return reply.code(405).header('allow', methods.join(', ')).send(bodyOf(405));
  });
});

/** Also the response to a URL that can't be decoded; Fastify's own quotes it. */
export function noSuchRoute(reply: FastifyReply) {
  return reply.code(404).send(bodyOf(404));
}

const texts: Record<number, [title: string, message: string]> = {
  400: ['Bad Request', 'the body must be one JSON object'],
  401: ['Unauthorized', 'the hook requires a valid bearer token: see webhook.authorization of the CompositeController'],
  404: ['Not Found', 'the route does not exist'],
  405: ['Method Not Allowed', 'the route allows other methods: see the header Allow'],
  413: ['Payload Too Large', 'the body is larger than BODY_LIMIT'],
  415: ['Unsupported Media Type', 'the body must be sent as application/json'],
  429: ['Too Many Requests', 'the operator is overloaded: see the header Retry-After'],
  500: ['Internal Server Error', 'see the log of the operator'],
};

/** JSON can be nested to any depth, but functions that walk it are limited by the stack. */
function isTooDeep(error: Error): boolean {
  return error instanceof RangeError && error.message.includes('call stack');
}

function bodyOf(statusCode: 400 | 404 | 405): ErrorBody {
  const [error, message] = texts[statusCode] ?? ['', ''];
  return { statusCode, error, message };
}
