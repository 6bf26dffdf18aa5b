import { checksum } from '../kubernetes/checksum.ts';
import type { ObservedSecret } from '../kubernetes/kinds.ts';
import { decode } from '../kubernetes/secrets.ts';
import { AUTH_KEYS, isUsable } from './contract.ts';

/** The credentials of a broker. */
export interface Credentials {
  /** What clients present to connect. */
  token: string;
  /** What the servers of a broker present to each other on routes. */
  routePassword: string;
  /** Those that were generated now: no later sync is sure to see them, since the cache may lag. */
  generated: ('token' | 'routePassword')[];
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
