import type { KeyObject } from 'node:crypto';
import { timestamp } from '../metacontroller/context.ts';
import { type PemCertificate, readCertificates } from './pem.ts';
import { type CertificateFields, certificateFields } from './x509.ts';

/** Why a client refuses a certificate, as words that go on after "it is refused:", and what to do about it. */
export interface CertificateProblem {
  reason:
    | 'Expired'
    | 'NotYetValid'
    | 'NameMissing'
    | 'NotForServers'
    | 'KeyRefused'
    | 'SignatureRefused'
    | 'ExtensionUnknown'
    | 'CertificateBroken'
    | 'NotAnAuthority'
    | 'NameNotPermitted'
    | 'UnknownAuthority';
  message: string;
}

/** A server's certificate, and who looks at it. */
export interface CertificateUse {
  /** What the server sends, in PEM: its certificate, then those that lead to an authority. */
  certificate: string;
  /** The authorities that the client trusts, in PEM; `undefined` for those of its system, of which nothing is known. */
  ca: string | undefined;
  /** The DNS name by which the client connects, in lower case. */
  host: string;
  now: Date;
}

/**
 * Why a client that is written in Go refuses a server's certificate, `undefined` when it takes it; as crypto/x509 and
 * crypto/tls of Go have it, which do not look at the common name.
 */
export function certificateProblem({ certificate, ca, host, now }: CertificateUse): CertificateProblem | undefined {
  const chain = readCertificates(certificate).flatMap((each, index) => {
    // What is no PEM is not even sent.
    if ('broken' in each && each.broken === 'pem') return [];
    return readable(each, index === 0 ? 'it' : `certificate ${index + 1} of tls.crt`);
  });
  const broken = chain.find((each) => 'reason' in each);
  if (broken) return broken;
  const [server, ...intermediates] = chain.filter(isCertificate);
  if (!server) return { reason: 'CertificateBroken', message: 'it can not be read. Replace it.' };
  const own =
    outOfDate(server, now) ??
    nameMissing(server, host) ??
    notForServers(server) ??
    keyRefused(server) ??
    tooLong(intermediates) ??
    extensionUnknown(server);
  if (own || ca === undefined) return own;
  const authorities = readCertificates(ca)
    .map((each, index) => readable(each, `certificate ${index + 1} of ca.crt`))
    .filter(isCertificate);
  return untrusted(server, intermediates, authorities, now);
}

/** A certificate by the name that messages have for it. */
interface Certificate extends CertificateFields {
  called: string;
  /** `undefined` when OpenSSL does not know its kind. */
  key: KeyObject | undefined;
  usages: string[];
  raw: Buffer;
  isSignedBy: (key: KeyObject) => boolean;
}

function isCertificate(value: Certificate | CertificateProblem): value is Certificate {
  return 'called' in value;
}

function readable(given: PemCertificate, called: string): Certificate | CertificateProblem {
  if ('x509' in given) {
    const { x509 } = given;
    try {
      const fields = certificateFields(x509);
      const key = attempt(() => x509.publicKey);
      const isSignedBy = (by: KeyObject) => attempt(() => x509.verify(by)) ?? false;
      return { ...fields, called, key, usages: x509.keyUsage ?? [], raw: x509.raw, isSignedBy };
    } catch {
      // Said below.
    }
  }
  return { reason: 'CertificateBroken', message: `${called} can not be read. Replace it.` };
}

function attempt<Value>(work: () => Value): Value | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function outOfDate({ called, notBefore, notAfter }: Certificate, now: Date): CertificateProblem | undefined {
  if (now > notAfter) return { reason: 'Expired', message: `${called} expired at ${timestamp(notAfter)}. Renew it.` };
  if (now >= notBefore) return undefined;
  const message = `${called} is not valid before ${timestamp(notBefore)}. Wait until then, or use another one.`;
  return { reason: 'NotYetValid', message };
}

function nameMissing({ names, commonName }: Certificate, host: string): CertificateProblem | undefined {
  if (names?.dns.some((pattern) => matches(pattern, host))) return undefined;
  const message = matches(commonName, host)
    ? 'the name by which they connect is only its common name, which they do not look at.'
    : 'it is not good for the name by which they connect.';
  return { reason: 'NameMissing', message: `${message} Add ${host} to its DNS names (subject alternative names).` };
}

