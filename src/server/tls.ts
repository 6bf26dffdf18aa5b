import type { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { isKeyOf, readCertificates } from '../kubernetes/certificates.ts';

/** What a server needs for TLS, in PEM. */
export interface ServerTls {
  cert: string;
  key: string;
  /** Authority whose certificates clients have to show; without it, none is asked for. */
  ca?: string;
  requestCert?: boolean;
  rejectUnauthorized?: boolean;
  /** Here, since a context that takes the place of another takes nothing over from it. */
  minVersion: 'TLSv1.3';
}

/**
 * Makes of the contents of certificate, key and, when it is asked for, authority of clients what a server needs.
 * @throws an Error of one line when one is missing, broken, or does not belong to the others
 */
export function serverTls([cert, key, ca]: (string | undefined)[], mutual: boolean): ServerTls {
  const [certificate] = certificates('TLS_CERT_FILE', cert);
  if (key === undefined) throw new Error('TLS_KEY_FILE does not exist');
  const fits = attempt('TLS_KEY_FILE holds no private key', () => certificate && isKeyOf(key, certificate));
  if (!fits) throw new Error('TLS_CERT_FILE and TLS_KEY_FILE do not go together');
  if (mutual) certificates('TLS_CLIENT_CA_FILE', ca);
  const tls: ServerTls = {
    ...{ cert: cert ?? '', key, minVersion: 'TLSv1.3' },
    ...(mutual && ca && { ca, requestCert: true, rejectUnauthorized: true }),
  };
  attempt('TLS_CERT_FILE can not be used', () => createSecureContext(tls));
  return tls;
}

/** The certificates of a file, each of them whole: OpenSSL would skip one that is cut off. */
function certificates(variable: string, pem: string | undefined): X509Certificate[] {
  if (pem === undefined) throw new Error(`${variable} does not exist`);
  const certificates = readCertificates(pem);
  if (certificates.length === 0) throw new Error(`${variable} holds no certificate`);
  return certificates.map((each) => {
    if (each instanceof Error) throw new Error(`${variable} holds a broken certificate: ${each.message}`);
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
