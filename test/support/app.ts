import type { FastifyInstance, InjectOptions } from 'fastify';
import { controllers } from '../../src/controllers.ts';
import { buildApp, buildMonitoring } from '../../src/server/app.ts';
import { Metrics } from '../../src/server/metrics.ts';
import type { Json, JsonObject } from '../stand-in/json.ts';

/** A clock with a fixed time until it is set. */
export interface Clock {
  time: string;
}

export const START = '2026-02-03T04:05:06Z';

export interface TestApp {
  app: FastifyInstance;
  /** The application of the monitoring port. */
  monitoring: FastifyInstance;
  clock: Clock;
  /** Every credential generated so far. */
  generated: string[];
  post(url: string, body: unknown, headers?: Record<string, string>): ReturnType<typeof send>;
}

/** The application with a fixed clock, and with credentials that differ from each other. */
export function testApp(options: Partial<Parameters<typeof buildApp>[0]> = {}): TestApp {
  const clock: Clock = { time: START };
  const generated: string[] = [];
  const generateToken = () => {
    generated.push(`t0ken-number-${generated.length + 1}`);
    return generated.at(-1) ?? '';
  };
  const now = () => new Date(clock.time);
  const shared = { metrics: new Metrics(), health: { stopping: false, inFlight: 0 } };
  const app = buildApp({ controllers, context: { now, generateToken }, ...shared, ...options });
  return {
    app,
    monitoring: buildMonitoring(shared),
    clock,
    generated,
    post: (url, body, headers) => send(app, url, body, headers),
  };
}

async function send(app: FastifyInstance, url: string, body: unknown, headers: Record<string, string> = {}) {
  const request: InjectOptions = {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json', ...headers },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  };
  const { statusCode, headers: responseHeaders, body: text } = await app.inject(request);
  const json = (): JsonObject => JSON.parse(text) as Json as JsonObject;
  return { statusCode, headers: responseHeaders, text, json };
}
