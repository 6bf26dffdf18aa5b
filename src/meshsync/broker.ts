import { AUTH_KEYS, brokerKind, defaultUrl, isUsable, type ObservedBroker } from '../broker/contract.ts';
import { checksum } from '../kubernetes/checksum.ts';
import { kinds } from '../kubernetes/kinds.ts';
import { decode, readSecretKey } from '../kubernetes/secrets.ts';
import type { ConditionInput } from '../metacontroller/conditions.ts';
import { controllerOf } from '../metacontroller/find-child.ts';
import { relatedOf } from '../metacontroller/request.ts';
import { condition } from './conditions.ts';
import type { MeshSyncRequest } from './kinds.ts';
import type { BrokerReference, MeshSync, SecretKey } from './spec.ts';

/** How MeshSync's pods reach their broker. */
export interface BrokerConnection {
  /** The broker's URL, without credentials. */
  url: string;
  /**
   * What the pods read from a Secret: the token of a native broker, what stands before the @ of a custom URL, or a whole
   * URL that holds credentials itself.
   */
  credential?: SecretKey & { type: 'token' | 'credentials' | 'url'; value: string };
  /** Certificates to trust besides the usual ones, in PEM, and where the pods read them. */
  ca?: SecretKey & { value: string };
  /** Whether that Secret has to be made in MeshSync's own namespace, since no other is there for its pods to read. */
  needsSecret: boolean;
}

/** How MeshSync's pods reach their broker, with checksums in the place of what is secret of it. */
export interface BrokerAccess {
  url: string;
  credential?: SecretKey & { type: NonNullable<BrokerConnection['credential']>['type']; checksum: string };
  ca?: SecretKey & { checksum: string };
}

/** A connection without what is secret of it, fit to be part of a manifest. */
export function accessTo({ url, credential, ca }: BrokerConnection): BrokerAccess {
  const checked = <Key extends SecretKey & { value: string }>({ value, ...key }: Key) => ({
    checksum: checksum(value),
    ...key,
  });
  return { url, ...(credential && { credential: checked(credential) }), ...(ca && { ca: checked(ca) }) };
}

/** What became of a MeshSync's reference to its broker. */
export interface ResolvedBroker {
  /** `undefined` while the broker can't be worked out; then what runs is left as it is. */
  connection?: BrokerConnection;
  condition: ConditionInput;
}

/**
 * Follows the reference to a broker. A native one is resolved once the Broker and its Secret are there: MeshSync itself
 * waits for the servers to answer, so that they are not ready is reported, unless they are on their way, but not waited for.
 * @param runs whether MeshSync has pods that publish to what was resolved before
 */
export function resolveBrokerReference(meshSync: MeshSync, request: MeshSyncRequest, runs: boolean): ResolvedBroker {
  const { broker } = meshSync;
  if (broker.type === 'native') return resolveNative(meshSync, broker, request, runs);
  if (broker.type === 'none') {
    return unresolved(
      'BrokerNotSpecified',
      'Set spec.broker.native to a Broker or spec.broker.custom.url to a NATS URL.',
    );
  }
  return resolveCustom(meshSync, broker, request);
}

function resolveCustom(
  { namespace, names }: MeshSync,
  { url, credentials, ca }: Extract<BrokerReference, { type: 'custom' }>,
  request: MeshSyncRequest,
): ResolvedBroker {
  const source = { kind: 'MeshSync', namespace, secrets: relatedOf(request, kinds.secret) } as const;
  const found: Pick<BrokerConnection, 'credential' | 'ca'> = url.hasCredentials
    ? { credential: { type: 'url', name: names.brokerAuth, key: AUTH_KEYS.url, value: url.full } }
    : {};
  if (credentials) {
    const read = readSecretKey({ path: 'spec.broker.custom.credentialsSecretRef', ...source }, credentials);
    if ('problem' in read) return unresolved(read.problem.reason, read.problem.message);
    if (!CREDENTIALS.test(read.value)) {
      return unresolved(
        'SecretInvalid',
        `spec.broker.custom.credentialsSecretRef: key ${credentials.key} of Secret ${credentials.name} must be a token or user:password of letters, digits and .-_~, with other characters written as %XX, and no line break at its end.`,
      );
    }
    found.credential = { type: 'credentials', ...credentials, value: read.value };
  }
  if (ca) {
    const read = readSecretKey({ path: 'spec.broker.custom.caSecretRef', ...source }, ca);
    if ('problem' in read) return unresolved(read.problem.reason, read.problem.message);
    found.ca = { ...ca, value: read.value };
  }
  return {
    connection: { url: url.redacted, needsSecret: url.hasCredentials, ...found },
    condition: resolved('CustomUrl', 'The broker is the URL of the spec.'),
  };
}

