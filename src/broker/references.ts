import type { X509Certificate } from 'node:crypto';
import {
  type CertificateProblem,
  type CertificateUse,
  certificateProblem,
  expiresSoon,
  isKeyOf,
  notForClients,
  readCertificates,
} from '../kubernetes/certificates.ts';
import type { ObservedSecret } from '../kubernetes/kinds.ts';
import { readSecretKey, type SecretMessages, type SecretProblem, TLS_KEYS } from '../kubernetes/secrets.ts';
import { brokerHost, isUsable } from './contract.ts';
import type { OwnSecrets } from './credentials.ts';
import { isCredentialsFile, isPublicUserKey } from './nkeys.ts';
import type { Broker, SecretKey, User } from './spec.ts';

const messages: SecretMessages = {
  notFound: (name) =>
    `Secret ${name} does not exist in the namespace of the Broker. It is used as soon as it exists. Existing children are left unchanged until then.`,
  keyMissing: (name, key) =>
    `Secret ${name} has no key ${key}. It is used as soon as the key exists. Existing children are left unchanged until then.`,
};

/** Values from the Secrets that a Broker refers to. */
export interface References {
  token?: string;
  /** The CA certificates that clients must trust, in PEM, if the Secret has them. */
  ca?: string;
  /** Why clients in the cluster refuse the certificate; `undefined` where they accept it, and without TLS. */
  certificateProblem?: CertificateProblem;
  /** Which certificate that they accept expires soon; `undefined` where none does. */
  certificateExpiry?: string;
  /** The key that streams are to be encrypted with. */
  encryptionKey?: string;
  /** What else the servers read. */
  own: OwnSecrets;
  /** The same two of the certificates of the routes. */
  routeCertificateProblem?: CertificateProblem;
  routeCertificateExpiry?: string;
}

/**
 * Reads the Secrets that a Broker refers to. Customize requests them by name, so a sync follows as soon as they exist.
 * A certificate that NATS would reject is rejected here, so that running servers keep the one that they have.
 */
export function resolveReferences(
  broker: Broker,
  secrets: Record<string, ObservedSecret> | undefined,
  now: Date,
): References | SecretProblem {
  try {
    const read = readerOf(broker, secrets);
    return { ...clientReferences(broker, read, now), ...natsReferences(broker, read), ...routes(broker, read, now) };
  } catch (error) {
    if (error instanceof UnfitSecret) return error.problem;
    throw error;
  }
}

/** A Secret that is missing or unfit; no other one needs to be read then. */
class UnfitSecret extends Error {
  readonly problem: SecretProblem;

  constructor(problem: SecretProblem) {
    super(problem.reason);
    this.problem = problem;
  }
}

/** Reads the Secrets of a broker, by the path of the field that names them. */
interface Reader {
  /** The value of a key. */
  text: (path: string, key: SecretKey) => string;
  /** The same, or `undefined` where the Secret has no such key. */
  optional: (path: string, key: SecretKey) => string | undefined;
}

function readerOf({ namespace }: Broker, secrets: Record<string, ObservedSecret> | undefined): Reader {
  const read = (path: string, key: SecretKey) => readSecretKey({ path, messages, namespace, secrets }, key);
  return {
    text: (path, key) => {
      const found = read(path, key);
      if ('problem' in found) throw new UnfitSecret(found.problem);
      return found.value;
    },
    optional: (path, key) => {
      const found = read(path, key);
      if (!('problem' in found)) return found.value;
      if (found.problem.reason !== 'SecretKeyMissing') throw new UnfitSecret(found.problem);
      return undefined;
    },
  };
}

/** The token, and the certificates of the clients. */
function clientReferences({ tokenSecretRef, tls, names, namespace }: Broker, read: Reader, now: Date) {
  const references: Omit<References, 'own'> = {};
  if (tokenSecretRef) {
    const path = 'spec.auth.tokenSecretRef';
    references.token = read.text(path, tokenSecretRef);
    if (!isUsable(references.token)) throw invalid(path, tokenSecretRef.name, unusable(tokenSecretRef.key));
  }
  if (tls) {
    const certificates = pairOf(read, 'spec.tls.secretName', tls.secretName, tls.verify);
    if (certificates.ca) references.ca = certificates.ca;
    const host = brokerHost(names.nats, namespace);
    const problem = certificateProblem({ ...certificates, host, now });
    const expiry = problem ? undefined : expiresSoon({ ...certificates, host, now });
    if (problem) references.certificateProblem = problem;
    if (expiry) references.certificateExpiry = expiry;
  }
  return references;
}

