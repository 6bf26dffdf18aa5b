import type { Static } from '@sinclair/typebox';
import { byName, customizeRequest, objectMap, parent, syncRequest } from '../metacontroller/envelope.ts';
import {
  ObservedObject,
  ObservedPod,
  ObservedSecret,
  ObservedService,
  ObservedStatefulSet,
} from '../metacontroller/observed.ts';

const BrokerParent = parent('Broker');

/** The kinds of a Broker's children, which are related objects too. */
export const brokerChildren = byName({
  'Secret.v1': ObservedSecret,
  'ConfigMap.v1': ObservedObject,
  'Service.v1': ObservedService,
  'StatefulSet.apps/v1': ObservedStatefulSet,
  'PodDisruptionBudget.policy/v1': ObservedObject,
  'NetworkPolicy.networking.k8s.io/v1': ObservedObject,
});

/** Request of `POST /broker/sync`. The related objects are those that `customizeBroker` asks for. */
export const BrokerSyncRequest = syncRequest(
  BrokerParent,
  objectMap(brokerChildren),
  objectMap({ ...brokerChildren, ...byName({ 'Pod.v1': ObservedPod }) }),
);
export type BrokerSyncRequest = Static<typeof BrokerSyncRequest>;

/** Request of `POST /broker/customize`. */
export const BrokerCustomizeRequest = customizeRequest(BrokerParent);
export type BrokerCustomizeRequest = Static<typeof BrokerCustomizeRequest>;
