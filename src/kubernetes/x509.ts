import type { X509Certificate } from 'node:crypto';

/** What node:crypto does not tell of a certificate, or only as text; from RFC 5280. */
export interface CertificateFields {
  version: number;
  /** The distinguished names as they are encoded, as which Go compares them. */
  issuer: Buffer;
  subject: Buffer;
  /** The last one of the subject, empty when there is none. */
  commonName: string;
  publicKey: Buffer;
  /** OID of the algorithm that it is signed with. */
  signatureAlgorithm: string;
  notBefore: Date;
  notAfter: Date;
  /** The subject alternative names, `undefined` without that extension. */
  names?: { dns: string[]; ip: Buffer[]; others: number };
  /** Whether it is an authority, and how many may stand between it and a server's certificate. */
  basicConstraints?: { authority: boolean; maxPathLength?: number };
  /** Whether its key may sign certificates, `undefined` when it is not said. */
  signsCertificates?: boolean;
  /** The names that it may sign. */
  nameConstraints?: { permitted: Names; excluded: Names };
  /** OIDs of critical extensions that Go does not know. */
  unknownCritical: string[];
}

/** Names of constraints; an address has its mask behind it. */
interface Names {
  dns: string[];
  ip: Buffer[];
  others: number;
}

const OID = {
  commonName: '2.5.4.3',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
} as const;

/** Extensions that crypto/x509 of Go reads besides those above. */
const ALSO_KNOWN = ['2.5.29.31', '2.5.29.32', '2.5.29.33', '2.5.29.36', '2.5.29.37', '2.5.29.54'];

/**
 * Reads the fields of a certificate.
 * @throws Error when an extension is not encoded as it must be
 */
export function certificateFields({ raw, validFrom, validTo }: X509Certificate): CertificateFields {
  const [tbs, algorithm] = children(only(raw));
  const fields = children(tbs);
  const version = fields[0]?.tag === VERSION ? (children(fields.shift())[0]?.content.at(-1) ?? 0) + 1 : 1;
  const [, , issuer, , subject, publicKey, ...rest] = fields;
  if (!issuer || !subject || !publicKey) throw new Error('it lacks a field');
  const list = rest.find(({ tag }) => tag === EXTENSIONS);
  const extensions = new Map(children(list && only(list.content)).map(extension));
  const value = (id: string) => {
    const found = extensions.get(id);
    return found && only(found.value);
  };
  const [names, constraints, usage, basic] = [
    value(OID.subjectAltName),
    value(OID.nameConstraints),
    value(OID.keyUsage),
    value(OID.basicConstraints),
  ];
  const read: CertificateFields = {
    version,
    issuer: issuer.raw,
    subject: subject.raw,
    commonName: commonName(subject),
    publicKey: publicKey.raw,
    signatureAlgorithm: oid(children(algorithm)[0]),
    notBefore: new Date(validFrom),
    notAfter: new Date(validTo),
    unknownCritical: [],
    ...(names && { names: generalNames(children(names)) }),
    ...(constraints && { nameConstraints: nameConstraints(constraints) }),
    ...(usage?.content.subarray(1).some((byte) => byte > 0) && {
      signsCertificates: ((usage.content[1] ?? 0) & KEY_CERT_SIGN) > 0,
    }),
    ...(basic && { basicConstraints: basicConstraints(basic) }),
  };
  for (const [id, { critical }] of extensions) {
    if (critical && !isKnown(id, read)) read.unknownCritical.push(id);
  }
  return read;
}

function commonName(subject: Element): string {
  const attributes = children(subject).flatMap(children).map(children);
  const [, value] = attributes.findLast(([id]) => oid(id) === OID.commonName) ?? [];
  return value?.content.toString('utf8') ?? '';
}

/** Whether Go reads all of an extension. */
function isKnown(id: string, { names, nameConstraints }: CertificateFields): boolean {
  if (id === OID.subjectAltName)
    return names !== undefined && names.others < names.dns.length + names.ip.length + names.others;
  if (id === OID.nameConstraints)
    return nameConstraints?.permitted.others === 0 && nameConstraints.excluded.others === 0;
  return Object.values<string>(OID).includes(id) || ALSO_KNOWN.includes(id);
}

function extension(element: Element): [string, { critical: boolean; value: Buffer }] {
  const [id, ...rest] = children(element);
  const value = rest.at(-1);
  if (!value) throw new Error('an extension has no value');
  return [oid(id), { critical: rest.length > 1 && rest[0]?.content[0] !== 0, value: value.content }];
}

function basicConstraints(element: Element): NonNullable<CertificateFields['basicConstraints']> {
  const fields = children(element);
  const length = fields.find(({ tag }) => tag === INTEGER);
  return {
    authority: fields.some(({ tag, content }) => tag === BOOLEAN && content[0] !== 0),
    ...(length && { maxPathLength: length.content.readUIntBE(0, Math.min(length.content.length, 6)) }),
  };
}

function nameConstraints(element: Element): NonNullable<CertificateFields['nameConstraints']> {
  const subtrees = (tag: number) => {
    const found = children(element).find((field) => field.tag === tag);
    return generalNames(children(found).flatMap((subtree) => children(subtree).slice(0, 1)));
  };
  return { permitted: subtrees(PERMITTED), excluded: subtrees(EXCLUDED) };
}

function generalNames(elements: Element[]): Names {
  const of = (wanted: number) => elements.filter(({ tag }) => tag === wanted).map(({ content }) => content);
  return {
    dns: of(DNS_NAME).map((name) => name.toString('latin1')),
    ip: of(IP_ADDRESS),
    // Mail addresses and URIs are read by Go as well, and tell nothing of a server.
    others: elements.filter(({ tag }) => ![DNS_NAME, IP_ADDRESS, MAIL_ADDRESS, URI].includes(tag)).length,
  };
}

const [BOOLEAN, INTEGER, VERSION, EXTENSIONS, PERMITTED, EXCLUDED] = [0x01, 0x02, 0xa0, 0xa3, 0xa0, 0xa1];
const [MAIL_ADDRESS, DNS_NAME, URI, IP_ADDRESS] = [0x81, 0x82, 0x86, 0x87];
const KEY_CERT_SIGN = 0x04;

/** An element of DER. */
interface Element {
  tag: number;
  content: Buffer;
  raw: Buffer;
}

function children(element: Element | undefined): Element[] {
  const found: Element[] = [];
  for (let rest = element?.content ?? Buffer.alloc(0); rest.length > 0; ) {
    const next = first(rest);
    found.push(next);
    rest = rest.subarray(next.raw.length);
  }
  return found;
}

function only(bytes: Buffer): Element {
  const element = first(bytes);
  if (element.raw.length !== bytes.length) throw new Error('something stands behind a field');
  return element;
}

function first(bytes: Buffer): Element {
  const [tag = 0, short = 0] = bytes;
  const more = short < 0x80 ? 0 : short & 0x7f;
  const start = 2 + more;
  const end = start + (more === 0 ? short : bytes.readUIntBE(2, more));
  if (end > bytes.length) throw new Error('a field is cut off');
  return { tag, content: bytes.subarray(start, end), raw: bytes.subarray(0, end) };
}

function oid(element: Element | undefined): string {
  const numbers = [0];
  for (const byte of element?.content ?? []) {
    const last = numbers.length - 1;
    numbers[last] = (numbers[last] ?? 0) * 128 + (byte & 0x7f);
    if (byte < 0x80) numbers.push(0);
  }
  const [head = 0, ...rest] = numbers.slice(0, -1);
  const top = Math.min(Math.floor(head / 40), 2);
  return [top, head - top * 40, ...rest].join('.');
}