/** A `*` stands for the whole of the first label, and for no more. */
function matches(name: string, host: string): boolean {
  const pattern = name.toLowerCase();
  return pattern === host || (pattern.startsWith('*.') && pattern.slice(1) === host.slice(host.indexOf('.')));
}

const [ANY_USAGE, SERVER_AUTH] = ['2.5.29.37.0', '1.3.6.1.5.5.7.3.1'];

function notForServers({ called, usages }: Certificate): CertificateProblem | undefined {
  if (usages.length === 0 || usages.some((usage) => usage === ANY_USAGE || usage === SERVER_AUTH)) return undefined;
  return {
    reason: 'NotForServers',
    message: `${called} is not for servers: its extended key usage lacks server auth. Have it issued with that usage.`,
  };
}

const [SMALLEST_RSA, GREATEST_RSA] = [1024, 8192];
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];

function keyRefused({ called, key }: Certificate): CertificateProblem | undefined {
  const { modulusLength = 0, namedCurve = '' } = key?.asymmetricKeyDetails ?? {};
  const type = key?.asymmetricKeyType;
  if (type === 'rsa' && modulusLength >= SMALLEST_RSA && modulusLength <= GREATEST_RSA) return undefined;
  if (type === 'ed25519' || (type === 'ec' && CURVES.includes(namedCurve))) return undefined;
  return refusedKey(called);
}

/** Great RSA keys are refused in whatever is sent, even if nothing comes of it. */
function tooLong(intermediates: Certificate[]): CertificateProblem | undefined {
  const found = intermediates.find(({ key }) => (key?.asymmetricKeyDetails?.modulusLength ?? 0) > GREATEST_RSA);
  return found && refusedKey(found.called);
}

function refusedKey(called: string): CertificateProblem {
  const message = `the key of ${called === 'it' ? 'the certificate' : called} is of a kind or a size that they do not take. Use RSA with 2048 to 8192 bits, ECDSA with P-256, P-384 or P-521, or Ed25519.`;
  return { reason: 'KeyRefused', message };
}

function extensionUnknown({ called, unknownCritical: [id] }: Certificate): CertificateProblem | undefined {
  if (id === undefined) return undefined;
  const message = `${called} has a critical extension that they can not read (${id}). Have it issued without, or not critical.`;
  return { reason: 'ExtensionUnknown', message };
}

/** Signature checks for one certificate, so that many authorities of one name take no time without end; Go's limit. */
const MOST_CHECKS = 100;

/** What keeps each way from a server's certificate to an authority from being taken; the first is as good as another. */
function untrusted(
  server: Certificate,
  intermediates: Certificate[],
  authorities: Certificate[],
  now: Date,
): CertificateProblem | undefined {
  if (authorities.some(({ raw }) => raw.equals(server.raw))) return undefined;
  let found: CertificateProblem | undefined;
  for (const way of ways([server], intermediates, authorities, { checks: MOST_CHECKS })) {
    const problem = way.slice(1).flatMap((_, index) => linkProblem(way, index + 1, now) ?? [])[0];
    if (!problem) return undefined;
    found ??= problem;
  }
  return (
    found ?? {
      reason: 'UnknownAuthority',
      message:
        'no authority in ca.crt has signed it, not by way of the other certificates in tls.crt either. Put the authority that has into ca.crt, and intermediate authorities into tls.crt behind the certificate.',
    }
  );
}

/** Chains that begin with the given one and end with an authority, each certificate signed by the next. */
function* ways(
  chain: Certificate[],
  intermediates: Certificate[],
  authorities: Certificate[],
  left: { checks: number },
): Generator<Certificate[]> {
  const last = chain.at(-1);
  if (!last) return;
  for (const next of [...authorities, ...intermediates]) {
    if (!next.key || !next.subject.equals(last.issuer) || chain.some((each) => isSame(each, next))) continue;
    if (left.checks === 0) return;
    left.checks -= 1;
    if (!last.isSignedBy(next.key)) continue;
    if (authorities.includes(next)) yield [...chain, next];
    else yield* ways([...chain, next], intermediates, authorities, left);
  }
}

