import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { KubeObject } from './json.ts';

/** An object of Kubernetes, of any kind. */
export const AnyObject = Type.Unsafe<KubeObject>(
  Type.Object({ apiVersion: Type.String(), kind: Type.String(), metadata: Type.Object({ name: Type.String() }) }),
);

/** The received value with the expected type. @throws Error with the path of the first mismatch */
export function decode<Schema extends TSchema>(schema: Schema, value: unknown): Static<Schema> {
  if (Value.Check(schema, value)) return value;
  const { path, message } = Value.Errors(schema, value).First() ?? {};
  throw new Error(`${path || 'response'}: ${message}`);
}
