import etag from '@fastify/etag';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { customizeBroker } from '../broker/customize.ts';
import { BrokerCustomizeRequest, BrokerSyncRequest } from '../broker/request.ts';
import { syncBroker } from '../broker/sync.ts';
import { customizeMeshSync } from '../meshsync/customize.ts';
import { MeshSyncCustomizeRequest, MeshSyncSyncRequest } from '../meshsync/request.ts';
import { syncMeshSync } from '../meshsync/sync.ts';
import type { SyncContext } from '../metacontroller/context.ts';

/**
 * The hooks that Metacontroller calls. Answers carry an ETag, so that one that did not change since the last sync is not
 * sent again.
 */
export const hooks: FastifyPluginAsyncTypebox<{ context: SyncContext }> = async (app, { context }) => {
  await app.register(etag);

  app.post('/broker/sync', { schema: { body: BrokerSyncRequest } }, async (request) =>
    syncBroker(request.body, context),
  );
  app.post('/broker/customize', { schema: { body: BrokerCustomizeRequest } }, async (request) =>
    customizeBroker(request.body),
  );
  app.post('/meshsync/sync', { schema: { body: MeshSyncSyncRequest } }, async (request) =>
    syncMeshSync(request.body, context),
  );
  app.post('/meshsync/customize', { schema: { body: MeshSyncCustomizeRequest } }, async (request) =>
    customizeMeshSync(request.body),
  );
};
