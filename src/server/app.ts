import type { Server } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, type FastifyHttpOptions, type FastifyInstance, LogController } from 'fastify';
import type { SyncContext } from '../api/context.ts';
import type { Controller } from '../metacontroller/controller.ts';
import type { HookTokens } from '../metacontroller/http/authentication.ts';
import { errors, noSuchRoute } from '../metacontroller/http/errors.ts';
import { hooks } from '../metacontroller/http/hooks.ts';
import type { Limits } from '../metacontroller/http/overload.ts';
import type { OwnDeployment } from '../metacontroller/own-deployment.ts';
import { type Health, healthRoutes } from './health.ts';
import { indexPage } from './index-page.ts';
import { counting, Metrics, metricsPage } from './metrics.ts';
import type { ServerTls } from './tls.ts';

/** Options of the application. */
export interface AppOptions {
  controllers: readonly Controller<SyncContext>[];
  context: SyncContext;
  /** Metrics that syncs are counted in; default: new ones that are not exposed. */
  metrics?: Metrics;
  /** Shared with the monitoring application, which reports it. */
  health?: Health;
  /** Largest request body, in bytes. */
  bodyLimit?: number;
  /** Limits of concurrent work; default: none. */
  limits?: Limits;
  /** Maximum number of concurrent connections; further ones are closed at once. */
  maxConnections?: number;
  /** Returns the current bearer tokens of the hooks; default: none is required. */
  tokens?: () => HookTokens;
  /** The Deployment of this service, a related object of every resource; default: none, as outside of a cluster. */
  ownDeployment?: OwnDeployment | undefined;
  /** Initial certificate, key and client CA; default: plain HTTP. */
  tls?: ServerTls | undefined;
  /** Without one, nothing is logged. */
  logger?: FastifyBaseLogger;
}

const unlimited: Limits = { requests: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY, eventLoopDelay: 0 };

/**
 * Builds the HTTP application: the hooks of the controllers, health, and an index page. It does not listen: `serve.ts` does,
 * and tests inject requests.
 */
export function buildApp(options: AppOptions): FastifyInstance {
  const { controllers, context, bodyLimit, limits = unlimited, maxConnections, tokens, tls, logger } = options;
  const { ownDeployment, metrics = new Metrics(), health = { stopping: false, inFlight: 0 } } = options;
  const app = server(logger, {
    ...(bodyLimit !== undefined && { bodyLimit }),
    // Metacontroller reuses few connections for its requests: keep them open longer than it does (90 s).
    keepAliveTimeout: 120_000,
    // Keys such as __proto__ are valid in ConfigMaps and Secrets. No code assigns by a key of the request.
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
    ...(tls && { https: { ...tls, ...TIMEOUTS, handshakeTimeout: TIMEOUTS.headersTimeout } }),
  });
  if (maxConnections !== undefined) app.server.maxConnections = maxConnections;
  app.server.on('tlsClientError', () => metrics.refused('tls'));
  app.addHook('preClose', async () => {
    health.stopping = true;
  });
  app.register(counting, { metrics });
  app.register(healthRoutes, { health });
  app.register(indexPage, { controllers });
  app.register(
    hooks({
      ...{ controllers, context, limits, load: health, tokens, ownDeployment },
      onSync: (controller, response) => metrics.synced(controller, response),
    }),
  );
  return app;
}

/** Builds the application of the monitoring port: health and metrics, which the kubelet and Prometheus request in plain HTTP. */
export function buildMonitoring({
  metrics,
  health,
  logger,
}: Required<Pick<AppOptions, 'metrics' | 'health'>> & Pick<AppOptions, 'logger'>): FastifyInstance {
  const app = server(logger, {});
  app.register(healthRoutes, { health });
  app.register(metricsPage, { metrics });
  return app;
}

/** In milliseconds: for the headers of a request, and for a whole request, longer than Metacontroller's own timeout. */
const TIMEOUTS = { headersTimeout: 5_000, requestTimeout: 15_000, connectionsCheckingInterval: 1_000 };

/** Time after which a connection without progress of a request or its response is closed. */
const STALLED_MS = 20_000;

function server(logger: FastifyBaseLogger | undefined, options: object): FastifyInstance {
  const all: FastifyHttpOptions<Server> = {
    ...(logger ? { loggerInstance: logger } : { logger: false }),
    logController: new LogController({ disableRequestLogging: true }),
    frameworkErrors: (_error, _request, reply) => noSuchRoute(reply),
    requestTimeout: TIMEOUTS.requestTimeout,
    connectionTimeout: STALLED_MS,
    return503OnClosing: false,
    // Keeps Fastify from loading its own compilers, which take a third of the startup time.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    http: TIMEOUTS,
    ...options,
  };
  const app = Fastify(all).withTypeProvider<TypeBoxTypeProvider>();
  app.removeContentTypeParser('text/plain');
  app.register(errors);
  return app;
}

function noCompiler(): never {
  throw new Error('request schemas are compiled by TypeBox, and responses have none');
}
