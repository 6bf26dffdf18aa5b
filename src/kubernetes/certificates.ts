import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { timestamp } from '../metacontroller/conditions.ts';

/** The certificates of a PEM text in their order, or why one can't be read; other blocks are skipped. */
export function readCertificates(pem: string): (X509Certificate | Error)[] {
  return pem
    .split(/(?<=^|\n)(?=-----BEGIN )/)
    .filter((block) => block.startsWith('-----BEGIN CERTIFICATE-----'))
    .map((block) => {
      if (block.includes('-----BEGIN ', 1)) return new Error('two PEM blocks are on one line');
      try {
        const certificate = new X509Certificate(block);
        return hasDates(certificate) ? certificate : new Error('its dates are invalid');
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    });
}

function hasDates({ validFrom, validTo }: X509Certificate): boolean {
  return !Number.isNaN(Date.parse(validFrom)) && !Number.isNaN(Date.parse(validTo));
}

/**
 * Whether a private key in PEM is that of a certificate.
 * @throws Error when it is no private key, or has a passphrase
 */
export function isKeyOf(key: string, certificate: X509Certificate): boolean {
  return certificate.checkPrivateKey(createPrivateKey(key));
}

/** Why clients refuse a certificate, and what to do about it; the message continues a sentence. */
export interface CertificateProblem {
  reason:
    | 'Expired'
    | 'NotYetValid'
    | 'NameMissing'
    | 'NotForServers'
    | 'KeyRefused'
    | 'NotAnAuthority'
    | 'UnknownAuthority';
  message: string;
}

/** A server's certificate, and who checks it. */
export interface CertificateUse {
  /** What the server sends: its certificate, then those that lead to an authority. */
  chain: X509Certificate[];
  /** The authorities that the client trusts; none for those of its system, of which nothing is known. */
  authorities: X509Certificate[];
  /** The DNS name by which the client connects, in lower case. */
  host: string;
  now: Date;
}

/**
 * Why a client that is written in Go refuses a server's certificate, as far as Node can tell; `undefined` when it accepts it.
 * Go's crypto/tls ignores the common name.
 */
export function certificateProblem({ chain, authorities, host, now }: CertificateUse): CertificateProblem | undefined {
  const [server, ...intermediates] = chain;
  if (!server) return undefined;
  const own =
    outOfDate(server, 'it', now) ??
    nameMissing(server, host) ??
    notForServers(server, 'it') ??
    keyRefused(server, 'it');
  if (own || authorities.length === 0) return own;
  return untrusted(server, { intermediates, authorities, now, checksLeft: MAX_SIGNATURE_CHECKS });
}

/** How long before its end a certificate is reported to expire soon: cert-manager renews earlier by default. */
const SOON_MS = 30 * 24 * 3_600_000;

/** Which certificate makes a client refuse within 30 days what it accepts now, and what to do about it. */
export function expiresSoon(use: CertificateUse): string | undefined {
  const problem = certificateProblem({ ...use, now: new Date(use.now.getTime() + SOON_MS) });
  return problem?.reason === 'Expired' ? problem.message.replace(' expired at ', ' expires at ') : undefined;
}

function outOfDate({ validFrom, validTo }: X509Certificate, called: string, now: Date): CertificateProblem | undefined {
  const [from, to] = [new Date(validFrom), new Date(validTo)];
  if (now > to) return { reason: 'Expired', message: `${called} expired at ${timestamp(to)}. Renew it.` };
  if (now >= from) return undefined;
  const message = `${called} is not valid before ${timestamp(from)}. Wait until then, or use another one.`;
  return { reason: 'NotYetValid', message };
}

function nameMissing(certificate: X509Certificate, host: string): CertificateProblem | undefined {
  const covers = (subject: 'never' | 'always') =>
    certificate.checkHost(host, { subject, partialWildcards: false }) !== undefined;
  if (covers('never')) return undefined;
  const what = covers('always')
    ? 'the name by which they connect is only its common name, which they ignore.'
    : 'it is not valid for the name by which they connect.';
  return { reason: 'NameMissing', message: `${what} Add ${host} to its DNS names (subject alternative names).` };
}

const [ANY_USAGE, SERVER_AUTH, CLIENT_AUTH] = ['2.5.29.37.0', '1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];

function notForServers({ keyUsage = [] }: X509Certificate, called: string): CertificateProblem | undefined {
  if (keyUsage.length === 0 || keyUsage.some((usage) => usage === ANY_USAGE || usage === SERVER_AUTH)) return undefined;
  const message = `the extended key usage of ${called} lacks server auth. Have it issued with that usage.`;
  return { reason: 'NotForServers', message };
}

/** Why servers refuse a certificate of a client. */
export function notForClients([client]: X509Certificate[]): CertificateProblem | undefined {
  const { keyUsage = [] } = client ?? {};
  if (keyUsage.length === 0 || keyUsage.some((usage) => usage === ANY_USAGE || usage === CLIENT_AUTH)) return undefined;
  const message = 'the extended key usage of it lacks client auth. Have it issued with that usage.';
  return { reason: 'NotForServers', message };
}

const MIN_RSA_BITS = 1024;
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

/** The keys that Go's crypto/tls accepts. */
function keyRefused(certificate: X509Certificate, called: string): CertificateProblem | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails = {} } = publicKeyOf(certificate) ?? {};
  const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails;
  if (
    type === 'rsa' ? modulusLength >= MIN_RSA_BITS : type === 'ec' ? CURVES.includes(namedCurve) : type === 'ed25519'
  ) {
    return undefined;
  }
  const message = `the key of ${called === 'it' ? 'the certificate' : called} is of a type or size that they do not accept. Use RSA with at least 2048 bits, ECDSA with P-256, P-384 or P-521, or Ed25519.`;
  return { reason: 'KeyRefused', message };
}

