import { createSecureContext } from 'node:tls';

/** What a server needs for TLS, in PEM. */
export interface ServerTls {
  cert: string;
  key: string;
  /** Authority whose certificates clients have to show; without it, none is asked for. */
  ca?: string;
  requestCert?: boolean;
  rejectUnauthorized?: boolean;
}

/**
 * Makes of the contents of certificate, key and, when it is asked for, authority of clients what a server needs.
 * @throws an Error of one line when one is missing or they do not belong together
 */
export function serverTls([cert, key, ca]: (string | undefined)[], mutual: boolean): ServerTls {
  if (cert === undefined) throw new Error('TLS_CERT_FILE does not exist');
  if (key === undefined) throw new Error('TLS_KEY_FILE does not exist');
  if (mutual && !ca?.includes('-----BEGIN CERTIFICATE-----')) {
    throw new Error('TLS_CLIENT_CA_FILE does not exist or holds no certificate');
  }
  const tls = { cert, key, ...(mutual && ca && { ca, requestCert: true, rejectUnauthorized: true }) };
  try {
    createSecureContext(tls);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`TLS_CERT_FILE and TLS_KEY_FILE do not go together: ${reason}`);
  }
  return tls;
}
