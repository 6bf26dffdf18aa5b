import type { Static } from '@sinclair/typebox';
import type { BodyParts } from '../metacontroller/body.ts';
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
const children = byName({
  'Deployment.apps/v1': ObservedDeployment,
  'Secret.v1': ObservedSecret,
  'ServiceAccount.v1': ObservedObject,
});

/** The kinds of the related objects, which are those that `customizeMeshSync` asks for. */
const related = {
  ...children,
  ...byName({ 'Broker.meshery.io/v1alpha2': ObservedBroker, 'MeshSync.meshery.io/v1alpha2': ObservedMeshSync }),
};

/** How a request is parsed. The URL of a broker elsewhere may hold credentials anywhere, in the spec and in annotations. */
export const meshSyncParts: BodyParts = {
  children: Object.keys(children),
  related: Object.keys(related),
  mayHoldCredentials: (part, bytes) =>
    ['parent', 'MeshSync.meshery.io/v1alpha2'].includes(part) && /custom(?![a-z])/.test(bytes.toString('latin1')),
};

/** Request of `POST /meshsync/sync`. */
export const MeshSyncSyncRequest = syncRequest(MeshSyncParent, objectMap(children), objectMap(related));
export type MeshSyncSyncRequest = Static<typeof MeshSyncSyncRequest>;

/** Request of `POST /meshsync/customize`. */
export const MeshSyncCustomizeRequest = customizeRequest(MeshSyncParent);
export type MeshSyncCustomizeRequest = Static<typeof MeshSyncCustomizeRequest>;
