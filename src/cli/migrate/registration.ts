import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { controllers } from '../../controllers.ts';
import type { ClusterObject } from '../cluster/connection.ts';

const Registration = Type.Object({
  spec: Type.Object({ parentResource: Type.Object({ apiVersion: Type.String(), resource: Type.String() }) }),
});

/** The parent resource of a CompositeController: `brokers.meshery.io`. */
export function parentResource(object: ClusterObject): string | undefined {
  if (!Value.Check(Registration, object)) return undefined;
  const { resource, apiVersion } = object.spec.parentResource;
  return `${resource}.${apiVersion.split('/')[0]}`;
}

/** Whether a CompositeController is one of this operator. */
export function isRegistration(object: ClusterObject): boolean {
  const resource = parentResource(object);
  return controllers.some(({ group, plural }) => resource === `${plural}.${group}`);
}
