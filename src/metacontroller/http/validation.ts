import type { TSchema } from '@sinclair/typebox';
import type { FastifySchemaCompiler } from 'fastify';
import { compiled } from '../../schema/compiled.ts';
import { describe } from '../../schema/validate.ts';

/** The first schema error of a body, without the value, which may be a credential. */
export class InvalidBody extends Error {
  readonly statusCode = 400;
  readonly code = 'INVALID_BODY';
  /** JSON pointer to the field; empty for the body itself. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(`${path || 'the body'} ${message}`);
    this.path = path;
  }
}

/** Validates the body of a route by its TypeBox schema. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema }) => {
  const check = compiled(schema);
  return (body: unknown) => {
    if (check.Check(body)) return { value: body };
    const error = check.Errors(body).First();
    return { error: new InvalidBody(error?.path ?? '', error ? describe(error) : 'must be valid') };
  };
};
