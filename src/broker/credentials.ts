import { checksum } from '../kubernetes/checksum.ts';
import type { ObservedSecret } from '../kubernetes/kinds.ts';
import { decode } from '../kubernetes/secrets.ts';
import { AUTH_KEYS, isUsable } from './contract.ts';

/** The credentials in the auth Secret. */
export interface Credentials {
  /** What clients present to connect. */
  token: string;
  /** What the servers of a broker present to each other on routes. */
  routePassword: string;
  /** Whether one of them was generated now, so that no later sync is sure to see it. */
  generated: boolean;
}

/** Key of the route password in the auth Secret. */
export const ROUTE_PASSWORD_KEY = 'route-password';

/**
 * The credentials of a broker: those of its Secret, and generated ones for missing keys. So they are generated once, and
 * deleting the Secret, or a key of it, rotates them.
 * @param userToken the token of `spec.auth.tokenSecretRef`, which takes precedence over a generated one
 * @param generateToken returns a random string of unreserved characters
 * @returns the credentials, or the key of the Secret whose value can't be used
 */
export function resolveCredentials(
  secret: ObservedSecret | undefined,
  userToken: string | undefined,
  generateToken: () => string,
): Credentials | { unusable: string } {
  const found = {
    token: userToken ?? decode(secret?.data?.[AUTH_KEYS.token]),
    routePassword: decode(secret?.data?.[ROUTE_PASSWORD_KEY]),
  };
  const token = found.token || generateToken();
  const routePassword = found.routePassword || generateToken();
  if (!isUsable(token)) return { unusable: AUTH_KEYS.token };
  if (!isUsable(routePassword)) return { unusable: ROUTE_PASSWORD_KEY };
  return { token, routePassword, generated: !found.token || !found.routePassword };
}

/** Changes with the credentials, and reveals nothing of them. */
export function credentialsChecksum({ token, routePassword }: Pick<Credentials, 'token' | 'routePassword'>): string {
  return checksum(`${token}\n${routePassword}`);
}
