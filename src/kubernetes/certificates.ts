import { createPrivateKey, X509Certificate } from 'node:crypto';
import { timestamp } from '../metacontroller/conditions.ts';

/** The certificates of a PEM text in their order, or why one can't be read; other blocks are skipped. */
export function readCertificates(pem: string): (X509Certificate | Error)[] {
  return pem
    .split(/(?<=^|\n)(?=-----BEGIN )/)
    .filter((block) => block.startsWith('-----BEGIN CERTIFICATE-----'))
    .map((block) => {
      if (block.includes('-----BEGIN ', 1)) return new Error('two blocks stand on one line');
      try {
        return new X509Certificate(block);
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    });
}

/**
 * Whether a private key in PEM is that of a certificate.
 * @throws Error when it is no private key, or has a passphrase
 */
export function isKeyOf(key: string, certificate: X509Certificate): boolean {
  return certificate.checkPrivateKey(createPrivateKey(key));
}

/** Why clients refuse a certificate, as words that go on after "it is refused:", and what to do about it. */
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
  return untrusted(server, intermediates, authorities, now);
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

const [ANY_USAGE, SERVER_AUTH] = ['2.5.29.37.0', '1.3.6.1.5.5.7.3.1'];

function notForServers({ keyUsage = [] }: X509Certificate, called: string): CertificateProblem | undefined {
  if (keyUsage.length === 0 || keyUsage.some((usage) => usage === ANY_USAGE || usage === SERVER_AUTH)) return undefined;
  const message = `the extended key usage of ${called} lacks server auth. Have it issued with that usage.`;
  return { reason: 'NotForServers', message };
}

const MIN_RSA_BITS = 1024;
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

function keyRefused({ publicKey }: X509Certificate, called: string): CertificateProblem | undefined {
  const { modulusLength = MIN_RSA_BITS, namedCurve = 'prime256v1' } = publicKey.asymmetricKeyDetails ?? {};
  if (modulusLength >= MIN_RSA_BITS && CURVES.includes(namedCurve)) return undefined;
  const message = `the key of ${called} is too short, or of another curve than P-256, P-384 and P-521. Use RSA with 2048 bits, or one of these.`;
  return { reason: 'KeyRefused', message };
}

/** Follows the issuers of a certificate to an authority, each by the first certificate of its that clients accept. */
function untrusted(
  server: X509Certificate,
  intermediates: X509Certificate[],
  authorities: X509Certificate[],
  now: Date,
): CertificateProblem | undefined {
  const left = [...authorities, ...intermediates];
  let current = server;
  while (!authorities.some(({ raw }) => raw.equals(current.raw))) {
    const issuers = left.filter((each) => current.checkIssued(each) && current.verify(each.publicKey));
    const judged = issuers.map((issuer) => ({ issuer, problem: issuerProblem(issuer, authorities, now) }));
    const next = judged.find(({ problem }) => !problem) ?? judged[0];
    if (!next) {
      const message =
        'no authority in ca.crt has issued it, nor by way of the other certificates in tls.crt. Put the authority that has into ca.crt, and intermediate authorities into tls.crt behind the certificate.';
      return { reason: 'UnknownAuthority', message };
    }
    if (next.problem) return next.problem;
    left.splice(left.indexOf(next.issuer), 1);
    current = next.issuer;
  }
  return undefined;
}

function issuerProblem(
  issuer: X509Certificate,
  authorities: X509Certificate[],
  now: Date,
): CertificateProblem | undefined {
  const called = authorities.includes(issuer) ? 'its authority in ca.crt' : 'its intermediate authority in tls.crt';
  return (
    notAnAuthority(issuer, called) ??
    outOfDate(issuer, called, now) ??
    notForServers(issuer, called) ??
    keyRefused(issuer, called)
  );
}

function notAnAuthority({ ca }: X509Certificate, called: string): CertificateProblem | undefined {
  if (ca) return undefined;
  const message = `${called} is not an authority (basic constraints). Have it issued by one.`;
  return { reason: 'NotAnAuthority', message };
}