/** The certificates of a Secret, which NATS can start with. */
function pairOf(read: Reader, path: string, name: string, needsAuthority: boolean) {
  const certificate = read.text(path, { name, key: TLS_KEYS.certificate });
  const key = read.text(path, { name, key: TLS_KEYS.key });
  const authority = { name, key: TLS_KEYS.ca };
  const ca = needsAuthority ? read.text(path, authority) : read.optional(path, authority);
  const certificates = parse(certificate, key, ca);
  if (typeof certificates === 'string') throw invalid(path, name, certificates);
  return { ...certificates, ca };
}

/** What the servers read besides: of users, of leaf nodes and hubs, of listeners, and for streams. */
function natsReferences(
  { users, leafNodes, webSocket, jetStream }: Broker,
  read: Reader,
): Pick<References, 'encryptionKey' | 'own'> {
  const listeners = {
    'spec.leafNodes.tls': leafNodes?.listener?.tlsSecret,
    'spec.websocket.tls': webSocket?.tlsSecret,
  };
  for (const [path, name] of Object.entries(listeners)) if (name) pairOf(read, `${path}.secretName`, name, false);
  const encryptionKey = jetStream?.encryptionKey && keyOf(read, jetStream.encryptionKey);
  return {
    ...(encryptionKey && { encryptionKey }),
    own: {
      users: userSecrets(read, users),
      leafUsers: (leafNodes?.listener?.users ?? []).map(({ password }, index) =>
        verifierOf(read, `spec.leafNodes.authorization.users[${index}].passwordSecretRef`, password),
      ),
      remotes: (leafNodes?.remotes ?? []).map((remote, index) => remoteSecrets(read, index, remote)),
    },
  };
}

/** Fewest characters of a key that streams are encrypted with. */
const MIN_KEY_LENGTH = 16;

function keyOf(read: Reader, reference: SecretKey): string {
  const path = 'spec.jetstream.encryptionKeySecretRef';
  const value = read.text(path, reference);
  if (isUsable(value) && value.length >= MIN_KEY_LENGTH) return value;
  throw invalid(path, reference.name, `${unusable(reference.key)}, and must have at least ${MIN_KEY_LENGTH}`);
}

/** NATS refuses two users of the same name, or of the same NKey. */
function userSecrets(read: Reader, users: User[]): string[] {
  const names = new Set(users.flatMap(({ user, nkey }) => (nkey ? [] : [user])));
  return users.map((user, index) => {
    const path = `spec.auth.users[${index}]`;
    const value = userSecret(read, path, user);
    if (user.nkey && names.has(value)) {
      throw invalid(`${path}.nkeySecretRef`, user.nkey.name, `key ${user.nkey.key} is the NKey of another user`);
    }
    if (user.nkey) names.add(value);
    return value;
  });
}

function userSecret(read: Reader, path: string, { password, nkey }: User): string {
  if (password) return verifierOf(read, `${path}.passwordSecretRef`, password);
  if (!nkey) return '';
  const value = read.text(`${path}.nkeySecretRef`, nkey);
  if (isPublicUserKey(value)) return value;
  const what = `key ${nkey.key} must be the public NKey of a user, which begins with U, without a line break at its end; a seed, which begins with SU, stays with the user`;
  throw invalid(`${path}.nkeySecretRef`, nkey.name, what);
}

/** Characters that a quoted string in the configuration of NATS can have, and no line break. */
const PASSWORD = /^[ -~]{1,256}$/;

/** What NATS takes for a bcrypt hash, and one that it can compare: nobody could connect by another. */
const TAKEN_FOR_HASH = /^\$2[abxy]\$\d{2}\$/;
const HASH = /^\$2[abxy]\$(0[4-9]|1\d)\$[./A-Za-z0-9]{53}$/;

/** A password, or its bcrypt hash, that clients of the servers are asked for. */
function verifierOf(read: Reader, path: string, reference: SecretKey): string {
  const value = passwordOf(read, path, reference);
  if (!TAKEN_FOR_HASH.test(value) || HASH.test(value)) return value;
  const what = `key ${reference.key} begins like a bcrypt hash, but is none that NATS can compare in time`;
  throw invalid(path, reference.name, what);
}

