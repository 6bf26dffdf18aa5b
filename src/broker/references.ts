import type { X509Certificate } from 'node:crypto';
import {
  type CertificateProblem,
  type CertificateUse,
  certificateProblem,
  expiresSoon,
  isKeyOf,
  readCertificates,
} from '../kubernetes/certificates.ts';
import type { ObservedSecret } from '../kubernetes/kinds.ts';
import { readSecretKey, type SecretMessages, type SecretProblem, TLS_KEYS } from '../kubernetes/secrets.ts';
import { brokerHost, isUsable } from './contract.ts';
import type { Broker } from './spec.ts';

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
  const { tokenSecretRef, tls, namespace } = broker;
  const references: References = {};
  if (tokenSecretRef) {
    const { name, key } = tokenSecretRef;
    const path = 'spec.auth.tokenSecretRef';
    const token = readSecretKey({ path, messages, namespace, secrets }, { name, key });
    if ('problem' in token) return token.problem;
    if (!isUsable(token.value)) {
      return invalid(
        path,
        name,
        `key ${key} may contain only letters, digits and .-_~, without a line break at its end`,
      );
    }
    references.token = token.value;
  }
  if (tls) {
    const path = 'spec.tls.secretName';
    const { secretName: name, verify } = tls;
    const read = (key: string) => readSecretKey({ path, messages, namespace, secrets }, { name, key });
    const [certificate, key, authority] = [read(TLS_KEYS.certificate), read(TLS_KEYS.key), read(TLS_KEYS.ca)];
    if ('problem' in certificate) return certificate.problem;
    if ('problem' in key) return key.problem;
    if ('problem' in authority && verify) return authority.problem;
    const ca = 'problem' in authority ? undefined : authority.value;
    const certificates = parse(certificate.value, key.value, ca);
    if (typeof certificates === 'string') return invalid(path, name, certificates);
    if (ca) references.ca = ca;
    const host = brokerHost(broker.names.nats, namespace);
    const problem = certificateProblem({ ...certificates, host, now });
    const expiry = problem ? undefined : expiresSoon({ ...certificates, host, now });
    if (problem) references.certificateProblem = problem;
    if (expiry) references.certificateExpiry = expiry;
  }
  return references;
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

function invalid(path: string, name: string, what: string): SecretProblem {
  const message = `${path}: in Secret ${name}, ${what}. Correct it. Existing children are left unchanged until then.`;
  return { reason: 'SecretInvalid', message };
}
