import type { Static } from '@sinclair/typebox';
import type { BodyParts } from '../metacontroller/body.ts';
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
const children = byName({
  'Secret.v1': ObservedSecret,
  'ConfigMap.v1': ObservedObject,
  'Service.v1': ObservedService,
  'StatefulSet.apps/v1': ObservedStatefulSet,
  'PodDisruptionBudget.policy/v1': ObservedObject,
  'NetworkPolicy.networking.k8s.io/v1': ObservedObject,
});

/** The kinds of the related objects, which are those that `customizeBroker` asks for. */
const related = { ...children, ...byName({ 'Pod.v1': ObservedPod }) };

/** How a request is parsed. */
export const brokerParts: BodyParts = { children: Object.keys(children), related: Object.keys(related) };

/** Request of `POST /broker/sync`. */
export const BrokerSyncRequest = syncRequest(BrokerParent, objectMap(children), objectMap(related));
export type BrokerSyncRequest = Static<typeof BrokerSyncRequest>;

/** Request of `POST /broker/customize`. */
export const BrokerCustomizeRequest = customizeRequest(BrokerParent);
export type BrokerCustomizeRequest = Static<typeof BrokerCustomizeRequest>;