/** Whether certificates are of one authority, which nothing is won by visiting twice. */
function isSame(left: Certificate, right: Certificate): boolean {
  const names = [left, right].map((each) => JSON.stringify(each.names));
  return left.subject.equals(right.subject) && left.publicKey.equals(right.publicKey) && names[0] === names[1];
}

/** What keeps a certificate of a chain from vouching for those before it. */
function linkProblem(chain: Certificate[], index: number, now: Date): CertificateProblem | undefined {
  const [server, signed, signer] = [chain[0], chain[index - 1], chain[index]];
  if (!server || !signed || !signer) return undefined;
  return (
    signatureRefused(signed) ??
    (isShort(signer) ? refusedKey(signer.called) : undefined) ??
    outOfDate(signer, now) ??
    notAnAuthority(signer, index - 1, index === chain.length - 1) ??
    notForServers(signer) ??
    extensionUnknown(signer) ??
    nameNotPermitted(signer, server)
  );
}

/** RSA, RSA-PSS, ECDSA and Ed25519 with SHA-2. */
const SIGNATURES = [
  ...['11', '12', '13', '10'].map((end) => `1.2.840.113549.1.1.${end}`),
  ...['2', '3', '4'].map((end) => `1.2.840.10045.4.3.${end}`),
  '1.3.101.112',
];

function signatureRefused({ called, signatureAlgorithm }: Certificate): CertificateProblem | undefined {
  if (SIGNATURES.includes(signatureAlgorithm)) return undefined;
  const message = `${called} is signed with SHA-1 or another algorithm that they do not take. Have it signed with SHA-256.`;
  return { reason: 'SignatureRefused', message };
}

function isShort({ key }: Certificate): boolean {
  const { modulusLength = SMALLEST_RSA } = key?.asymmetricKeyDetails ?? {};
  return modulusLength < SMALLEST_RSA;
}

/** @param before how many authorities stand between it and the server's certificate */
function notAnAuthority(signer: Certificate, before: number, trusted: boolean): CertificateProblem | undefined {
  const { called, version, basicConstraints, signsCertificates } = signer;
  // An authority that is trusted anyway may be older than the extension that says so.
  const isOne = basicConstraints ? basicConstraints.authority : trusted && version < 3;
  const { maxPathLength = before } = basicConstraints ?? {};
  if (isOne && signsCertificates !== false && before <= maxPathLength) return undefined;
  const message = `${called} has signed it, or what it is signed with, but may not (basic constraints and key usage). Use an authority.`;
  return { reason: 'NotAnAuthority', message };
}

function nameNotPermitted(
  { called, nameConstraints }: Certificate,
  { names }: Certificate,
): CertificateProblem | undefined {
  if (!nameConstraints || !names) return undefined;
  const { permitted, excluded } = nameConstraints;
  const allowed =
    names.dns.every((each) => {
      const name = each.toLowerCase();
      if (excluded.dns.some((domain) => isWithin(name, domain) || couldBe(name, domain))) return false;
      return permitted.dns.length === 0 || permitted.dns.some((domain) => isWithin(name, domain));
    }) &&
    names.ip.every((address) => {
      if (excluded.ip.some((network) => isInNetwork(address, network))) return false;
      return permitted.ip.length === 0 || permitted.ip.some((network) => isInNetwork(address, network));
    });
  if (allowed) return undefined;
  const message = `${called} may not sign all of its names (name constraints). Leave the others out of it, or use another authority.`;
  return { reason: 'NameNotPermitted', message };
}

/** A dot before a domain leaves out the domain itself. */
function isWithin(name: string, constraint: string): boolean {
  const domain = constraint.toLowerCase();
  if (domain === '' || name === domain) return true;
  return name.endsWith(domain.startsWith('.') ? domain : `.${domain}`);
}

/** Whether a name is a wildcard that stands for a domain, too. */
function couldBe(name: string, constraint: string): boolean {
  return name.startsWith('*.') && matches(name, constraint.toLowerCase());
}

/** @param network an address with its mask behind it */
function isInNetwork(address: Buffer, network: Buffer): boolean {
  const size = address.length;
  if (network.length !== 2 * size) return false;
  return address.every((byte, index) => ((byte ^ (network[index] ?? 0)) & (network[size + index] ?? 0)) === 0);
}
