import type { V1CustomResourceColumnDefinition } from '@kubernetes/client-node';
import { type Static, type TSchema, type TUnsafe, Type } from '@sinclair/typebox';
import { compiled } from '../schema/compiled.ts';
import { neverSynced } from './condition.ts';
import { type ConditionTable, reasonsThatNeedEdits } from './conditions.ts';
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

/** What every sync needs besides its request; injected, so that the same request can give the same response. */
export interface Clock {
  now: () => Date;
}

/**
 * The definition of a controller: its custom resource, the kinds of its children and related objects, and its two hooks.
 * Routes, CRD, CompositeController, RBAC rules and reference are derived from it.
 */
export interface ControllerDefinition<
  Context extends Clock,
  Status extends StatusSchema,
  Child extends ResourceKind,
  Related extends ResourceKind,
> {
  group: string;
  /** Served versions, oldest first, all with the same fields; the last is the storage version, which Metacontroller watches. */
  versions: readonly string[];
  kind: string;
  plural: string;
  shortNames?: string[];
  categories?: string[];
  /** Description of the kind, as `kubectl explain` prints it. */
  description: string;
  spec: TSchema;
  /** Fields of the spec that the older versions check as the newest does. Of the others they know the types, and the hooks check them. */
  checkedInAll?: readonly string[];
  status: Status;
  /** Paths of the scale subresource; without it there is none. */
  scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath: string };
  /** Printer columns of `kubectl get`, between Ready and Age. */
  columns: V1CustomResourceColumnDefinition[];
  /** Its conditions besides the common ones. */
  conditions: ConditionTable;
  /** Kinds of the children. Customize may request them by name too, to detect name conflicts. */
  children: readonly Child[];
  /** Further kinds that customize requests as related objects. */
  related: readonly Related[];
  /** The related objects that its sync needs. Metacontroller caches the rules: they may depend on the spec only. */
  customize: (parent: Parent) => RelatedResourceRule[];
  /** The desired children and the status of a resource that is neither being deleted nor paused. */
  sync: (request: SyncRequest<Child | Related, Static<Status>>, context: Context) => SyncResponse;
}

type StatusSchema = TSchema & { static: object };

/** A controller: its definition, and what is derived from it. */
export interface Controller<Context extends Clock = Clock>
  extends Omit<ControllerDefinition<Context, StatusSchema, ResourceKind, ResourceKind>, 'sync'> {
  /** The kind in lower case: first part of the paths of its hooks. */
  name: string;
  /** `group/version` of the stored version. */
  apiVersion: string;
  /** Kinds of all objects in its sync requests. */
  kinds: readonly ResourceKind[];
  /** The reasons of Ready that end only when a person edits something. */
  needEdits: ReadonlySet<string>;
  /** Schemas of the bodies of its hooks. */
  bodies: { sync: TUnsafe<SyncBody>; customize: TUnsafe<CustomizeBody> };
  /** The parent's last status, `undefined` when it was never synced or has an invalid one. */
  lastStatus(parent: Parent): object | undefined;
  sync(request: SyncRequest, context: Context): SyncResponse;
}

const isNeverSynced = compiled(Type.Object({ observedGeneration: Type.Literal(neverSynced.observedGeneration) }));

/** Creates a controller from its definition. */
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
    needEdits: reasonsThatNeedEdits(definition.conditions),
    lastStatus: ({ status: last }) => (isStatus.Check(last) && !isNeverSynced.Check(last) ? last : undefined),
    sync: (request: SyncRequest<Child | Related, Static<Status>>, context) => definition.sync(request, context),
  };
}
