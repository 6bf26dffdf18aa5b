import { hash } from 'node:crypto';
import etag from '@fastify/etag';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { conditionsOf, transitions } from '../conditions.ts';
import type { Clock, Controller } from '../controller.ts';
import { sync } from '../lifecycle.ts';
import { type OwnDeployment, ownDeploymentRule } from '../own-deployment.ts';
import type { Parent } from '../request.ts';
import type { CustomizeResponse, SyncResponse } from '../response.ts';
import { authentication, type HookTokens } from './authentication.ts';
import { compression } from './compression.ts';
import { type Limits, type Load, overload } from './overload.ts';
import { validatorCompiler } from './validation.ts';

/** Options of the hooks. */
export interface HookOptions<Context extends Clock> {
  controllers: readonly Controller<Context>[];
  context: Context;
  limits: Limits;
  load: Load;
  /** Without them, requests are not authenticated. */
  tokens?: (() => HookTokens) | undefined;
  /** The Deployment of this service, which becomes a related object of every parent; without it, none is added. */
  ownDeployment?: OwnDeployment | undefined;
  /** Called with every sync response. */
  onSync?: (controller: Controller<Context>, response: SyncResponse) => void;
}

/** The hook of a route; in the `config` of the route. */
export interface HookConfig {
  controller: string;
  hook: 'sync' | 'customize';
}

declare module 'fastify' {
  interface FastifyContextConfig {
    hook?: HookConfig;
  }
}

/**
 * The hooks that Metacontroller calls: `POST /<name>/sync` and `POST /<name>/customize` for each controller. Responses have an
 * ETag, so that an unchanged one is not sent again.
 */
export function hooks<Context extends Clock>(options: HookOptions<Context>): FastifyPluginAsyncTypebox {
  const { controllers, context, limits, load, tokens, ownDeployment, onSync } = options;
  const ownRules = ownDeployment ? [ownDeploymentRule(ownDeployment)] : [];
  return async (app) => {
    app.setValidatorCompiler(validatorCompiler);
    if (tokens) await app.register(authentication, { tokens });
    await app.register(overload, { limits, load, bodyLimit: app.initialConfig.bodyLimit ?? 0 });
    await app.register(etag, { hashFn: (response) => hash('sha1', response, 'base64') });
    await app.register(compression);

    for (const controller of controllers) {
      const { kind, name, bodies } = controller;
      const config = (hook: HookConfig['hook']) => ({ hook: { controller: kind, hook } });
      app.post(`/${name}/sync`, { schema: { body: bodies.sync }, config: config('sync') }, async ({ body }, reply) => {
        const response = sync(controller, body, context);
        onSync?.(controller, response);
        logSync(reply, body.parent, response);
        return response;
      });
      app.post(
        `/${name}/customize`,
        { schema: { body: bodies.customize }, config: config('customize') },
        async ({ body }): Promise<CustomizeResponse> => ({
          relatedResources: [...controller.customize(body.parent), ...ownRules],
        }),
      );
    }
  };
}

function logSync({ log }: FastifyReply, { kind, metadata, status }: Parent, response: SyncResponse): void {
  const { namespace, name } = metadata;
  const resource = { kind, namespace, name };
  for (const change of transitions(conditionsOf(status), conditionsOf(response.status))) {
    log.info({ ...resource, ...change }, 'condition changed');
  }
  const children = response.children.map((child) => `${child.kind}/${child.metadata?.name}`);
  log.debug({ ...resource, children }, 'synced');
}
