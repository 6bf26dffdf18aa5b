import { once } from 'node:events';
import { createServer, Server } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Server as TlsServer } from 'node:tls';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import { type Logger, pino } from 'pino';
import { controllers } from '../controllers.ts';
import { HookTokens } from '../metacontroller/http/authentication.ts';
import { buildApp, buildMonitoring } from './app.ts';
import { type Config, commonMetadata, ownDeployment, readConfig } from './config.ts';
import { type WatchedFiles, watchFiles } from './files.ts';
import { generateToken } from './generate-token.ts';
import { Metrics } from './metrics.ts';
import { type ServerTls, serverTls } from './tls.ts';
import { version } from './version.ts';

/** Limit of all request bodies in flight, in multiples of the maximum body size. */
const MAX_LARGEST_BODIES = 4;

/**
 * Runs the server as this process: reads the environment, listens, and on SIGTERM or SIGINT completes the requests in flight
 * and exits with 0. An invalid environment, an unusable file or address ends the process with one line on stderr; an uncaught
 * error, with a line in the log and exit code 1.
 */
export async function serve(): Promise<void> {
  try {
    const config = readConfig(process.env);
    // The error of a malformed HTTP request contains the raw request, which may include credentials.
    const logger = pino({ level: config.LOG_LEVEL, redact: { paths: ['err.rawPacket'], remove: true } });
    const now = () => new Date();
    const metrics = new Metrics();
    const health = { stopping: false, inFlight: 0 };
    const tokens = await hookTokens(config, logger);
    const tls = await certificates(config, logger);
    const app = buildApp({
      controllers,
      context: {
        ...{ now, generateToken },
        imageRegistry: config.IMAGE_REGISTRY,
        imageRegistryLibrary: config.IMAGE_REGISTRY_LIBRARY === 'true',
        commonMetadata: commonMetadata(config),
        securityContext: config.SECURITY_CONTEXT,
      },
      ...{ metrics, health, logger },
      bodyLimit: config.BODY_LIMIT,
      limits: {
        requests: config.MAX_REQUESTS,
        bytes: MAX_LARGEST_BODIES * config.BODY_LIMIT,
        eventLoopDelay: config.MAX_EVENT_LOOP_DELAY,
      },
      maxConnections: config.MAX_CONNECTIONS,
      ownDeployment: ownDeployment(config),
      ...(tokens && { tokens: () => tokens.current }),
      tls: tls?.current,
    });
    const { server } = app;
    tls?.onChange((renewed) => server instanceof TlsServer && server.setSecureContext(renewed));
    const monitoring = buildMonitoring({ metrics, health, logger });

    closeWithGrace({ delay: config.SHUTDOWN_TIMEOUT, logger }, async ({ err, signal }) => {
      health.stopping = true;
      if (err) {
        logger.fatal({ err }, 'shutting down after an error');
        return;
      }
      logger.info({ signal }, 'shutting down');
      await setTimeout(config.DRAIN_TIME);
      await closed(app, () => health.inFlight === 0);
      await closed(monitoring, () => true);
    });
    const host = config.HOST || (await allAddresses());
    await monitoring.listen({
      host,
      port: config.MONITORING_PORT,
      listenTextResolver: (address) => `health and metrics at ${address}`,
    });
    await app.listen({
      host,
      port: config.PORT,
      listenTextResolver: (address) => `version ${version} listening on ${address}`,
    });
  } catch (error) {
    process.stderr.write(`meshery-operator: ${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
}

/** `::`, which accepts connections of both IP families, or `0.0.0.0` where IPv6 is off. */
async function allAddresses(): Promise<string> {
  const server = createServer();
  try {
    await once(server.listen(0, '::'), 'listening');
    return '::';
  } catch {
    return '0.0.0.0';
  } finally {
    server.close();
  }
}

/**
 * Closes an application once no request is in flight any more. Node's `server.close` aborts responses that are still being
 * sent, waits for connections without a request, and disables the timeouts of slow requests; so at first only listening stops.
 */
async function closed(app: FastifyInstance, idle: () => boolean): Promise<void> {
  Server.prototype.close.call(app.server);
  while (!idle()) await setTimeout(20);
  app.server.closeAllConnections();
  await app.close();
}

function hookTokens(config: Config, logger: Logger): Promise<WatchedFiles<HookTokens>> | undefined {
  if (config.HOOK_TOKEN_FILES === '') return undefined;
  const files = config.HOOK_TOKEN_FILES.split(',').map((file) => file.trim());
  return watchFiles({ files, make: (contents) => new HookTokens(contents), logger, interval: config.RELOAD_INTERVAL });
}

/** Certificates that are reloaded: open connections are kept, new ones use the renewed certificates. */
function certificates(config: Config, logger: Logger): Promise<WatchedFiles<ServerTls>> | undefined {
  const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CLIENT_CA_FILE } = config;
  if (TLS_CERT_FILE === '') return undefined;
  const mutual = TLS_CLIENT_CA_FILE !== '';
  return watchFiles({
    files: [TLS_CERT_FILE, TLS_KEY_FILE, ...(mutual ? [TLS_CLIENT_CA_FILE] : [])],
    make: (contents) => serverTls(contents, mutual),
    logger,
    interval: config.RELOAD_INTERVAL,
  });
}
