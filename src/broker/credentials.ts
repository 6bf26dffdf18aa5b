import { checksum } from '../kubernetes/checksum.ts';
import { decode } from '../kubernetes/secrets.ts';
import type { ObservedSecret } from '../metacontroller/observed.ts';

/** What the auth Secret holds. */
export interface Credentials {
  /** What clients present to connect. */
  token: string;
  /** What the servers of one broker present to each other. */
  routePassword: string;
}

/** Key of the token in the auth Secret; Meshery Server reads it by this name. */
export const TOKEN_KEY = 'token';

/** Key of the route password in the auth Secret. */
export const ROUTE_PASSWORD_KEY = 'route-password';

/** Whether a credential can be used as it is: not empty and without characters that a URL or nats.conf reads otherwise. */
export function isUsable(credential: string): boolean {
  return SAFE.test(credential);
}

/**
 * Characters that stand for themselves in the user part of a URL (RFC 3986, unreserved) and in a quoted string of
 * nats.conf, which is where credentials go.
 */
const SAFE = /^[A-Za-z0-9._~-]+$/;

/**
 * The credentials of a broker: those of its Secret, and new ones only for what the Secret lacks. So they are made once,
 * and deleting the Secret, or a key of it, rotates them.
 * @param given the token of a Secret of the user's, which goes before the one that was made
 * @param mint makes a random string of unreserved characters
 * @returns the credentials, or the key of the Secret whose value can't be used
 */
export function resolveCredentials(
  secret: ObservedSecret | undefined,
  given: string | undefined,
  mint: () => string,
): Credentials | { unusable: string } {
  const token = given ?? (decode(secret?.data?.[TOKEN_KEY]) || mint());
  const routePassword = decode(secret?.data?.[ROUTE_PASSWORD_KEY]) || mint();
  if (!isUsable(token)) return { unusable: TOKEN_KEY };
  if (!isUsable(routePassword)) return { unusable: ROUTE_PASSWORD_KEY };
  return { token, routePassword };
}

/** Changes with the credentials, and tells nothing of them. */
export function credentialsChecksum({ token, routePassword }: Credentials): string {
  return checksum(`${token}\n${routePassword}`);
}
