import { Type } from '@sinclair/typebox';
import { API_VERSION } from '../api/group.ts';
import type { MeshSyncStatus } from '../api/meshsync.ts';
import { brokerKind } from '../broker/contract.ts';
import { kinds } from '../kubernetes/kinds.ts';
import { mapOf, observed, resourceKind } from '../metacontroller/object.ts';
import type { SyncRequest } from '../metacontroller/request.ts';

/** A MeshSync as a related object: its watch-list, which may be the active one of other MeshSyncs. */
export const meshSyncKind = resourceKind(
  API_VERSION,
  'MeshSync',
  'meshsyncs',
  observed({
    spec: Type.Optional(
      Type.Object({ 'watch-list': Type.Optional(Type.Object({ data: Type.Optional(mapOf(Type.String())) })) }),
    ),
  }),
);

/** The kinds of a MeshSync's children. */
export const children = [kinds.serviceAccount, kinds.secret, kinds.deployment];

/** Further kinds of related objects. */
export const related = [brokerKind, meshSyncKind];

export type MeshSyncRequest = SyncRequest<(typeof children)[number] | (typeof related)[number], MeshSyncStatus>;