function passwordOf(read: Reader, path: string, reference: SecretKey): string {
  const value = read.text(path, reference);
  if (PASSWORD.test(value)) return value;
  const what = `key ${reference.key} must have at most 256 ASCII characters, without a line break at its end`;
  throw invalid(path, reference.name, what);
}

function remoteSecrets(
  read: Reader,
  index: number,
  { user, credentials, tlsSecret }: NonNullable<Broker['leafNodes']>['remotes'][number],
): OwnSecrets['remotes'][number] {
  const path = `spec.leafNodes.remotes[${index}]`;
  const file = credentials && read.text(`${path}.credentialsSecretRef`, credentials);
  if (credentials && file !== undefined && !isCredentialsFile(file)) {
    const what = `key ${credentials.key} must be a credentials file with the JWT and the seed of a user, as nsc writes it`;
    throw invalid(`${path}.credentialsSecretRef`, credentials.name, what);
  }
  return {
    ...(user && { password: passwordOf(read, `${path}.passwordSecretRef`, user.password) }),
    ...(file && { credentials: file }),
    ...(tlsSecret && { tls: remoteTls(read, `${path}.tls.secretName`, tlsSecret) }),
  };
}

/** The authorities of a hub, and the certificate for hubs that demand one. */
function remoteTls(read: Reader, path: string, name: string) {
  const optional = (key: string) => read.optional(path, { name, key });
  if (optional(TLS_KEYS.certificate) !== undefined) {
    const { ca } = pairOf(read, path, name, true);
    const [certificate, key] = [optional(TLS_KEYS.certificate), optional(TLS_KEYS.key)];
    return { ...(ca && { ca }), ...(certificate && { certificate }), ...(key && { key }) };
  }
  const ca = read.text(path, { name, key: TLS_KEYS.ca });
  if (readCertificates(ca).some((each) => !(each instanceof Error))) return { ca };
  throw invalid(path, name, `${TLS_KEYS.ca} is not a certificate in PEM`);
}

/**
 * The certificates of the routes. Servers that refuse each other's are no cluster, so one that they would never accept is
 * refused; one that has expired is reported.
 */
function routes({ routesSecret, size, names, namespace }: Broker, read: Reader, now: Date): Partial<References> {
  if (!routesSecret || size === 1) return {};
  const path = 'spec.tls.routes.secretName';
  const { chain, authorities } = pairOf(read, path, routesSecret, true);
  const hosts = Array.from({ length: size }, (_, ordinal) =>
    brokerHost(`${names.nats}-${ordinal}.${names.headless}`, namespace),
  );
  for (const host of hosts) {
    const use = { chain, authorities, host, now };
    const problem = certificateProblem(use) ?? notForClients(chain);
    if (problem?.reason === 'Expired' || problem?.reason === 'NotYetValid') return { routeCertificateProblem: problem };
    if (problem)
      throw invalid(path, routesSecret, `the certificate is refused by the other servers: ${problem.message}`);
    const expiry = expiresSoon(use);
    if (expiry) return { routeCertificateExpiry: expiry };
  }
  return {};
}

/** The certificates of a Secret, or why NATS would not start with them. */
function parse(
  certificate: string,
  key: string,
  ca: string | undefined,
): Pick<CertificateUse, 'chain' | 'authorities'> | string {
  const [server, ...others] = readCertificates(certificate);
  if (!server || server instanceof Error) return `${TLS_KEYS.certificate} is not a certificate in PEM`;
  try {
    if (!isKeyOf(key, server)) return `${TLS_KEYS.key} is not the key of ${TLS_KEYS.certificate}`;
  } catch {
    return `${TLS_KEYS.key} is not a private key in PEM without a passphrase`;
  }
  const isReadable = (each: X509Certificate | Error): each is X509Certificate => !(each instanceof Error);
  const authorities = readCertificates(ca ?? '').filter(isReadable);
  if (ca !== undefined && authorities.length === 0) return `${TLS_KEYS.ca} is not a certificate in PEM`;
  return { chain: [server, ...others.filter(isReadable)], authorities };
}

function invalid(path: string, name: string, what: string): UnfitSecret {
  const message = `${path}: in Secret ${name}, ${what.replace(/\.$/, '')}. Correct it. Existing children are left unchanged until then.`;
  return new UnfitSecret({ reason: 'SecretInvalid', message });
}

function unusable(key: string): string {
  return `key ${key} may contain only letters, digits and .-_~, without a line break at its end`;
}
