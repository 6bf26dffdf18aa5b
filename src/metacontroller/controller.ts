import type { V1CustomResourceColumnDefinition } from '@kubernetes/client-node';
import type { Static, TSchema, TUnsafe } from '@sinclair/typebox';
import { compiled } from '../schema/compiled.ts';
import type { ConditionTable } from './conditions.ts';
import type { ResourceKind } from './object.ts';
import {
  type CustomizeBody,
  customizeBody,
  type Parent,
  type SyncBody,
  type SyncRequest,
  syncBody,
} from './request.ts';
import type { RelatedResourceRule, SyncResponse } from './response.ts';

/** What every sync needs from outside of its request, handed in so that the same request can give the same answer. */
export interface Clock {
  now: () => Date;
}

/**
 * All that is to be said of a controller: its custom resource, the objects that it makes and looks at, and its two hooks.
 * Routes, CRD, registration, rights and reference follow from it.
 */
export interface ControllerDefinition<
  Context extends Clock,
  Status extends StatusSchema,
  Child extends ResourceKind,
  Related extends ResourceKind,
> {
  group: string;
  /** Served versions, oldest first, with one schema for all; the last is stored, and watched by Metacontroller. */
  versions: readonly string[];
  kind: string;
  plural: string;
  shortNames?: string[];
  categories?: string[];
  /** What `kubectl explain` prints of the kind. */
  description: string;
  spec: TSchema;
  status: Status;
  /** Where the scale subresource finds its fields; without it there is none. */
  scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath: string };
  /** Columns of `kubectl get` between Ready and Age. */
  columns: V1CustomResourceColumnDefinition[];
  /** The conditions of its own, besides those of every resource. */
  conditions: ConditionTable;
  /** Kinds of the children. Customize may ask for them by name too, to see who else has the name of a child. */
  children: readonly Child[];
  /** Further kinds that customize asks for. */
  related: readonly Related[];
  /** What its sync needs to see besides the children. Metacontroller caches it: it may depend on the spec only. */
  customize: (parent: Parent) => RelatedResourceRule[];
  /** The children that shall exist and the status, of a resource that is neither being deleted nor paused. */
  sync: (request: SyncRequest<Child | Related, Static<Status>>, context: Context) => SyncResponse;
}

type StatusSchema = TSchema & { static: object };

/** A controller as the list of controllers has it: its definition, and what follows from it. */
export interface Controller<Context extends Clock = Clock>
  extends Omit<ControllerDefinition<Context, StatusSchema, ResourceKind, ResourceKind>, 'sync'> {
  /** The kind in lower case: first part of the paths of its hooks. */
  name: string;
  /** `group/version` of the stored version. */
  apiVersion: string;
  /** Every kind that its sync is shown. */
  kinds: readonly ResourceKind[];
  /** Schemas of the bodies of its hooks. */
  bodies: { sync: TUnsafe<SyncBody>; customize: TUnsafe<CustomizeBody> };
  /** The parent's last status, `undefined` when it has none or one of another shape. */
  lastStatus(parent: Parent): object | undefined;
  sync(request: SyncRequest, context: Context): SyncResponse;
}

/** Makes a controller of its definition. */
export function defineController<
  Context extends Clock,
  Status extends StatusSchema,
  Child extends ResourceKind,
  Related extends ResourceKind,
>(definition: ControllerDefinition<Context, Status, Child, Related>): Controller<Context> {
  const { group, versions, kind, children, related, status } = definition;
  const kinds = [...children, ...related];
  const isStatus = compiled(status);
  return {
    ...definition,
    name: kind.toLowerCase(),
    apiVersion: `${group}/${versions.at(-1)}`,
    kinds,
    bodies: { sync: syncBody(group, kind, children, kinds), customize: customizeBody(group, kind) },
    lastStatus: (parent) => (isStatus.Check(parent.status) ? parent.status : undefined),
    sync: (request: SyncRequest<Child | Related, Static<Status>>, context) => definition.sync(request, context),
  };
}
