import { constants, gzip } from 'node:zlib';
import { negotiate } from '@fastify/accept-negotiator';
import fp from 'fastify-plugin';

/** Smaller answers are sent as they are: to compress them takes longer than to send them within a cluster. */
const COMPRESS_FROM = 32 * 1024;

/**
 * Compresses large answers of the routes beside which it is registered, for callers who can read that, as Metacontroller
 * can. The least level pays: JSON repeats itself, and a higher one takes twice the time for a tenth of the bytes.
 */
export const compression = fp(async (app) => {
  app.addHook('onSend', (request, reply, payload, done) => {
    if (typeof payload !== 'string' || payload.length < COMPRESS_FROM) return done();
    reply.header('vary', 'accept-encoding');
    const accepted = request.headers['accept-encoding'] ?? 'identity';
    if (negotiate(String(accepted), ['gzip', 'identity']) !== 'gzip') return done();
    reply.header('content-encoding', 'gzip');
    gzip(payload, { level: constants.Z_BEST_SPEED }, done);
  });
});
