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

/** Where a MeshSync is, whose `spec.broker.custom.url` may hold credentials; and how that begins, there or in an annotation. */
const MAY_HOLD_URL = ['parent', 'MeshSync.meshery.io/v1alpha2'];
const CUSTOM = ['"custom"', '\\"custom\\"'];

/** How a request is parsed. */
export const meshSyncParts: BodyParts = {
  children: Object.keys(children),
  related: Object.keys(related),
  isSecret: (part, bytes) =>
    part === 'Secret.v1' || (MAY_HOLD_URL.includes(part) && CUSTOM.some((key) => bytes.includes(key))),
};

/** Request of `POST /meshsync/sync`. */
export const MeshSyncSyncRequest = syncRequest(MeshSyncParent, objectMap(children), objectMap(related));
export type MeshSyncSyncRequest = Static<typeof MeshSyncSyncRequest>;

/** Request of `POST /meshsync/customize`. */
export const MeshSyncCustomizeRequest = customizeRequest(MeshSyncParent);
export type MeshSyncCustomizeRequest = Static<typeof MeshSyncCustomizeRequest>;
