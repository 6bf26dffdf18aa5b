import { Server } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Server as TlsServer } from 'node:tls';
import closeWithGrace from 'close-with-grace';
import type { FastifyInstance } from 'fastify';
import { type Logger, pino } from 'pino';
import { controllers } from '../controllers.ts';
import { HookTokens } from '../metacontroller/http/authentication.ts';
import { buildApp, buildMonitoring } from './app.ts';
import { type Config, readConfig } from './config.ts';
import { type WatchedFiles, watchFiles } from './files.ts';
import { generateToken } from './generate-token.ts';
import { Metrics } from './metrics.ts';
import { type ServerTls, serverTls } from './tls.ts';
import { version } from './version.ts';

/** Bodies in flight may be this many of the largest together. */
const MAX_LARGEST_BODIES = 4;

/**
 * Runs the server as this process: reads the environment, listens, and on SIGTERM or SIGINT answers what is in flight and
 * exits with 0. A wrong environment, a file that can't be used or an address that can't be listened on ends the process
 * with one line on stderr; an error that nobody caught, with a line in the log and exit code 1.
 */
export async function serve(): Promise<void> {
  try {
    const config = readConfig(process.env);
    // A request that is no HTTP is part of its error, with what it shows of credentials.
    const logger = pino({ level: config.LOG_LEVEL, redact: { paths: ['err.rawPacket'], remove: true } });
    const now = () => new Date();
    const metrics = new Metrics();
    const health = { stopping: false, inFlight: 0 };
    const tokens = await hookTokens(config, logger);
    const tls = await certificates(config, logger);
    const app = buildApp({
      controllers,
      context: { now, generateToken, imageRegistry: config.IMAGE_REGISTRY },
      ...{ metrics, health, logger },
      bodyLimit: config.BODY_LIMIT,
      limits: {
        requests: config.MAX_REQUESTS,
        bytes: MAX_LARGEST_BODIES * config.BODY_LIMIT,
        eventLoopDelay: config.MAX_EVENT_LOOP_DELAY,
      },
      maxConnections: config.MAX_CONNECTIONS,
      ...(tokens && { tokens: () => tokens.current }),
      tls: tls?.current,
    });
    const { server } = app;
    tls?.onChange((renewed) => server instanceof TlsServer && server.setSecureContext(renewed));
    const monitoring = buildMonitoring({ metrics, health, logger });

    closeWithGrace({ delay: config.SHUTDOWN_TIMEOUT, logger }, async ({ err, signal }) => {
      health.stopping = true;
      if (err) {
        logger.fatal({ err }, 'stopping after an error');
        return;
      }
      logger.info({ signal }, 'stopping');
      await setTimeout(config.DRAIN_TIME);
      await closed(app, () => health.inFlight === 0);
      await closed(monitoring, () => true);
    });
    const { HOST: host } = config;
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

/**
 * Closes an application once nothing is in flight any more. Node's own way cuts off answers that are still being sent, waits
 * for connections that have sent nothing, and puts no limit on slow requests any more; so only its listening ends at first.
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

/** Certificates that are read again: connections that are open stay, new ones are met with the renewed ones. */
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
