import type { Static } from '@sinclair/typebox';
import { byName, customizeRequest, objectMap, parent, syncRequest } from '../metacontroller/envelope.ts';
import {
  ObservedBroker,
  ObservedDeployment,
  ObservedMeshSync,
  ObservedObject,
  ObservedSecret,
} from '../metacontroller/observed.ts';

const MeshSyncParent = parent('MeshSync');

/** The kinds of a MeshSync's children, which are related objects too. */
export const meshSyncChildren = byName({
  'Deployment.apps/v1': ObservedDeployment,
  'Secret.v1': ObservedSecret,
  'ServiceAccount.v1': ObservedObject,
});

/** Request of `POST /meshsync/sync`. The related objects are those that `customizeMeshSync` asks for. */
export const MeshSyncSyncRequest = syncRequest(
  MeshSyncParent,
  objectMap(meshSyncChildren),
  objectMap({
    ...meshSyncChildren,
    ...byName({ 'Broker.meshery.io/v1alpha2': ObservedBroker, 'MeshSync.meshery.io/v1alpha2': ObservedMeshSync }),
  }),
);
export type MeshSyncSyncRequest = Static<typeof MeshSyncSyncRequest>;

/** Request of `POST /meshsync/customize`. */
export const MeshSyncCustomizeRequest = customizeRequest(MeshSyncParent);
export type MeshSyncCustomizeRequest = Static<typeof MeshSyncCustomizeRequest>;
