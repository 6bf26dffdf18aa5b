import underPressure from '@fastify/under-pressure';
import fp from 'fastify-plugin';
import { whenOver } from './when-over.ts';

/** How much the hooks have to do; whoever stops the process waits until that is nothing. */
export interface Load {
  /** Requests that are being read or answered. */
  inFlight: number;
}

/** How much is accepted at a time. */
export interface Limits {
  /** Requests that are being read or answered. */
  requests: number;
  /** Bytes of their bodies together; a single request is always taken. */
  bytes: number;
  /** Mean delay of the event loop within the last second, in milliseconds; 0 for any. */
  eventLoopDelay: number;
}

/** Why a request was refused. */
export type Refusal = 'requests' | 'bytes' | 'event-loop';

/** More than the service can do now. Metacontroller waits for as long as `Retry-After` says, and then syncs again. */
export class Overloaded extends Error {
  readonly statusCode = 429;
  readonly code = 'OVERLOADED';
  /** Seconds, for the header of this name. */
  readonly retryAfter = 1;
  readonly reason: Refusal;

  constructor(reason: Refusal) {
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
 * Refuses requests to the routes beside which it is registered while there are too many in flight, before their bodies are
 * read: nobody waits in a queue for an answer that comes too late.
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
    // A body that does not tell its length may be as long as any.
    const length = Number(request.headers['content-length'] ?? bodyLimit);
    if (load.inFlight >= limits.requests) return done(new Overloaded('requests'));
    if (load.inFlight > 0 && bytes + length > limits.bytes) return done(new Overloaded('bytes'));
    load.inFlight += 1;
    bytes += length;
    whenOver(request, reply, () => {
      load.inFlight -= 1;
      bytes -= length;
    });
    done();
  });
});
