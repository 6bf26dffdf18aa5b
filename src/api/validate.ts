import type { Static, TSchema } from '@sinclair/typebox';
import type { TypeCheck } from '@sinclair/typebox/compiler';
import type { ValueError } from '@sinclair/typebox/errors';

/** What is wrong with a field, for the person who wrote it. Never holds the value itself: it may be a credential. */
export interface FieldError {
  /** Path of the field from the root of the resource, for example `spec.service.type`. */
  path: string;
  /** What it must be. */
  message: string;
}

/**
 * Checks a value against its schema.
 * @param root path of the value in the resource, for example `spec`
 * @returns the value with its type, or the first thing that it breaks
 */
export function validate<Schema extends TSchema>(
  check: TypeCheck<Schema>,
  value: unknown,
  root: string,
): { value: Static<Schema> } | { error: FieldError } {
  if (check.Check(value)) return { value };
  const error = check.Errors(value).First();
  return { error: { path: root + fieldPath(error?.path ?? ''), message: error ? describe(error) : 'must be valid' } };
}

/** `must be …` for an error of TypeBox, with the accepted values where there are only a few. */
export function describe(error: ValueError): string {
  const values: unknown[] = (error.schema.anyOf ?? []).map((literal: TSchema) => literal.const);
  if (values.length > 0) return `must be one of ${values.join(', ')}`;
  if (typeof error.schema.pattern === 'string' && typeof error.value === 'string') {
    return `must match ${error.schema.pattern}`;
  }
  return error.message
    .replace(/^Expected required property$/, 'is required')
    .replace(/^Expected string length /, 'must have a length ')
    .replace(/^Expected \w+ to (be|match) /, 'must $1 ')
    .replace(/^Expected /, 'must be ');
}

/** A JSON pointer in the notation of Kubernetes: `/a/0/b` is `.a[0].b`. */
function fieldPath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) =>
      /^\d+$/.test(part) ? `[${part}]` : /^[\w-]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`,
    )
    .join('');
}
