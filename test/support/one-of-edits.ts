import type { oneOfs } from '../../src/metacontroller/one-of.ts';
import { isObject, type Json, type JsonObject } from '../stand-in/json.ts';

/** An edit as `kubectl edit` makes it, as a JSON patch. */
export interface Edit {
  what: string;
  operations: JsonObject[];
}

/** A value by hand for every field of the rules, with optional fields besides the required ones. */
const byHand: Record<string, unknown> = {
  exec: { command: ['true'] },
  grpc: { port: 5000, service: 'x' },
  httpGet: { host: 'example.com', httpHeaders: [{ name: 'X', value: 'x' }], path: '/hand', port: 80, scheme: 'HTTPS' },
  tcpSocket: { host: 'example.com', port: 4222 },
  sleep: { seconds: 3 },
  value: 'by hand',
  valueFrom: { secretKeyRef: { key: 'y', name: 'x', optional: true } },
  configMapKeyRef: { key: 'y', name: 'x' },
  fieldRef: { fieldPath: 'metadata.namespace' },
  resourceFieldRef: { resource: 'limits.cpu' },
  secretKeyRef: { key: 'y', name: 'x' },
  configMap: { items: [{ key: 'x', path: 'y' }], name: 'x', optional: true },
  downwardAPI: { items: [{ fieldRef: { fieldPath: 'metadata.name' }, path: 'x' }] },
  emptyDir: { medium: 'Memory', sizeLimit: '1Mi' },
  hostPath: { path: '/x', type: 'Directory' },
  image: { pullPolicy: 'Always', reference: 'x' },
  nfs: { path: '/x', readOnly: true, server: 'x' },
  persistentVolumeClaim: { claimName: 'x', readOnly: true },
  projected: { defaultMode: 256, sources: [{ configMap: { name: 'x' } }] },
  secret: { defaultMode: 256, secretName: 'x' },
  maxUnavailable: 2,
  minAvailable: 3,
  hostPID: true,
  privileged: true,
};

/** Fields whose edit needs another one. */
const together: Record<string, JsonObject> = {
  localhostProfile: { localhostProfile: 'x', type: 'Localhost' },
  loadBalancerSourceRanges: { loadBalancerSourceRanges: ['192.0.2.0/24'], type: 'LoadBalancer' },
};

/** Every edit of an object that replaces the field of a rule by another one. */
export function editsOf(object: object, rules: typeof oneOfs): Edit[] {
  return edits(object, '', '', rules);
}

function edits(value: unknown, field: string, path: string, rules: typeof oneOfs): Edit[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => edits(item, field, `${path}/${index}`, rules));
  if (!isObject(value)) return [];
  const here = rules
    .filter((rule) => rule.in.includes(field) && (rule.when?.(value) ?? true))
    .flatMap(({ fields }) => replacements(value, path, fields));
  const inside = Object.entries(value).flatMap(([key, item]) =>
    key === 'metadata' || key === 'status' ? [] : edits(item, key, `${path}/${key}`, rules),
  );
  return [...here, ...inside];
}

function replacements(value: JsonObject, path: string, fields: string[]): Edit[] {
  const present = fields.find((name) => value[name] !== undefined);
  if (!present) return [];
  return fields
    .filter((name) => name !== present && (name in byHand || name in together))
    .map((name) => {
      const replacement = { ...value, ...(together[name] ?? { [present]: undefined, [name]: byHand[name] }) };
      return { what: `${path}/${name}`, operations: [{ op: 'replace', path, value: replacement as JsonObject }] };
    });
}

/** Applies the JSON patch of an edit to an object in place. */
export function applyEdit(object: JsonObject, { operations }: Edit): void {
  for (const { path, value } of operations) {
    const keys = String(path).split('/').slice(1);
    const last = keys.pop() ?? '';
    const parent = keys.reduce<Json | undefined>((inside, key) => (inside as JsonObject)[key], object);
    (parent as JsonObject)[last] = structuredClone(value);
  }
}
