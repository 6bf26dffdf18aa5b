import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { negotiate } from '@fastify/accept-negotiator';
import fp from 'fastify-plugin';

const compress = promisify(gzip);

/** Smaller answers are sent as they are: to compress them takes longer than to send them within a cluster. */
const COMPRESS_FROM = 32 * 1024;

/**
 * Compresses large answers of the routes beside which it is registered, for callers who can read that, as Metacontroller
 * can. The least level pays: JSON repeats itself, and a higher one takes twice the time for a tenth of the bytes.
 */
export const compression = fp(async (app) => {
  app.addHook('onSend', async (request, reply, payload) => {
    if (typeof payload !== 'string' || payload.length < COMPRESS_FROM) return payload;
    reply.header('vary', 'accept-encoding');
    const accepted = request.headers['accept-encoding'] ?? 'identity';
    if (negotiate(String(accepted), ['gzip', 'identity']) !== 'gzip') return payload;
    reply.header('content-encoding', 'gzip');
    return compress(payload, { level: constants.Z_BEST_SPEED });
  });
});
