import type { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { isKeyOf, readCertificates } from '../kubernetes/certificates.ts';

/** TLS options of a server, in PEM. */
export interface ServerTls {
  cert: string;
  key: string;
  /** Client CA; without it, client certificates are not requested. */
  ca?: string;
  requestCert?: boolean;
  rejectUnauthorized?: boolean;
  /** Part of this, since a new secure context inherits nothing from the previous one. */
  minVersion: 'TLSv1.3';
}

/**
 * Builds the TLS options of a server from the contents of certificate, key and, for mutual TLS, client CA.
 * @throws an Error of one line when one is missing or invalid, or does not match the others
 */
export function serverTls([cert, key, ca]: (string | undefined)[], mutual: boolean): ServerTls {
  const [certificate] = certificates('TLS_CERT_FILE', cert);
  if (key === undefined) throw new Error('TLS_KEY_FILE does not exist');
  const matches = attempt('TLS_KEY_FILE contains no private key', () => certificate && isKeyOf(key, certificate));
  if (!matches) throw new Error('TLS_CERT_FILE and TLS_KEY_FILE do not match');
  if (mutual) certificates('TLS_CLIENT_CA_FILE', ca);
  const tls: ServerTls = {
    ...{ cert: cert ?? '', key, minVersion: 'TLSv1.3' },
    ...(mutual && ca && { ca, requestCert: true, rejectUnauthorized: true }),
  };
  attempt('TLS_CERT_FILE can not be used', () => createSecureContext(tls));
  return tls;
}

/** The certificates of a file, all of them validated: OpenSSL would silently skip a truncated one. */
function certificates(variable: string, pem: string | undefined): X509Certificate[] {
  if (pem === undefined) throw new Error(`${variable} does not exist`);
  const certificates = readCertificates(pem);
  if (certificates.length === 0) throw new Error(`${variable} contains no certificate`);
  return certificates.map((each) => {
    if (each instanceof Error) throw new Error(`${variable} contains an invalid certificate: ${each.message}`);
    return each;
  });
}

function attempt<Value>(problem: string, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    throw new Error(`${problem}: ${error instanceof Error ? error.message : error}`);
  }
}
