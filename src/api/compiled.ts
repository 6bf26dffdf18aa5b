import { Kind, type Static, type TSchema, TypeRegistry } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import type { ValueError } from '@sinclair/typebox/errors';
import { keptFor } from '../memory.ts';

/** The check of a schema, as TypeBox's compiler makes it. */
export type Compiled<Schema extends TSchema> = Pick<TypeCheck<Schema>, 'Schema' | 'Check' | 'Errors'>;

/**
 * Compiles a schema, once, when a first value is checked: to compile all of them takes longer than everything else that a
 * process does until it is ready.
 */
export function compiled<Schema extends TSchema>(schema: Schema): Compiled<Schema> {
  let check: TypeCheck<Schema> | undefined;
  const made = () => {
    check ??= TypeCompiler.Compile(schema);
    return check;
  };
  return {
    Schema: () => schema,
    Check: (value): value is Static<Schema> => made().Check(value),
    Errors: (value) => made().Errors(value),
  };
}

const ONCE = Symbol('once');

interface Once {
  check: Compiled<TSchema>;
  fits: (value: object) => boolean;
}

/** The same schema for objects that come again: these are checked once. */
export function once<Schema extends TSchema>(schema: Schema): Schema {
  const check = compiled(schema);
  const state: Once = { check, fits: keptFor((value) => check.Check(value)) };
  return { ...schema, [Kind]: ONCE.description, [ONCE]: state };
}

TypeRegistry.Set<{ [ONCE]: Once }>('once', ({ [ONCE]: { check, fits } }, value) =>
  typeof value === 'object' && value !== null ? fits(value) : check.Check(value),
);

/** The first thing that a value breaks. */
export function firstError(check: Compiled<TSchema>, value: unknown): ValueError | undefined {
  const error = check.Errors(value).First();
  const within = (error?.schema as { [ONCE]?: Once } | undefined)?.[ONCE];
  if (!error || !within) return error;
  const inner = firstError(within.check, error.value);
  return inner && { ...inner, path: error.path + inner.path };
}
