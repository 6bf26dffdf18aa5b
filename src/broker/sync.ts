import type { SyncContext } from '../api/context.ts';
import { withCommonMetadata } from '../kubernetes/common-metadata.ts';
import { kinds } from '../kubernetes/kinds.ts';
import { podSecurity } from '../kubernetes/pod-security.ts';
import { progressing } from '../kubernetes/rollout.ts';
import { missingChildren } from '../metacontroller/children-created.ts';
import { invalidSpec, type NameConflict } from '../metacontroller/conditions.ts';
import { findChild } from '../metacontroller/find-child.ts';
import { keepChildren } from '../metacontroller/lifecycle.ts';
import type { Manifest } from '../metacontroller/object.ts';
import { reapplyLastApplied } from '../metacontroller/reapply.ts';
import { relatedOf } from '../metacontroller/request.ts';
import type { SyncResponse } from '../metacontroller/response.ts';
import { authSecret, withServerKeys } from './children/auth-secret.ts';
import { configMap } from './children/config-map.ts';
import { natsBox, natsBoxName } from './children/nats-box.ts';
import { networkPolicy } from './children/network-policy.ts';
import { hasDisruptionBudget, podDisruptionBudget } from './children/pod-disruption-budget.ts';
import { CREDENTIALS_FILE, serverFileNames, serverSecret } from './children/server-secret.ts';
import {
  clientService,
  externalService,
  hasExternalService,
  headlessService,
  serverService,
  serverServiceNames,
} from './children/services.ts';
import { governingService, statefulSet } from './children/stateful-set.ts';
import { credentialsChecksum, ENCRYPTION_KEYS, resolveCredentials, type ServerCredentials } from './credentials.ts';
import { withEncryption } from './encryption.ts';
import { withImmutableFields } from './immutable-fields.ts';
import { jetStreamAnnotations, jetStreamPeers, lastJetStream } from './jetstream.ts';
import type { BrokerRequest } from './kinds.ts';
import { podSelector } from './labels.ts';
import { resolveReferences } from './references.ts';
import { restartChecksum } from './restart.ts';
import { withRoutes } from './routes.ts';
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
  const secrets = { auth: found.auth.observed, server: found.server.observed };
  const generated = resolveCredentials(secrets, references.token, context.generateToken);
  if ('unusable' in generated) {
    const { secret, key } = generated.unusable;
    return keepEditedSecret(request, context, broker.names[secret], key);
  }

  const observed = found.statefulSet.observed;
  const { service: client, external } = found;
  const selector = podSelector(broker, observed);
  const last = lastJetStream(observed, found.configMap.observed);
  const { broker: applicable, deferredChange: deferredSpec } = withImmutableFields(broker, observed, last);
  const { broker: desired, deferredChange: deferredRoutes } = withRoutes(applicable, observed);
  const { credentials, deferredChange: deferredKey } = withEncryption(desired, generated, references, {
    server: secrets.server,
    statefulSet: observed,
  });
  const deferredChange = deferredSpec ?? deferredRoutes ?? deferredKey;
  const annotations = jetStreamAnnotations(desired, last, observed);
  // Without its own Secrets and ConfigMap, the broker would use conflicting ones: the StatefulSet is left unchanged.
  const canRun = ![found.auth, found.server, found.configMap, found.statefulSet].some(
    ({ nameConflict }) => nameConflict,
  );
  // A new credential may be replaced until a sync sees it in the Secret: only then do pods get it, and roll once. Only in the
  // very first sync of a Broker, the StatefulSet does not wait.
  const isFirst = observed === undefined && request.lastStatus === undefined;
  const isAwaited = !isFirst && (credentials.generated.length > 0 || !secrets.server);
  const desiredSet = canRun
    ? withCommonMetadata(
        statefulSet(desired, podInputs(desired, credentials), selector, annotations, observed),
        broker.commonMetadata,
      )
    : undefined;
  const isRolledOut = desiredSet && progressing(observed, desiredSet, desired.size, 'servers').status === 'False';
  const serviceName = governingService(broker, observed);
  // As for the StatefulSet: the servers would reload the token.
  const isTokenAwaited = credentials.generated.includes('token') && (secrets.server || found.auth.nameConflict);
  const { disruptionBudget, natsBox: box, ...always } = found;
  const budgeted = hasDisruptionBudget(desired);
  const servers = serverServiceNames(desired).map((name) => findChild(request, kinds.service, name));
  const unlessConflict = ({ nameConflict }: { nameConflict?: NameConflict }, child: () => Manifest) =>
    nameConflict ? [] : [withCommonMetadata(child(), broker.commonMetadata)];

  const children = [
    ...unlessConflict(found.auth, () => {
      const secret = authSecret(desired, credentials, references.ca);
      const isMounted = secrets.auth?.data?.[CREDENTIALS_FILE] !== undefined && !isRolledOut;
      return isMounted ? withServerKeys(secret, desired, credentials, serviceName) : secret;
    }),
    ...(!isTokenAwaited
      ? unlessConflict(found.server, () => serverSecret(desired, credentials, serviceName))
      : secrets.server
        ? [reapplyLastApplied(secrets.server)]
        : []),
    ...unlessConflict(found.configMap, () => configMap(desired, credentials, annotations)),
    ...unlessConflict(found.headless, () => headlessService(desired, selector, found.headless.observed)),
    ...unlessConflict(client, () => clientService(desired, selector, client.observed, external !== undefined)),
    ...(external ? unlessConflict(external, () => externalService(desired, selector, external.observed)) : []),
    ...servers.flatMap((server, ordinal) =>
      unlessConflict(server, () => serverService(desired, ordinal, selector, server.observed)),
    ),
    ...(desiredSet && !isAwaited ? [desiredSet] : observed ? [reapplyLastApplied(observed)] : []),
    ...(budgeted ? unlessConflict(disruptionBudget, () => podDisruptionBudget(desired, selector)) : []),
    ...natsBoxes(
      desired,
      found,
      canRun && !isAwaited ? { token: credentials.token, hasCa: Boolean(references.ca) } : undefined,
    ),
    ...(desired.networkPolicy ? unlessConflict(found.networkPolicy, () => networkPolicy(desired, selector)) : []),
  ];

  return {
    status: brokerStatus(
      request,
      broker,
      {
        selector,
        services: {
          service: client.observed,
          external: (external ?? client).observed,
          servers: servers.map((server) => server.observed),
        },
        statefulSet: observed,
        desired: desiredSet,
        pods: Object.values(relatedOf(request, kinds.pod)),
        natsBox: desired.natsBox && box.observed,
        nameConflicts: [
          ...Object.values(always),
          ...servers,
          ...(budgeted ? [disruptionBudget] : []),
          ...(desired.natsBox ? [box] : []),
        ].flatMap((child) => child?.nameConflict ?? []),
        applied: desired,
        jetStreamPeers: jetStreamPeers(desired, last),
        deferredChange,
        certificateProblem: references.certificateProblem,
        certificateExpiry: references.certificateExpiry,
        podSecurity: podSecurity(desiredSet?.spec?.template),
        routeCertificateProblem: references.routeCertificateProblem,
        routeCertificateExpiry: references.routeCertificateExpiry,
        missing: missingChildren(request, children),
      },
      now,
    ),
    children,
  };
}

