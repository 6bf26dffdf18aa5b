import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { SyncContext } from './metacontroller/context.ts';
import { errors, noSuchRoute } from './plugins/errors.ts';
import { health } from './plugins/health.ts';
import { hooks } from './plugins/hooks.ts';
import { metrics } from './plugins/metrics.ts';
import { validatorCompiler } from './plugins/validation.ts';

/** What the application needs from outside. */
export interface AppOptions {
  context: SyncContext;
  /** Largest request body, in bytes. */
  bodyLimit?: number;
  /** Without one, nothing is logged. */
  logger?: FastifyBaseLogger;
}

/**
 * Builds the HTTP application: the hooks of both kinds, health, metrics. It listens on nothing yet: `main.ts` does, and
 * tests inject requests.
 */
export function buildApp({ context, bodyLimit, logger }: AppOptions): FastifyInstance {
  const app = Fastify({
    ...(logger ? { loggerInstance: logger } : { logger: false }),
    ...(bodyLimit !== undefined && { bodyLimit }),
    logController: new LogController({ disableRequestLogging: true }),
    // Metacontroller sends one request after another over few connections: keep them longer than it does (90 s).
    keepAliveTimeout: 120_000,
    // Keys such as __proto__ are allowed in ConfigMaps and Secrets. Nothing here assigns by a key of the request.
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
    frameworkErrors: (_error, _request, reply) => noSuchRoute(reply),
  })
    .withTypeProvider<TypeBoxTypeProvider>()
    .setValidatorCompiler(validatorCompiler);

  app.removeContentTypeParser('text/plain');
  app.register(errors);
  app.register(metrics);
  app.register(health);
  app.register(hooks, { context });
  return app;
}
