import type { BrokerStatus } from '../api/broker.ts';
import { memoryOf } from '../memory.ts';
import { carryOver } from '../metacontroller/carry-over.ts';
import { claim } from '../metacontroller/claim.ts';
import type { SyncContext } from '../metacontroller/context.ts';
import type { SyncResponse } from '../metacontroller/envelope.ts';
import type { ObservedSecret } from '../metacontroller/observed.ts';
import { invalidSpec, type Requirement } from '../metacontroller/ready.ts';
import { type Keep, respond } from '../metacontroller/sync.ts';
import { authSecret } from './children/auth-secret.ts';
import { configMap } from './children/config-map.ts';
import { networkPolicy } from './children/network-policy.ts';
import { podDisruptionBudget, wantsDisruptionBudget } from './children/pod-disruption-budget.ts';
import { clientService, headlessService } from './children/services.ts';
import { governingService, statefulSet } from './children/stateful-set.ts';
import { credentialsChecksum, resolveCredentials } from './credentials.ts';
import { feasible } from './in-place.ts';
import { podSelector } from './labels.ts';
import { resolveReferences } from './references.ts';
import type { BrokerSyncRequest } from './request.ts';
import { type Broker, resolveBroker } from './spec.ts';
import { brokerStatus, previousBrokerStatus } from './status.ts';

/**
 * The sync hook of a Broker: a request in, the children that shall exist and the status out. The same request gives the
 * same answer, but for a credential that has to be made and the time of a transition.
 */
export function syncBroker(request: BrokerSyncRequest, context: SyncContext): SyncResponse {
  const previous = memoryOf(request).make(previousBrokerStatus, request.parent);
  return respond(request, previous, context, (keep, hibernation) =>
    answer(request, previous, context, keep, hibernation),
  );
}

function answer(
  request: BrokerSyncRequest,
  previous: BrokerStatus | undefined,
  context: SyncContext,
  keep: Keep,
  hibernation: Requirement | undefined,
): SyncResponse {
  const { parent } = request;
  const memory = memoryOf(request);
  const broker = memory.make(resolveBroker, parent, context.imageRegistry);
  if ('path' in broker) return keep(invalidSpec(broker));
  const now = context.now();
  const references = resolveReferences(broker, request.related?.['Secret.v1'], now);
  if ('reason' in references) return keep(references);

  const claims = claimNames(request, broker);
  const credentials = resolveCredentials(claims.secret.observed, references.token, context.mintToken);
  if ('unusable' in credentials) {
    const kept = keep({
      reason: 'UnusableCredential',
      message: `Key ${credentials.unusable} of Secret ${broker.names.auth} may hold only letters, digits and .-_~ since it becomes part of a URL. Correct it, or delete the Secret to have a new one made.`,
    });
    return { ...kept, children: kept.children.map((child) => asEdited(child, claims.secret.observed)) };
  }

  const observed = claims.statefulSet.observed;
  const selector = podSelector(broker, observed);
  const { broker: asked, heldBack } = memory.make(feasible, broker, observed);
  const policy = asked.networkPolicy;
  const wanted = {
    secret: authSecret(asked, credentials, references.ca, governingService(broker, observed)),
    configMap: memory.make(configMap, asked),
    headless: memory.make(headlessService, asked, selector, claims.headless.observed),
    service: memory.make(clientService, asked, selector, claims.service.observed),
    statefulSet: memory.make(statefulSet, asked, credentialsChecksum(credentials), selector, observed),
    disruptionBudget: wantsDisruptionBudget(asked) ? [memory.make(podDisruptionBudget, asked, selector)] : [],
    networkPolicy: policy ? [memory.make(networkPolicy, asked, policy, selector)] : [],
  };
  // Without a Secret and a ConfigMap of its own, the broker would run on somebody else's: it stays as it is.
  const canRun = !claims.secret.taken && !claims.configMap.taken && !claims.statefulSet.taken;

  return {
    status: brokerStatus(
      parent,
      previous,
      broker,
      selector,
      canRun ? wanted.statefulSet : undefined,
      {
        service: claims.service.observed,
        statefulSet: observed,
        pods: Object.values(request.related?.['Pod.v1'] ?? {}),
        taken: Object.values(claims).flatMap(({ taken }) => taken ?? []),
        heldBack,
        certificateProblem: references.certificateProblem,
        hibernation,
      },
      now,
    ),
    children: [
      ...(claims.secret.taken ? [] : [wanted.secret]),
      ...(claims.configMap.taken ? [] : [wanted.configMap]),
      ...(claims.headless.taken ? [] : [wanted.headless]),
      ...(claims.service.taken ? [] : [wanted.service]),
      ...(canRun ? [wanted.statefulSet] : observed ? [carryOver(observed)] : []),
      ...(claims.disruptionBudget.taken ? [] : wanted.disruptionBudget),
      ...(claims.networkPolicy.taken ? [] : wanted.networkPolicy),
    ],
  };
}

/** Leaves the Secret as a person has edited it, under either apply strategy; everything else as it was asked for. */
function asEdited(child: object, secret: ObservedSecret | undefined): object {
  return secret?.data && 'kind' in child && child.kind === secret.kind ? { ...child, data: secret.data } : child;
}

function claimNames({ parent, children, related }: BrokerSyncRequest, { names }: Broker) {
  const [budgets, policies] = ['PodDisruptionBudget.policy/v1', 'NetworkPolicy.networking.k8s.io/v1'] as const;
  return {
    secret: claim(parent, names.auth, children['Secret.v1'], related?.['Secret.v1']),
    configMap: claim(parent, names.config, children['ConfigMap.v1'], related?.['ConfigMap.v1']),
    headless: claim(parent, names.headless, children['Service.v1'], related?.['Service.v1']),
    service: claim(parent, names.nats, children['Service.v1'], related?.['Service.v1']),
    statefulSet: claim(parent, names.nats, children['StatefulSet.apps/v1'], related?.['StatefulSet.apps/v1']),
    disruptionBudget: claim(parent, names.nats, children[budgets], related?.[budgets]),
    networkPolicy: claim(parent, names.nats, children[policies], related?.[policies]),
  };
}
