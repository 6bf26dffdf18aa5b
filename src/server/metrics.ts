import fp from 'fastify-plugin';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Controller } from '../metacontroller/controller.ts';
import { Overloaded, type RejectionReason } from '../metacontroller/http/overload.ts';
import type { SyncResponse } from '../metacontroller/response.ts';
import { version } from './version.ts';

/** Why a request to a hook is rejected before its body is read. */
type Refusal = 'unauthorized' | 'tls' | RejectionReason;

const refusals: Refusal[] = ['unauthorized', 'tls', 'requests', 'bytes', 'event-loop'];

/** The metrics of the service, in the registry of `/metrics`. None of them is per resource. */
export class Metrics {
  readonly registry = new Registry();
  readonly #total = this.#counter(
    'reconcile_total',
    'Syncs that were not rejected, whatever their response. A failed customize counts as one, since no sync follows it.',
    ['controller'],
  );
  readonly #errors = this.#counter('reconcile_errors_total', 'Syncs that failed.', ['controller']);
  readonly #refused = this.#counter(
    'refused_total',
    'Requests to hooks that were rejected before their body was read: unauthorized, tls (the handshake failed), or by a limit: requests, bytes, event-loop.',
    ['reason'],
  );
  readonly #children = this.#counter('children_total', 'Children in the responses of syncs, by their kind.', [
    'controller',
    'kind',
  ]);
  readonly #duration = new Histogram({
    name: 'meshery_operator_reconcile_duration_seconds',
    help: 'Time from the arrival of a sync to its response.',
    labelNames: ['controller'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers: [this.registry],
  });

  constructor() {
    new Gauge({
      name: 'meshery_operator_build_info',
      help: 'Always 1; the labels identify the build.',
      labelNames: ['version', 'node_version'],
      registers: [this.registry],
    }).set({ version, node_version: process.version }, 1);
    // rate() does not count the value that a counter appears with, so that the first rejections would be missing.
    for (const reason of refusals) this.#refused.inc({ reason }, 0);
  }

  /** Counts a sync by the status code and the duration of its response. */
  responded(controller: string, statusCode: number, seconds: number): void {
    this.#total.inc({ controller });
    this.#errors.inc({ controller }, statusCode >= 400 ? 1 : 0);
    this.#duration.observe({ controller }, seconds);
  }

  /** Counts a request that was rejected before its body was read. */
  refused(reason: Refusal): void {
    this.#refused.inc({ reason });
  }

  /** Counts the children of a response by kind; a re-applied one may be of a kind that the controller does not know. */
  synced({ kind: controller, children }: Pick<Controller, 'kind' | 'children'>, response: SyncResponse): void {
    for (const { kind } of response.children) {
      const known = children.find((child) => child.kind === kind);
      this.#children.inc({ controller, kind: known?.kind ?? 'other' });
    }
  }

  #counter<const Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name: `meshery_operator_${name}`, help, labelNames, registers: [this.registry] });
  }
}

/** Status codes of rejected requests, which are counted separately. */
const rejections = [401, 429];

/** Counts the syncs of the application, and the rejected requests to all hooks, in `metrics`. */
export const counting = fp<{ metrics: Metrics }>(async (app, { metrics }) => {
  app.addHook('onError', async (_request, _reply, error) => {
    if (error instanceof Overloaded) metrics.refused(error.reason);
    else if (error.statusCode === 401) metrics.refused('unauthorized');
  });
  app.addHook('onResponse', async (request, reply) => {
    const { hook } = request.routeOptions.config;
    if (!hook || rejections.includes(reply.statusCode)) return;
    // No sync follows a failed customize, so it is counted as a failed sync.
    if (hook.hook === 'sync' || reply.statusCode >= 400) {
      metrics.responded(hook.controller, reply.statusCode, reply.elapsedTime / 1000);
    }
  });
});

/** `GET /metrics` in the Prometheus text format, including the default metrics of the process. */
export const metricsPage = fp<{ metrics: Metrics }>(async (app, { metrics: { registry } }) => {
  collectDefaultMetrics({ register: registry });
  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
});
