import closeWithGrace from 'close-with-grace';
import { pino } from 'pino';
import { buildApp } from './app.ts';
import { readConfig } from './config.ts';
import { mintToken } from './mint.ts';

/**
 * Runs the server as this process: reads the environment, listens, and on SIGTERM or SIGINT answers what is at work and
 * exits with 0. A wrong environment or an address that can't be listened on ends the process with one line on stderr.
 */
export async function serve(): Promise<void> {
  try {
    const config = readConfig(process.env);
    const logger = pino({ level: config.LOG_LEVEL });
    const context = { now: () => new Date(), mintToken, imageRegistry: config.IMAGE_REGISTRY };
    const app = buildApp({ context, bodyLimit: config.BODY_LIMIT, logger });
    closeWithGrace({ delay: config.SHUTDOWN_TIMEOUT, logger }, async ({ err, signal }) => {
      if (err) logger.fatal({ err }, 'stopping after an error');
      else logger.info({ signal }, 'stopping');
      await app.close();
    });
    await app.listen({
      host: config.HOST,
      port: config.PORT,
      listenTextResolver: (address) => `listening on ${address}`,
    });
  } catch (error) {
    process.stderr.write(`meshery-operator: ${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
}
