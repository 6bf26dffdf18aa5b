import type { Static, TSchema } from '@sinclair/typebox';

/** A validation rule over several fields of an object, in both forms: for the API server, and for the hooks. */
export interface Rule<Value> {
  /** CEL over `self`. */
  rule: string;
  /** What the field at `fieldPath` must be. */
  message: string;
  /** Path from the object, for example `.loadBalancerClass`. Default: the object itself. */
  fieldPath?: string;
  /** The same as `rule`, over a value that matches the schema. */
  holds: (value: Value) => boolean;
}

/** Key of the rules of a schema; the API server reads them from a CRD under this name. */
export const RULES = 'x-kubernetes-validations';

/** An object schema with rules over its fields. */
export function withRules<Schema extends TSchema>(schema: Schema, rules: Rule<Static<Schema>>[]): Schema {
  return { ...schema, [RULES]: rules };
}

/**
 * Marks the schema of a field whose empty value has a meaning, while any other empty string, list or object is treated as
 * absent: an empty selector selects everything, and an empty class of volumes means no class.
 */
export const EmptyCounts = Symbol('EmptyCounts');

/**
 * Marks the schema of an object of which the CRD declares the required fields only, to keep it small: the API server keeps all
 * others as they are, and the hooks validate them.
 */
export const OnlyRequiredInCrd = Symbol('OnlyRequiredInCrd');

/** Marks an integer or a string that is not a quantity, and so has no other canonical form. */
export const Verbatim = Symbol('Verbatim');
