import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { ObservedSecret } from '../kubernetes/kinds.ts';
import { brokerHost } from './contract.ts';
import { decode, isUsable } from './credentials.ts';
import type { Broker } from './spec.ts';

/** Keys of a TLS Secret, as Kubernetes and cert-manager call them. */
export const TLS_KEYS = { certificate: 'tls.crt', key: 'tls.key', ca: 'ca.crt' } as const;

/** What a Broker takes from Secrets of the user's. */
export interface References {
  token?: string;
  /** The certificates that clients have to trust, in PEM, if the Secret names them. */
  ca?: string;
  /** Whether the certificate is good for the name by which clients in the cluster connect; `undefined` without TLS. */
  coversService?: boolean;
}

/** Why a Secret can't be used, and what to do about it. Never says what is in it. */
export interface ReferenceProblem {
  reason: 'SecretNotFound' | 'SecretKeyMissing' | 'SecretInvalid';
  message: string;
}

/**
 * Reads the Secrets that a Broker refers to. Customize asks for them by name, so they are seen as soon as they are there.
 * A certificate that NATS would refuse is refused here, where running servers keep the one that they have.
 */
export function resolveReferences(
  broker: Broker,
  secrets: Record<string, ObservedSecret> | undefined,
): References | ReferenceProblem {
  const { tokenSecretRef, tls, namespace } = broker;
  const references: References = {};
  if (tokenSecretRef) {
    const { name, key } = tokenSecretRef;
    const path = 'spec.auth.tokenSecretRef';
    const secret = secrets?.[`${namespace}/${name}`];
    if (!secret) return notFound(path, name);
    const token = decode(secret.data?.[key]);
    if (!token) return keyMissing(path, name, key);
    if (!isUsable(token)) {
      return invalid(path, name, `key ${key} may hold only letters, digits and .-_~, not even a line break at its end`);
    }
    references.token = token;
  }
  if (tls) {
    const path = 'spec.tls.secretName';
    const secret = secrets?.[`${namespace}/${tls.secretName}`];
    if (!secret) return notFound(path, tls.secretName);
    const [certificate, key, ca] = Object.values(TLS_KEYS).map((name) => decode(secret.data?.[name]));
    if (!certificate) return keyMissing(path, tls.secretName, TLS_KEYS.certificate);
    if (!key) return keyMissing(path, tls.secretName, TLS_KEYS.key);
    if (!ca && tls.verify) return keyMissing(path, tls.secretName, TLS_KEYS.ca);
    const parsed = parse(certificate, key, ca);
    if (typeof parsed === 'string') return invalid(path, tls.secretName, parsed);
    if (ca) references.ca = ca;
    references.coversService = parsed.checkHost(brokerHost(broker.names.nats, namespace)) !== undefined;
  }
  return references;
}

/** The certificate, or what is wrong with it. */
function parse(certificate: string, key: string, ca: string | undefined): X509Certificate | string {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch {
    return `${TLS_KEYS.certificate} is not a certificate in PEM`;
  }
  try {
    if (!parsed.checkPrivateKey(createPrivateKey(key)))
      return `${TLS_KEYS.key} is not the key of ${TLS_KEYS.certificate}`;
  } catch {
    return `${TLS_KEYS.key} is not a private key in PEM without a passphrase`;
  }
  try {
    if (ca) new X509Certificate(ca);
  } catch {
    return `${TLS_KEYS.ca} is not a certificate in PEM`;
  }
  return parsed;
}

const STAYS = 'Everything that exists stays as it is until then.';

function notFound(path: string, name: string): ReferenceProblem {
  return {
    reason: 'SecretNotFound',
    message: `${path}: there is no Secret ${name} in the namespace of the Broker. It is taken up as soon as it is there. ${STAYS}`,
  };
}

function keyMissing(path: string, name: string, key: string): ReferenceProblem {
  return {
    reason: 'SecretKeyMissing',
    message: `${path}: Secret ${name} has no ${key}. It is taken up as soon as it has. ${STAYS}`,
  };
}

function invalid(path: string, name: string, what: string): ReferenceProblem {
  return { reason: 'SecretInvalid', message: `${path}: in Secret ${name}, ${what}. Correct it. ${STAYS}` };
}