/**
 * The Deployment of the command line. While the Secret of the clients is not known to have the last token, a running one is left
 * as it is.
 */
function natsBoxes(
  broker: Broker,
  { natsBox: { observed, nameConflict } }: ReturnType<typeof findChildren>,
  secret: { token: string; hasCa: boolean } | undefined,
): object[] {
  if (!broker.natsBox || nameConflict) return [];
  if (!secret) return observed ? [reapplyLastApplied(observed)] : [];
  return [withCommonMetadata(natsBox(broker, broker.natsBox, secret), broker.commonMetadata)];
}

function podInputs(broker: Broker, credentials: ServerCredentials) {
  return {
    credentialsChecksum: credentialsChecksum(credentials),
    restart: restartChecksum(broker, credentials),
    files: serverFileNames(broker, credentials),
  };
}

/** Keeps the manual edits of the Secret, under either apply strategy, and re-applies all other children. */
function keepEditedSecret(request: BrokerRequest, context: SyncContext, name: string, key: string): SyncResponse {
  const secret = findChild(request, kinds.secret, name).observed;
  // With the Secret, the only copy of the key of streams can be lost.
  const hasKey = Boolean(secret?.data?.[ENCRYPTION_KEYS.current]);
  const remedy = hasKey ? 'Correct it' : 'Correct it, or delete the Secret to have a new one generated';
  const message = `Key ${key} of Secret ${name} may contain only letters, digits and .-_~ since it becomes part of a URL. ${remedy}.`;
  const kept = keepChildren(request, { reason: 'UnusableCredential', message }, context);
  const children = kept.children.map((child) =>
    child.kind === 'Secret' && child.metadata?.name === name && secret?.data ? { ...child, data: secret.data } : child,
  );
  return { ...kept, children };
}

function findChildren(request: BrokerRequest, broker: Broker) {
  const { names } = broker;
  const service = findChild(request, kinds.service, names.nats);
  const external = findChild(request, kinds.service, names.external);
  // While somebody else has the client Service, the other one stays as it is.
  const isKept = service.nameConflict !== undefined && broker.service.type !== 'ClusterIP';
  const isSplit = isKept ? external.observed !== undefined : hasExternalService(broker, service.observed);
  return {
    auth: findChild(request, kinds.secret, names.auth),
    server: findChild(request, kinds.secret, names.server),
    configMap: findChild(request, kinds.configMap, names.config),
    headless: findChild(request, kinds.service, names.headless),
    service,
    external: isSplit ? external : undefined,
    statefulSet: findChild(request, kinds.statefulSet, names.nats),
    disruptionBudget: findChild(request, kinds.podDisruptionBudget, names.nats),
    networkPolicy: findChild(request, kinds.networkPolicy, names.nats),
    natsBox: findChild(request, kinds.deployment, natsBoxName(broker)),
  };
}
