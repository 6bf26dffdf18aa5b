import { checksum } from '../kubernetes/checksum.ts';
import type { ObservedSecret } from '../kubernetes/kinds.ts';
import { decode } from '../kubernetes/secrets.ts';
import { AUTH_KEYS, isUsable } from './contract.ts';
import type { Broker } from './spec.ts';

/** The credentials of a broker. */
export interface Credentials {
  /** What clients present to connect. */
  token: string;
  /** What the servers of a broker present to each other on routes. */
  routePassword: string;
  /** Those that were generated now: no later sync is sure to see them, since the cache may lag. */
  generated: ('token' | 'routePassword')[];
}

/** The values of the Secrets of users that the servers read, in the order of the fields that name them. */
export interface OwnSecrets {
  /** Passwords, or NKeys, of `auth.users`. */
  users: string[];
  /** Passwords of `leafNodes.authorization.users`. */
  leafUsers: string[];
  /** Of `leafNodes.remotes`. */
  remotes: {
    password?: string;
    credentials?: string;
    tls?: { ca?: string; certificate?: string; key?: string };
  }[];
}

/** The key that JetStream encrypts streams with, and the one before it. */
export interface EncryptionKeys {
  current: string;
  /** Streams that are still encrypted with it are encrypted anew when a server starts. */
  previous?: string;
}

/** All that the servers of a broker need to know. */
export interface ServerCredentials extends Credentials {
  own: OwnSecrets;
  encryption?: EncryptionKeys;
}

/** Names of these keys in the Secret of the servers. */
export const ENCRYPTION_KEYS = { current: 'encryption-key', previous: 'previous-encryption-key' } as const;

/** The encryption keys that the Secret of the servers has. */
export function lastEncryption(server: ObservedSecret | undefined): EncryptionKeys | undefined {
  const current = decode(server?.data?.[ENCRYPTION_KEYS.current]);
  const previous = decode(server?.data?.[ENCRYPTION_KEYS.previous]);
  if (!isUsable(current)) return undefined;
  return { current, ...(isUsable(previous) && { previous }) };
}

/**
 * The encryption keys to use where streams outlive the servers. A single server reads them with the current key and with the
 * one before, so a key is kept until it has been started with it. A server of a cluster does not start with another key. And
 * without a key none can read them, so the last one is also kept when the spec has none any more.
 * @param desired the key of the spec
 * @param isReplaceable whether a single server has been started with the last key
 */
export function nextEncryption(
  last: EncryptionKeys | undefined,
  desired: string | undefined,
  isReplaceable: boolean,
): EncryptionKeys | undefined {
  if (desired === undefined || last === undefined) return desired === undefined ? last : { current: desired };
  if (desired === last.current || !isReplaceable) return last;
  return { current: desired, previous: last.current };
}

/** Whether the servers encrypt streams on disk. */
export function isEncrypted(
  { jetStream }: Pick<Broker, 'jetStream'>,
  { encryption }: Pick<ServerCredentials, 'encryption'>,
): boolean {
  return jetStream?.fileStore !== undefined && encryption !== undefined;
}

/** Key of the route password in the Secret of the servers; release 2.0 had it in that of the clients. */
export const ROUTE_PASSWORD_KEY = 'route-password';

/** The Secrets of a broker, by their names in `BrokerNames`. */
export interface BrokerSecrets {
  auth: ObservedSecret | undefined;
  server: ObservedSecret | undefined;
}

/**
 * The credentials of a broker: those of its Secrets, and generated ones for missing keys. So they are generated once, and
 * deleting a Secret, or a key of it, rotates them.
 * @param userToken the token of `spec.auth.tokenSecretRef`, which takes precedence over a generated one
 * @param generateToken returns a random string of unreserved characters
 * @returns the credentials, or the Secret and the key whose value can't be used
 */
export function resolveCredentials(
  { auth, server }: BrokerSecrets,
  userToken: string | undefined,
  generateToken: () => string,
): Credentials | { unusable: { secret: keyof BrokerSecrets; key: string } } {
  const ofServer = decode(server?.data?.[ROUTE_PASSWORD_KEY]);
  const found = {
    token: userToken ?? decode(auth?.data?.[AUTH_KEYS.token]),
    routePassword: ofServer || decode(auth?.data?.[ROUTE_PASSWORD_KEY]),
  };
  const token = found.token || generateToken();
  const routePassword = found.routePassword || generateToken();
  if (!isUsable(token)) return { unusable: { secret: 'auth', key: AUTH_KEYS.token } };
  if (!isUsable(routePassword)) {
    return { unusable: { secret: ofServer ? 'server' : 'auth', key: ROUTE_PASSWORD_KEY } };
  }
  const generated = (['token', 'routePassword'] as const).filter((each) => !found[each]);
  return { token, routePassword, generated };
}

/** Changes with the credentials, and reveals nothing of them. */
export function credentialsChecksum({ token, routePassword }: Pick<Credentials, 'token' | 'routePassword'>): string {
  return checksum(`${token}\n${routePassword}`);
}