/** `undefined` when OpenSSL does not know the type of the key. */
function publicKeyOf(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey;
  } catch {
    return undefined;
  }
}

/** Most signatures that are verified for one certificate, as in Go: a Secret with very many must not hold up the service. */
const MAX_SIGNATURE_CHECKS = 100;

/** Where a chain may lead. */
interface Candidates {
  intermediates: X509Certificate[];
  authorities: X509Certificate[];
  now: Date;
  checksLeft: number;
}

/** Follows the issuers of a certificate to an authority; the first problem when no chain is accepted. */
function untrusted(certificate: X509Certificate, candidates: Candidates): CertificateProblem | undefined {
  const { intermediates, authorities, now } = candidates;
  if (authorities.some(({ raw }) => raw.equals(certificate.raw))) return undefined;
  let first: CertificateProblem | undefined;
  for (const issuer of [...authorities, ...intermediates]) {
    if (candidates.checksLeft <= 0) break;
    if (issuer.raw.equals(certificate.raw) || !certificate.checkIssued(issuer)) continue;
    candidates.checksLeft -= 1;
    const key = publicKeyOf(issuer);
    if (!key || !certificate.verify(key)) continue;
    const problem = issuerProblem(issuer, authorities, now) ?? untrusted(issuer, candidates);
    if (!problem) return undefined;
    first ??= problem;
  }
  const message =
    'its chain does not lead to a CA in ca.crt. Add the issuing CA to ca.crt, and intermediate CAs to tls.crt after the certificate.';
  return first ?? { reason: 'UnknownAuthority', message };
}

function issuerProblem(
  issuer: X509Certificate,
  authorities: X509Certificate[],
  now: Date,
): CertificateProblem | undefined {
  const called = authorities.includes(issuer) ? 'its CA in ca.crt' : 'its intermediate CA in tls.crt';
  return (
    notAnAuthority(issuer, called) ??
    outOfDate(issuer, called, now) ??
    notForServers(issuer, called) ??
    keyRefused(issuer, called)
  );
}

function notAnAuthority({ ca }: X509Certificate, called: string): CertificateProblem | undefined {
  if (ca) return undefined;
  const message = `${called} is not a CA (basic constraints). Have the certificate issued by one.`;
  return { reason: 'NotAnAuthority', message };
}
