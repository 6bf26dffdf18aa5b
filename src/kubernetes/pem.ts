import { createPrivateKey, X509Certificate } from 'node:crypto';

/** A certificate of a PEM text, or why it can't be read. */
export type PemCertificate =
  | { x509: X509Certificate }
  | {
      /** A block that is no PEM is passed over by Go's clients and servers; one that holds no certificate is sent. */
      broken: 'pem' | 'der';
      message: string;
    };

/** The certificates of a PEM text in their order. Other blocks, and what stands between them, are passed over. */
export function readCertificates(pem: string): PemCertificate[] {
  return pem
    .split(/(?<=^|\n)(?=-----BEGIN )/)
    .filter((block) => block.startsWith('-----BEGIN CERTIFICATE-----'))
    .map(readBlock);
}

/** As Go's encoding/pem has it: nothing else on the lines of BEGIN and END, and base64 without a gap between them. */
const BLOCK = /^-----BEGIN CERTIFICATE-----[ \t]*\r?\n([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----[ \t]*\r?(\n|$)/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function readBlock(block: string): PemCertificate {
  const base64 = BLOCK.exec(block)?.[1]?.replace(/\s/g, '') ?? '';
  if (!BASE64.test(base64)) return { broken: 'pem', message: 'it is cut off, or its base64 is damaged' };
  try {
    return { x509: new X509Certificate(Buffer.from(base64, 'base64')) };
  } catch (error) {
    return { broken: 'der', message: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Whether a private key in PEM is that of a certificate.
 * @throws Error when it is no private key, or has a passphrase
 */
export function isKeyOf(key: string, certificate: X509Certificate): boolean {
  return certificate.checkPrivateKey(createPrivateKey(key));
}
