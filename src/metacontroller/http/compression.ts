import { constants, gzip } from 'node:zlib';
import { negotiate } from '@fastify/accept-negotiator';
import fp from 'fastify-plugin';

/** Smaller responses are sent uncompressed: compressing them takes longer than sending them within a cluster. */
const COMPRESS_FROM = 32 * 1024;

/**
 * Compresses large responses of all routes of the same context, for clients that accept gzip, as Metacontroller does. The
 * lowest level is the best: JSON is repetitive, and a higher one takes twice the time for a tenth of the bytes.
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
