import { hash, randomUUID } from 'node:crypto';
import etag from '@fastify/etag';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { customizeBroker } from '../broker/customize.ts';
import { BrokerCustomizeRequest, BrokerSyncRequest, brokerParts } from '../broker/request.ts';
import { syncBroker } from '../broker/sync.ts';
import { customizeMeshSync } from '../meshsync/customize.ts';
import { MeshSyncCustomizeRequest, MeshSyncSyncRequest, meshSyncParts } from '../meshsync/request.ts';
import { syncMeshSync } from '../meshsync/sync.ts';
import { type BodyParts, bodyParser } from '../metacontroller/body.ts';
import { transitions } from '../metacontroller/conditions.ts';
import type { SyncContext } from '../metacontroller/context.ts';
import { answerText, type Parent, type SyncResponse } from '../metacontroller/envelope.ts';
import type { Controller, Metrics } from '../metrics.ts';
import { authentication, type HookTokens } from './authentication.ts';
import { compression } from './compression.ts';
import type { Health } from './health.ts';
import { type Limits, overload } from './overload.ts';

/** What the hooks need. */
export interface HookOptions {
  context: SyncContext;
  metrics: Metrics;
  limits: Limits;
  health: Health;
  /** Without them, whoever reaches the hooks may call them. */
  tokens?: (() => HookTokens) | undefined;
}

/**
 * The hooks that Metacontroller calls. Answers carry an ETag, so that one that did not change since the last sync is not
 * sent again.
 */
export const hooks: FastifyPluginAsyncTypebox<HookOptions> = async (app, options) => {
  const { context, metrics, limits, health, tokens } = options;
  if (tokens) await app.register(authentication, { tokens });
  await app.register(overload, { limits, health, bodyLimit: app.initialConfig.bodyLimit ?? 0 });
  await app.register(etag, { hashFn: (answer) => hash('sha1', answer, 'base64') });
  await app.register(compression);

  const debugging = ['debug', 'trace'].includes(app.log.level);
  const answer = (controller: Controller, reply: FastifyReply, parent: Parent, response: SyncResponse) => {
    const { name, namespace } = parent.metadata;
    metrics.synced(controller, parent.metadata, response);
    const of = { kind: controller, namespace, name };
    for (const change of transitions(parent.status, response.status.conditions)) {
      reply.log.info({ ...of, ...change }, 'a condition has changed');
    }
    if (debugging) {
      reply.log.debug(
        { ...of, children: response.children.map(({ kind, metadata }) => `${kind}/${metadata?.name}`) },
        'synced',
      );
    }
    reply.type('application/json; charset=utf-8');
    return answerText(response);
  };

  await app.register(async (app: Typed) => {
    takeJson(app, brokerParts);
    app.post('/broker/sync', { schema: { body: BrokerSyncRequest } }, ({ body }, reply) =>
      answer('Broker', reply, body.parent, syncBroker(body, context)),
    );
    app.post('/broker/customize', { schema: { body: BrokerCustomizeRequest } }, ({ body }) => customizeBroker(body));
  });
  await app.register(async (app: Typed) => {
    takeJson(app, meshSyncParts);
    app.post('/meshsync/sync', { schema: { body: MeshSyncSyncRequest } }, ({ body }, reply) =>
      answer('MeshSync', reply, body.parent, syncMeshSync(body, context)),
    );
    app.post('/meshsync/customize', { schema: { body: MeshSyncCustomizeRequest } }, ({ body }) =>
      customizeMeshSync(body),
    );
  });
};

type Typed = Parameters<typeof hooks>[0];

/** Parses the bodies of the routes beside which it is called. */
function takeJson(app: Typed, parts: BodyParts): void {
  const parse = bodyParser(parts, randomUUID());
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, bytes, done) => {
    let body: unknown;
    try {
      body = parse(bytes as Buffer);
    } catch {
      return done(Object.assign(new Error('no JSON'), { statusCode: 400 }));
    }
    done(null, body);
  });
}
