import underPressure from '@fastify/under-pressure';
import fp from 'fastify-plugin';
import { onRequestEnd } from './on-request-end.ts';

/** Current load of the hooks; shutdown waits until it is zero. */
export interface Load {
  /** Requests that are being read or handled. */
  inFlight: number;
}

/** Limits of concurrent work. */
export interface Limits {
  /** Requests that are being read or handled. */
  requests: number;
  /** Total bytes of their bodies; a single request is always accepted. */
  bytes: number;
  /** Mean event loop delay within the last second, in milliseconds; 0 for no limit. */
  eventLoopDelay: number;
}

/** Why a request was rejected. */
export type RejectionReason = 'requests' | 'bytes' | 'event-loop';

/** The service is overloaded. Metacontroller waits for the time of `Retry-After`, and then syncs again. */
export class Overloaded extends Error {
  readonly statusCode = 429;
  readonly code = 'OVERLOADED';
  /** Seconds, for the header of this name. */
  readonly retryAfter = 1;
  readonly reason: RejectionReason;

  constructor(reason: RejectionReason) {
    super('overloaded');
    this.reason = reason;
  }
}

class EventLoopBehind extends Overloaded {
  constructor() {
    super('event-loop');
  }
}

/**
 * Rejects requests to all routes of the same context while too many are in flight, before their bodies are read: a queue
 * would only delay responses until they are too late.
 */
export const overload = fp<{ limits: Limits; bodyLimit: number; load: Load }>(async (app, options) => {
  const { limits, bodyLimit, load } = options;
  await app.register(underPressure, {
    maxEventLoopDelay: limits.eventLoopDelay,
    customError: EventLoopBehind,
    retryAfter: 1,
  });
  let bytes = 0;
  app.addHook('onRequest', (request, reply, done) => {
    // A body without a Content-Length may be as long as the limit.
    const length = Number(request.headers['content-length'] ?? bodyLimit);
    if (load.inFlight >= limits.requests) return done(new Overloaded('requests'));
    if (load.inFlight > 0 && bytes + length > limits.bytes) return done(new Overloaded('bytes'));
    load.inFlight += 1;
    bytes += length;
    onRequestEnd(request, reply, () => {
      load.inFlight -= 1;
      bytes -= length;
    });
    done();
  });
});
