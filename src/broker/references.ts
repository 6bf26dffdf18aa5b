import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { ObservedSecret } from '../kubernetes/kinds.ts';
import { brokerHost } from './contract.ts';
import { decode, isUsable } from './credentials.ts';
import type { Broker } from './spec.ts';

/** Keys of a TLS Secret in Kubernetes and cert-manager. */
export const TLS_KEYS = { certificate: 'tls.crt', key: 'tls.key', ca: 'ca.crt' } as const;

/** Values from the Secrets that a Broker refers to. */
export interface References {
  token?: string;
  /** The CA certificates that clients must trust, in PEM, if the Secret has them. */
  ca?: string;
  /** Whether the certificate is valid for the DNS name that clients in the cluster connect to; `undefined` without TLS. */
  coversService?: boolean;
}

/** Why a Secret can't be used, and what to do about it. Never contains its values. */
export interface ReferenceProblem {
  reason: 'SecretNotFound' | 'SecretKeyMissing' | 'SecretInvalid';
  message: string;
}

/**
 * Reads the Secrets that a Broker refers to. Customize requests them by name, so a sync follows as soon as they exist.
 * A certificate that NATS would reject is rejected here, so that running servers keep the one that they have.
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
      return invalid(
        path,
        name,
        `key ${key} may contain only letters, digits and .-_~, without a line break at its end`,
      );
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

/** The certificate, or its error. */
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

const UNCHANGED = 'Existing children are left unchanged until then.';

function notFound(path: string, name: string): ReferenceProblem {
  return {
    reason: 'SecretNotFound',
    message: `${path}: Secret ${name} does not exist in the namespace of the Broker. It is used as soon as it exists. ${UNCHANGED}`,
  };
}

function keyMissing(path: string, name: string, key: string): ReferenceProblem {
  return {
    reason: 'SecretKeyMissing',
    message: `${path}: Secret ${name} has no key ${key}. It is used as soon as the key exists. ${UNCHANGED}`,
  };
}

function invalid(path: string, name: string, what: string): ReferenceProblem {
  return { reason: 'SecretInvalid', message: `${path}: in Secret ${name}, ${what}. Correct it. ${UNCHANGED}` };
}
