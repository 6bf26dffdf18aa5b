import { AUTH_KEYS, brokerKind, defaultUrl, isUsable, type ObservedBroker } from '../broker/contract.ts';
import { checksum } from '../kubernetes/checksum.ts';
import { kinds } from '../kubernetes/kinds.ts';
import { decode, readSecretKey, type SecretMessages } from '../kubernetes/secrets.ts';
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
   * What the pods read from a Secret: the token of a native broker, the credentials before the @ of a custom URL, or a whole
   * URL that contains credentials.
   */
  credential?: SecretKey & { type: 'token' | 'credentials' | 'url'; value: string };
  /** CA certificates to trust besides those of the image, in PEM, and the Secret that the pods read them from. */
  ca?: SecretKey & { value: string };
  /** Whether that Secret must be created in MeshSync's namespace, since its pods can read no other. */
  needsSecret: boolean;
}

/** How MeshSync's pods reach their broker, with checksums instead of the secret values. */
export interface BrokerAccess {
  url: string;
  credential?: SecretKey & { type: NonNullable<BrokerConnection['credential']>['type']; checksum: string };
  ca?: SecretKey & { checksum: string };
}

/** A connection without its secret values, safe for a manifest. */
export function accessTo({ url, credential, ca }: BrokerConnection): BrokerAccess {
  const checked = <Key extends SecretKey & { value: string }>({ value, ...key }: Key) => ({
    checksum: checksum(value),
    ...key,
  });
  return { url, ...(credential && { credential: checked(credential) }), ...(ca && { ca: checked(ca) }) };
}

/** The result of resolving a MeshSync's reference to its broker. */
export interface ResolvedBroker {
  /** `undefined` while the broker is not resolved; a running MeshSync is then left unchanged. */
  connection?: BrokerConnection;
  condition: ConditionInput;
}

/**
 * Resolves the reference to a broker. A native one is resolved once the Broker and its Secret exist: MeshSync itself waits for
 * the servers, so servers that are not ready are reported, unless they are starting, but do not block.
 * @param isRunning whether MeshSync has a Deployment that publishes to the previously resolved broker
 */
export function resolveBrokerReference(
  meshSync: MeshSync,
  request: MeshSyncRequest,
  isRunning: boolean,
): ResolvedBroker {
  const { broker } = meshSync;
  if (broker.type === 'native') return resolveNative(meshSync, broker, request, isRunning);
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
  if (url.isIPv6Address) {
    return unresolved(
      'AddressNotSupported',
      'spec.broker.custom.url: MeshSync can not query the monitoring port of an IPv6 address. Name the first server by a DNS name, or, in this cluster, by a Service. MeshSync is left unchanged.',
    );
  }
  const source = { messages, namespace, secrets: relatedOf(request, kinds.secret) };
  const found: Pick<BrokerConnection, 'credential' | 'ca'> = url.hasCredentials
    ? { credential: { type: 'url', name: names.brokerAuth, key: AUTH_KEYS.url, value: url.full } }
    : {};
  if (credentials) {
    const read = readSecretKey({ path: 'spec.broker.custom.credentialsSecretRef', ...source }, credentials);
    if ('problem' in read) return unresolved(read.problem.reason, read.problem.message);
    if (!CREDENTIALS.test(read.value)) {
      return unresolved(
        'SecretInvalid',
        `spec.broker.custom.credentialsSecretRef: key ${credentials.key} of Secret ${credentials.name} must be a token or user:password of letters, digits and .-_~, with other characters written as %XX, without a line break at its end.`,
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

const messages: SecretMessages = {
  notFound: (name) =>
    `Secret ${name} does not exist in the namespace of the MeshSync, which is left unchanged until it exists.`,
  keyMissing: (name, key) => `Secret ${name} has no key ${key}. MeshSync is left unchanged until the key exists.`,
};

/** Credentials before the @ of a URL (RFC 3986), which NATS clients split at the colon. */
const CREDENTIALS = /^([A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+(:([A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+)?$/;

/** The URL of a reference that is known without its Broker; never contains credentials. */
export function publishingTo(broker: BrokerReference): string | undefined {
  if (broker.type === 'native') return nativeUrl(broker);
  return broker.type === 'custom' ? broker.url.redacted : undefined;
}

/** By DNS name, which does not depend on the address of the Service. */
function nativeUrl({ serviceName, namespace }: NativeReference): string {
  return defaultUrl(serviceName, namespace);
}

type NativeReference = Extract<BrokerReference, { type: 'native' }>;

function resolveNative(
  { namespace, names }: MeshSync,
  reference: NativeReference,
  request: MeshSyncRequest,
  isRunning: boolean,
): ResolvedBroker {
  const name = `${reference.namespace}/${reference.name}`;
  const broker = relatedOf(request, brokerKind)[name];
  if (!broker) {
    return unresolved('BrokerNotFound', `Broker ${name} does not exist. MeshSync is left unchanged until it exists.`);
  }
  if (broker.metadata.deletionTimestamp) {
    return unresolved('BrokerTerminating', `Broker ${name} is being deleted. MeshSync is left unchanged.`);
  }
  if (broker.spec?.tls?.verify === true) {
    return unresolved(
      'ClientCertificateRequired',
      `Broker ${name} requires client certificates (spec.tls.verify), and MeshSync has none. MeshSync is left unchanged.`,
    );
  }
  if (broker.spec?.tls?.monitor === true) {
    return unresolved(
      'MonitorEncrypted',
      `The monitoring port of Broker ${name} is HTTPS (spec.tls.monitor), and MeshSync queries it by HTTP. MeshSync is left unchanged.`,
    );
  }
  const secret = relatedOf(request, kinds.secret)[`${reference.namespace}/${reference.authSecret}`];
  const token = decode(secret?.data?.[AUTH_KEYS.token]);
  if (!secret || controllerOf(secret)?.uid !== broker.metadata.uid || !isUsable(token)) {
    // The Secret of a new Broker is created a moment later.
    if (!secret && !isRunning && isStarting(broker)) return { condition: brokerExists(reference) };
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
    condition: brokerNotReady(broker) ?? brokerExists(reference),
  };
}

/** The same while the servers start and when they are ready, so that the MeshSync's status is not written at each step. */
function brokerExists({ namespace, name, authSecret }: NativeReference): ConditionInput {
  return resolved(
    'Resolved',
    `Broker ${namespace}/${name} exists; MeshSync starts as soon as Secret ${authSecret} does.`,
  );
}

/** The condition while a Broker is not ready, unless it is starting for the first time. */
function brokerNotReady(broker: ObservedBroker): ConditionInput | undefined {
  const { namespace, name } = broker.metadata;
  const ready = conditionOf(broker, 'Ready');
  if (ready?.status !== 'False' || isStarting(broker)) return undefined;
  return resolved(
    'BrokerNotReady',
    `Broker ${namespace}/${name} exists but is not ready: ${ready.reason ?? 'no reason'}.`,
  );
}

/** Whether a Broker was not synced yet, or only waits for its first server: from then on it has an endpoint. */
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
