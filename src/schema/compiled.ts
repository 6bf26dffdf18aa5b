import type { Static, TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';

/** The check of a schema, as TypeBox's compiler makes it. */
export type Compiled<Schema extends TSchema> = Pick<TypeCheck<Schema>, 'Schema' | 'Check' | 'Errors'>;

/**
 * Compiles a schema when a first value is checked: to compile all of them takes longer than everything else that a process
 * does until it is ready.
 */
export function compiled<Schema extends TSchema>(schema: Schema): Compiled<Schema> {
  let check: TypeCheck<Schema> | undefined;
  const compile = () => {
    check ??= TypeCompiler.Compile(schema);
    return check;
  };
  return {
    Schema: () => schema,
    Check: (value): value is Static<Schema> => compile().Check(value),
    Errors: (value) => compile().Errors(value),
  };
}
