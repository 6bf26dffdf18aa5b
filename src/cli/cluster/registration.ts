import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Controller } from '../../metacontroller/controller.ts';
import { crdName } from '../../metacontroller/crd.ts';
import { groupOf } from '../../metacontroller/object.ts';
import type { ClusterObject } from './connection.ts';

const Registration = Type.Object({
  spec: Type.Object({ parentResource: Type.Object({ apiVersion: Type.String(), resource: Type.String() }) }),
});

/** Whether an object is a CompositeController for the kind of a controller. */
export function isRegistrationOf(object: Pick<ClusterObject, 'metadata'>, controller: Controller): boolean {
  if (!Value.Check(Registration, object)) return false;
  const { resource, apiVersion } = object.spec.parentResource;
  return crdName({ plural: resource, group: groupOf(apiVersion) }) === crdName(controller);
}
