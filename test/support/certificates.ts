import { isIP } from 'node:net';
import { generate } from 'selfsigned';
import { encode } from '../../src/kubernetes/secrets.ts';
import type { KubeObject } from '../stand-in/json.ts';

/** A key and its certificate, in PEM. */
export interface KeyPair {
  key: string;
  certificate: string;
}

/** A validity period around every time that tests use. */
const VALID = { notBeforeDate: new Date('2000-01-01T00:00:00Z'), notAfterDate: new Date('2049-01-01T00:00:00Z') };

/** A certificate authority. Several trusted ones need different names. */
export async function authority(name = 'an authority'): Promise<KeyPair> {
  const { private: key, cert: certificate } = await generate([{ name: 'commonName', value: name }], {
    ...VALID,
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { key, certificate };
}

/** A certificate of an authority for DNS names, for addresses and for 127.0.0.1; valid for servers and for clients. */
export async function issue(by: KeyPair, ...names: string[]): Promise<KeyPair> {
  return issueUntil(VALID.notAfterDate, by, ...names);
}

/** The same with another end of its validity. */
export async function issueUntil(notAfterDate: Date, by: KeyPair, ...names: string[]): Promise<KeyPair> {
  const { private: key, cert: certificate } = await generate([{ name: 'commonName', value: 'issued' }], {
    ...VALID,
    notAfterDate,
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { key: by.key, cert: by.certificate },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: ['127.0.0.1', ...names].map((name) =>
          isIP(name) ? { type: 7 as const, ip: name } : { type: 2 as const, value: name },
        ),
      },
    ],
  });
  return { key, certificate };
}

/** A Secret as cert-manager creates it. */
export function tlsSecret(name: string, pair: KeyPair, ca: KeyPair | undefined, namespace = 'meshery'): KubeObject {
  const metadata = { name, namespace };
  return { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', data: tlsData(pair, ca) };
}

/** The data of that Secret. */
export function tlsData(pair: KeyPair, ca: KeyPair | undefined): Record<string, string> {
  return {
    'tls.crt': encode(pair.certificate),
    'tls.key': encode(pair.key),
    ...(ca && { 'ca.crt': encode(ca.certificate) }),
  };
}
