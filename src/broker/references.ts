import { type CertificateProblem, certificateProblem } from '../kubernetes/certificates.ts';
import { isKeyOf, readCertificates } from '../kubernetes/pem.ts';
import { readSecretKey, type SecretProblem } from '../kubernetes/secrets.ts';
import type { ObservedSecret } from '../metacontroller/observed.ts';
import { isUsable } from './credentials.ts';
import { brokerHost } from './nats.ts';
import type { Broker } from './spec.ts';

/** Keys of a TLS Secret, as Kubernetes and cert-manager call them. */
export const TLS_KEYS = { certificate: 'tls.crt', key: 'tls.key', ca: 'ca.crt' } as const;

/** What a Broker takes from Secrets of the user's. */
export interface References {
  token?: string;
  /** The certificates that clients have to trust, in PEM, if the Secret names them. */
  ca?: string;
  /** Why clients in the cluster refuse the certificate; `undefined` where they take it, and without TLS. */
  certificateProblem?: CertificateProblem;
}

/**
 * Reads the Secrets that a Broker refers to. Customize asks for them by name, so they are seen as soon as they are there.
 * A certificate that NATS would refuse is refused here, where running servers keep the one that they have.
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
    const token = readSecretKey({ path, kind: 'Broker', namespace, secrets }, { name, key });
    if ('problem' in token) return token.problem;
    if (!isUsable(token.value)) {
      return invalid(path, name, `key ${key} may hold only letters, digits and .-_~, not even a line break at its end`);
    }
    references.token = token.value;
  }
  if (tls) {
    const path = 'spec.tls.secretName';
    const { secretName: name, verify } = tls;
    const read = (key: string) => readSecretKey({ path, kind: 'Broker', namespace, secrets }, { name, key });
    const [certificate, key, authority] = [read(TLS_KEYS.certificate), read(TLS_KEYS.key), read(TLS_KEYS.ca)];
    if ('problem' in certificate) return certificate.problem;
    if ('problem' in key) return key.problem;
    if ('problem' in authority && verify) return authority.problem;
    const ca = 'problem' in authority ? undefined : authority.value;
    const broken = unusable(certificate.value, key.value, ca);
    if (broken) return invalid(path, name, broken);
    if (ca) references.ca = ca;
    const host = brokerHost(broker.names.nats, namespace);
    const problem = certificateProblem({ certificate: certificate.value, ca, host, now });
    if (problem) references.certificateProblem = problem;
  }
  return references;
}

/** Why NATS would not start with a certificate, or would not know its authority. */
function unusable(certificate: string, key: string, ca: string | undefined): string | undefined {
  const [first] = readCertificates(certificate);
  if (!first || 'broken' in first) return `${TLS_KEYS.certificate} is not a certificate in PEM`;
  try {
    if (!isKeyOf(key, first.x509)) return `${TLS_KEYS.key} is not the key of ${TLS_KEYS.certificate}`;
  } catch {
    return `${TLS_KEYS.key} is not a private key in PEM without a passphrase`;
  }
  if (ca === undefined) return undefined;
  const [authority] = readCertificates(ca);
  return !authority || 'broken' in authority ? `${TLS_KEYS.ca} is not a certificate in PEM` : undefined;
}

function invalid(path: string, name: string, what: string): SecretProblem {
  const message = `${path}: in Secret ${name}, ${what}. Correct it. Everything that exists stays as it is until then.`;
  return { reason: 'SecretInvalid', message };
}
