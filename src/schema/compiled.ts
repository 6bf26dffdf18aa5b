import type { Static, TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';

/** A schema as TypeBox's compiler compiles it. */
export type Compiled<Schema extends TSchema> = Pick<TypeCheck<Schema>, 'Schema' | 'Check' | 'Errors'>;

/**
 * Compiles a schema when the first value is checked: compiling all of them takes longer than the rest of the startup of a
 * process.
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
