import type { ObservedSecret } from './kinds.ts';

/** Keys of a TLS Secret, as Kubernetes and cert-manager call them. */
export const TLS_KEYS = { certificate: 'tls.crt', key: 'tls.key', ca: 'ca.crt' } as const;

/** Why a Secret can't be used, and what to do about it. Never says what is in it. */
export interface SecretProblem {
  reason: 'SecretNotFound' | 'SecretKeyMissing' | 'SecretInvalid';
  message: string;
}

/** What a resource reports while it waits for a Secret or a key of it. */
export interface SecretMessages {
  notFound: (name: string) => string;
  keyMissing: (name: string, key: string) => string;
}

/** A reference to Secrets in the namespace of the resource that has it, and the Secrets that are there. */
export interface SecretSource {
  /** Path of the field, for example `spec.tls.secretName`. */
  path: string;
  messages: SecretMessages;
  namespace: string;
  /** By `namespace/name`. */
  secrets: Record<string, ObservedSecret> | undefined;
}

/** The plain text of a key of a Secret, which may not be empty, or why there is none. */
export function readSecretKey(
  { path, messages: { notFound, keyMissing }, namespace, secrets }: SecretSource,
  { name, key }: { name: string; key: string },
): { value: string } | { problem: SecretProblem } {
  const secret = secrets?.[`${namespace}/${name}`];
  if (!secret) return { problem: { reason: 'SecretNotFound', message: `${path}: ${notFound(name)}` } };
  const { data = {} } = secret;
  const value = decode(Object.hasOwn(data, key) ? data[key] : undefined);
  if (!value) return { problem: { reason: 'SecretKeyMissing', message: `${path}: ${keyMissing(name, key)}` } };
  return { value };
}

/** The plain text of a value of a Secret. */
export function decode(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}

/** A value as a Secret holds it. */
export function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
