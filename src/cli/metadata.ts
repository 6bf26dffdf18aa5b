import { DNS_LABEL_OR_EMPTY, DNS_SUBDOMAIN_OR_EMPTY, LABEL_VALUE, QUALIFIED_NAME } from '../schema/fields.ts';
import type { FieldError } from '../schema/validate.ts';

/** Metadata as it stands in a file. */
interface GivenMetadata {
  name: string;
  namespace?: string;
  labels?: unknown;
  annotations?: unknown;
}

/**
 * What the API server would refuse of the metadata of a resource: it has to be valid before a hook is called.
 * @param fallback namespace of resources that name none
 */
export function metadataErrors({ metadata }: { metadata: GivenMetadata }, fallback: string): FieldError[] {
  const { name, labels, annotations } = metadata;
  const namespace = metadata.namespace || fallback;
  const errors: FieldError[] = [];
  if (name === '' || name.length > 253 || !SUBDOMAIN.test(name)) {
    errors.push({ path: 'metadata.name', message: 'must be a DNS subdomain: lower-case letters, digits, - and .' });
  }
  if (namespace === '' || namespace.length > 63 || !LABEL.test(namespace)) {
    errors.push({ path: 'metadata.namespace', message: 'must be a DNS label: lower-case letters, digits and -' });
  }
  return [
    ...errors,
    ...stringErrors('metadata.labels', labels, (key, value) =>
      isQualified(key) && value.length <= 63 && VALUE.test(value) ? undefined : 'must be a label of Kubernetes',
    ),
    ...stringErrors('metadata.annotations', annotations, (key) =>
      isQualified(key.toLowerCase()) ? undefined : 'must have the name of an annotation of Kubernetes',
    ),
  ];
}

/**
 * What is no string in a map of strings. A key without a value passes.
 * @param problem what else is wrong with a string
 */
export function stringErrors(
  path: string,
  map: unknown,
  problem: (key: string, value: string) => string | undefined = () => undefined,
): FieldError[] {
  if (map === undefined || map === null) return [];
  if (typeof map !== 'object' || Array.isArray(map)) return [{ path, message: 'must be a map of strings' }];
  return Object.entries(map).flatMap(([key, value]: [string, unknown]) => {
    const isString = typeof value === 'string' || value === null;
    const message = isString ? problem(key, value ?? '') : 'must be a string: put it into quotes';
    return message ? [{ path: `${path}[${JSON.stringify(key)}]`, message }] : [];
  });
}

/** A map of strings as the API server stores it: without a value, a key has the empty string. */
export function stringsOf(map: unknown): Record<string, string> | undefined {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return undefined;
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value ?? '')]));
}

const SUBDOMAIN = new RegExp(DNS_SUBDOMAIN_OR_EMPTY);
const LABEL = new RegExp(DNS_LABEL_OR_EMPTY);
const QUALIFIED = new RegExp(QUALIFIED_NAME);
const VALUE = new RegExp(LABEL_VALUE);

function isQualified(key: string): boolean {
  return QUALIFIED.test(key) && key.lastIndexOf('/') <= 253;
}