/** What may stand before the @ of a URL (RFC 3986), as NATS clients take it apart at the colon. */
const CREDENTIALS = /^([A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+(:([A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+)?$/;

/** The URL of a reference as far as it is known without its Broker; never holds credentials. */
export function publishingTo(broker: BrokerReference): string | undefined {
  if (broker.type === 'native') return nativeUrl(broker);
  return broker.type === 'custom' ? broker.url.redacted : undefined;
}

/** By DNS name, so that it stays the same when the Service gets another address. */
function nativeUrl({ serviceName, namespace }: NativeReference): string {
  return defaultUrl(serviceName, namespace);
}

type NativeReference = Extract<BrokerReference, { type: 'native' }>;

function resolveNative(
  { namespace, names }: MeshSync,
  reference: NativeReference,
  request: MeshSyncRequest,
  runs: boolean,
): ResolvedBroker {
  const name = `${reference.namespace}/${reference.name}`;
  const broker = relatedOf(request, brokerKind)[name];
  if (!broker) {
    return unresolved('BrokerNotFound', `There is no Broker ${name}. MeshSync stays as it is until there is one.`);
  }
  if (broker.metadata.deletionTimestamp) {
    return unresolved('BrokerTerminating', `Broker ${name} is being deleted. MeshSync stays as it is.`);
  }
  if (broker.spec?.tls?.verify === true) {
    return unresolved(
      'ClientCertificateRequired',
      `Broker ${name} asks clients for a certificate (spec.tls.verify), and MeshSync has none to show. MeshSync stays as it is.`,
    );
  }
  const secret = relatedOf(request, kinds.secret)[`${reference.namespace}/${reference.authSecret}`];
  const token = decode(secret?.data?.[AUTH_KEYS.token]);
  if (!secret || controllerOf(secret)?.uid !== broker.metadata.uid || !isUsable(token)) {
    // A Broker that was made a moment ago has its Secret a moment later.
    if (!secret && !runs && isStarting(broker)) return { condition: isThere(reference) };
    return unresolved(
      'CredentialsPending',
      `Broker ${name} has no Secret ${reference.authSecret} with a usable token yet; see the conditions of the Broker.`,
    );
  }
  const needsSecret = reference.namespace !== namespace;
  const ca = decode(secret.data?.[AUTH_KEYS.ca]);
  const secretName = needsSecret ? names.brokerAuth : reference.authSecret;
  return {
    connection: {
      url: decode(secret.data?.[AUTH_KEYS.url]) || nativeUrl(reference),
      credential: { type: 'token', name: secretName, key: AUTH_KEYS.token, value: token },
      needsSecret,
      ...(ca && { ca: { name: secretName, key: AUTH_KEYS.ca, value: ca } }),
    },
    condition: brokerNotReady(broker) ?? isThere(reference),
  };
}

/** The same while its servers start and once they are ready, so that a MeshSync need not report each step of its Broker. */
function isThere({ namespace, name, authSecret }: NativeReference): ConditionInput {
  return resolved(
    'Resolved',
    `Broker ${namespace}/${name} is there; MeshSync starts as soon as Secret ${authSecret} is.`,
  );
}

/** The condition while a Broker is not ready, unless it is starting for the first time. */
function brokerNotReady(broker: ObservedBroker): ConditionInput | undefined {
  const { namespace, name } = broker.metadata;
  const ready = conditionOf(broker, 'Ready');
  if (ready?.status !== 'False' || isStarting(broker)) return undefined;
  return resolved(
    'BrokerNotReady',
    `Broker ${namespace}/${name} is there but not ready: ${ready.reason ?? 'no reason'}.`,
  );
}

/** Whether a Broker was not synced yet, or waits for nothing but its first servers: it has an endpoint from then on. */
function isStarting(broker: ObservedBroker): boolean {
  if (broker.status?.endpoint?.internal) return false;
  if (!broker.status?.conditions?.length) return true;
  const ready = conditionOf(broker, 'Ready');
  const progressing = conditionOf(broker, 'Progressing');
  return ready?.status === 'False' && progressing?.status === 'True' && progressing.reason === ready.reason;
}

function conditionOf({ status }: ObservedBroker, type: string) {
  return status?.conditions?.find((condition) => condition.type === type);
}

type Reason = Parameters<typeof condition<'BrokerResolved'>>[2];

function resolved(reason: Reason, message: string): ConditionInput {
  return condition('BrokerResolved', 'True', reason, message);
}

function unresolved(reason: Reason, message: string): ResolvedBroker {
  return { condition: condition('BrokerResolved', 'False', reason, message) };
}
