import type { SyncContext } from './api/context.ts';
import { broker } from './broker/controller.ts';
import { meshSync } from './meshsync/controller.ts';
import type { Controller } from './metacontroller/controller.ts';

/**
 * Every controller of the operator. Routes, request schemas, metrics, CRDs, registrations, Metacontroller's role, the OpenAPI
 * document and the kinds that the command line accepts are derived from this list: `npm run generate` writes the files.
 */
export const controllers: readonly Controller<SyncContext>[] = [broker, meshSync];
