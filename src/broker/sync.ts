import type { SyncContext } from '../api/context.ts';
import { withCommonMetadata } from '../kubernetes/common-metadata.ts';
import { kinds } from '../kubernetes/kinds.ts';
import { missingChildren } from '../metacontroller/children-created.ts';
import { invalidSpec } from '../metacontroller/conditions.ts';
import { findChild } from '../metacontroller/find-child.ts';
import { keepChildren } from '../metacontroller/lifecycle.ts';
import type { Manifest } from '../metacontroller/object.ts';
import { reapplyLastApplied } from '../metacontroller/reapply.ts';
import { relatedOf } from '../metacontroller/request.ts';
import type { SyncResponse } from '../metacontroller/response.ts';
import { authSecret } from './children/auth-secret.ts';
import { configMap } from './children/config-map.ts';
import { networkPolicy } from './children/network-policy.ts';
import { hasDisruptionBudget, podDisruptionBudget } from './children/pod-disruption-budget.ts';
import { clientService, headlessService } from './children/services.ts';
import { governingService, statefulSet } from './children/stateful-set.ts';
import { credentialsChecksum, resolveCredentials } from './credentials.ts';
import { withImmutableFields } from './immutable-fields.ts';
import type { BrokerRequest } from './kinds.ts';
import { podSelector } from './labels.ts';
import { resolveReferences } from './references.ts';
import { type Broker, resolveBroker } from './spec.ts';
import { brokerStatus } from './status.ts';

/**
 * The sync of a Broker: from a request to the desired children and the status. The same request gives the same response,
 * except for generated credentials and transition times.
 */
export function syncBroker(request: BrokerRequest, context: SyncContext): SyncResponse {
  const broker = resolveBroker(request.parent, context);
  if ('path' in broker) return keepChildren(request, invalidSpec(broker), context);
  const now = context.now();
  const references = resolveReferences(broker, relatedOf(request, kinds.secret), now);
  if ('reason' in references) return keepChildren(request, references, context);

  const found = findChildren(request, broker);
  const credentials = resolveCredentials(found.secret.observed, references.token, context.generateToken);
  if ('unusable' in credentials) {
    return keepEditedSecret(request, context, broker.names.auth, credentials.unusable);
  }

  const observed = found.statefulSet.observed;
  const selector = podSelector(broker, observed);
  const { broker: desired, deferredChange } = withImmutableFields(broker, observed);
  // Without its own Secret and ConfigMap, the broker would use conflicting ones: the StatefulSet is left unchanged.
  const canRun = ![found.secret, found.configMap, found.statefulSet].some(({ nameConflict }) => nameConflict);
  const desiredSet = canRun
    ? withCommonMetadata(
        statefulSet(desired, credentialsChecksum(credentials), selector, observed),
        broker.commonMetadata,
      )
    : undefined;
  const unlessConflict = ({ nameConflict }: { nameConflict?: string }, child: () => Manifest) =>
    nameConflict ? [] : [withCommonMetadata(child(), broker.commonMetadata)];

  const children = [
    ...unlessConflict(found.secret, () =>
      authSecret(desired, credentials, references.ca, governingService(broker, observed)),
    ),
    ...unlessConflict(found.configMap, () => configMap(desired)),
    ...unlessConflict(found.headless, () => headlessService(desired, selector, found.headless.observed)),
    ...unlessConflict(found.service, () => clientService(desired, selector, found.service.observed)),
    ...(desiredSet ? [desiredSet] : observed ? [reapplyLastApplied(observed)] : []),
    ...(hasDisruptionBudget(desired)
      ? unlessConflict(found.disruptionBudget, () => podDisruptionBudget(desired, selector))
      : []),
    ...(desired.networkPolicy ? unlessConflict(found.networkPolicy, () => networkPolicy(desired, selector)) : []),
  ];

  return {
    status: brokerStatus(
      request,
      broker,
      {
        selector,
        service: found.service.observed,
        statefulSet: observed,
        desired: desiredSet,
        pods: Object.values(relatedOf(request, kinds.pod)),
        nameConflicts: Object.values(found).flatMap(({ nameConflict }) => nameConflict ?? []),
        deferredChange,
        certificateProblem: references.certificateProblem,
        missing: missingChildren(request, children),
      },
      now,
    ),
    children,
  };
}

/** Keeps the manual edits of the Secret, under either apply strategy, and re-applies all other children. */
function keepEditedSecret(request: BrokerRequest, context: SyncContext, name: string, key: string): SyncResponse {
  const secret = findChild(request, kinds.secret, name).observed;
  const message = `Key ${key} of Secret ${name} may contain only letters, digits and .-_~ since it becomes part of a URL. Correct it, or delete the Secret to have a new one generated.`;
  const kept = keepChildren(request, { reason: 'UnusableCredential', message }, context);
  const children = kept.children.map((child) =>
    child.kind === 'Secret' && child.metadata?.name === name && secret?.data ? { ...child, data: secret.data } : child,
  );
  return { ...kept, children };
}

function findChildren(request: BrokerRequest, { names }: Broker) {
  return {
    secret: findChild(request, kinds.secret, names.auth),
    configMap: findChild(request, kinds.configMap, names.config),
    headless: findChild(request, kinds.service, names.headless),
    service: findChild(request, kinds.service, names.nats),
    statefulSet: findChild(request, kinds.statefulSet, names.nats),
    disruptionBudget: findChild(request, kinds.podDisruptionBudget, names.nats),
    networkPolicy: findChild(request, kinds.networkPolicy, names.nats),
  };
}
